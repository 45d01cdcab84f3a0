"""Keys and values of a batch of sequences that come and go, behind transformers' cache interface.

Sequences are rows, aligned at their ends: the last token of each is in the last column, so that one step writes one
column, and masks are those of left padding, which every model of transformers understands, sliding windows included.
A sequence that leaves gives its row to the last one; nothing is copied for the others.

    columns      first            end
    row 0          . . t t t t t t      "." is padding, left of a shorter sequence
    row 1          t t t t t t t t
"""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import Cache

# New buffers have room for this part more of columns and rows, and at least so many columns, so that few are made.
SLACK = 4
MIN_SLACK_COLUMNS = 64


@dataclass(slots=True)
class Span:
    """What the layers of a batch hold: ``rows``, and columns from ``first`` up to ``end``, counted since ever."""

    rows: int = 0
    first: int = 0
    end: int = 0

    @property
    def width(self) -> int:
        """How many columns are in use."""
        return self.end - self.first


class SpanLayer:
    """One layer of transformers' ``Cache``: two buffers of rows × heads × columns × head width.

    Their first column is column ``_origin`` of the span. They are zeroed when made: what is masked is multiplied
    by nothing, and nothing times what was in memory before may be no number.
    """

    is_sliding = False
    is_compileable = False
    is_initialized = True

    def __init__(self, span: Span) -> None:
        self._span = span
        self._origin = 0
        # None until something is written: only then is known how wide they are.
        self.keys: Any = None
        self.values: Any = None

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, cache_kwargs: dict[str, Any] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the columns after the span's, and give all of them; called by the model's attention."""
        rows, _, columns, _ = keys.shape
        first, end = self._span.first, self._span.end + columns
        self._make_room(keys, values, rows, first, end)
        places = slice(self._span.end - self._origin, end - self._origin)
        self.keys[:rows, :, places] = keys
        self.values[:rows, :, places] = values
        seen = slice(first - self._origin, end - self._origin)
        return self.keys[:rows, :, seen], self.values[:rows, :, seen]

    def get_mask_sizes(self, cache_position: torch.Tensor) -> tuple[int, int]:
        """How many columns attention sees, and the first one's number."""
        return self._span.width + cache_position.shape[0], 0

    def get_seq_length(self) -> int:
        """Columns in use."""
        return self._span.width

    def get_max_cache_shape(self) -> int:
        """No limit."""
        return -1

    def append(self, other: "SpanLayer") -> None:
        """Copy the rows of another batch below this one's, ends aligned. The spans are not changed."""
        mine, new = self._span, other._span
        first = mine.end - max(mine.width, new.width)
        self._make_room(other.keys, other.values, mine.rows + new.rows, first, mine.end)
        rows = slice(mine.rows, mine.rows + new.rows)
        places = slice(mine.end - new.width - self._origin, mine.end - self._origin)
        source = slice(new.first - other._origin, new.end - other._origin)
        self.keys[rows, :, places] = other.keys[: new.rows, :, source]
        self.values[rows, :, places] = other.values[: new.rows, :, source]

    def move_row(self, source: int, target: int) -> None:
        """Copy one row over another."""
        seen = slice(self._span.first - self._origin, self._span.end - self._origin)
        for buffer in (self.keys, self.values):
            if buffer is not None:
                buffer[target, :, seen] = buffer[source, :, seen]

    def _make_room(self, keys: torch.Tensor, values: torch.Tensor, rows: int, first: int, end: int) -> None:
        """Let the buffers have these rows and columns, those in use kept: where they are, shifted, or in new ones."""
        if self.keys is not None and self.keys.shape[0] >= rows:
            if first >= self._origin and end - self._origin <= self.keys.shape[2]:
                return
            if end - first + (end - first) // SLACK <= self.keys.shape[2]:
                self.keys = self._moved(self.keys, torch.zeros_like(self.keys), first)
                self.values = self._moved(self.values, torch.zeros_like(self.values), first)
                self._origin = first
                return
        columns = end - first + max(MIN_SLACK_COLUMNS, (end - first) // SLACK)
        self.keys = self._moved(self.keys, _buffer(keys, rows, columns), first)
        self.values = self._moved(self.values, _buffer(values, rows, columns), first)
        self._origin = first

    def _moved(self, old: torch.Tensor | None, new: torch.Tensor, first: int) -> torch.Tensor:
        """``new``, which begins at column ``first``, with the columns in use from ``old``."""
        span = self._span
        if old is not None and span.rows and span.width:
            new[: span.rows, :, span.first - first : span.end - first] = old[
                : span.rows, :, span.first - self._origin : span.end - self._origin
            ]
        return new


def _buffer(like: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    _, heads, _, width = like.shape
    return torch.zeros((rows + rows // SLACK, heads, columns, width), dtype=like.dtype, device=like.device)


class BatchCache:
    """The span and all of its layers. ``cache`` is what the model is given."""

    def __init__(self, layers: int) -> None:
        self.span = Span()
        self._layers = [SpanLayer(self.span) for _ in range(layers)]
        self.cache = Cache(layers=self._layers)

    @property
    def bytes_per_token(self) -> int:
        """What one token of one sequence takes; known once something was written."""
        buffers = [buffer for layer in self._layers for buffer in (layer.keys, layer.values) if buffer is not None]
        return sum(buffer.shape[1] * buffer.shape[3] * buffer.element_size() for buffer in buffers)

    def append(self, other: "BatchCache") -> None:
        """Take in the rows of another batch. Where memory runs out this one is as it was."""
        for mine, new in zip(self._layers, other._layers, strict=True):
            if new.keys is not None:
                mine.append(new)
        span = self.span
        span.first = span.end - max(span.width, other.span.width)
        span.rows += other.span.rows

    def remove(self, row: int) -> None:
        """Let go of a row; the last one takes its place."""
        last = self.span.rows - 1
        if row != last:
            for layer in self._layers:
                layer.move_row(last, row)
        self.span.rows = last
