"""From settings to a loaded engine, and to the limits of what it serves."""

import logging

from tgi import gguf
from tgi.engines.base import Engine
from tgi.models import Model
from tgi.protocol.validation import Limits
from tgi.settings import CONTEXT_TOKENS, Settings

log = logging.getLogger("tgi")

# llama.cpp's defaults; transformers knows from the device how much it can take.
LLAMACPP_SLOTS = 8
FEWEST_SLOTS = 2
CACHE_BYTES = 2 << 30


class StartupError(Exception):
    """The server cannot start; ``str()`` is the line to show."""


def load(settings: Settings, model: Model, limits: Limits) -> Engine:
    """The model, loaded into the engine asked for. Raises ``StartupError``."""
    log.info("Loading %s", model.id)
    build = _transformers if settings.engine == "transformers" else _llamacpp
    try:
        return build(settings, model, limits)
    except ValueError as error:
        raise StartupError(f"MODEL_ID={model.id}: {error}") from None


def token_limits(settings: Settings, context_length: int) -> Limits:
    """The limits asked for, as far as the model goes. Raises ``StartupError``."""
    total = settings.max_total_tokens or min(context_length, CONTEXT_TOKENS)
    if total > context_length:
        raise StartupError(f"MAX_TOTAL_TOKENS is {total}, but the model's context has {context_length} tokens.")
    prompt = settings.max_input_tokens or total - 1
    if prompt >= total:
        raise StartupError(f"MAX_INPUT_TOKENS ({prompt}) must be less than the {total} tokens in total.")
    batch = settings.max_batch_total_tokens
    if batch and batch < total:
        raise StartupError(f"MAX_BATCH_TOTAL_TOKENS ({batch}) must be at least the {total} tokens of one request.")
    return Limits(
        prompt,
        total,
        max_stop_sequences=settings.max_stop_sequences,
        max_best_of=settings.max_best_of,
        max_client_batch_size=settings.max_client_batch_size,
    )


# The engines are imported late: a mistake in the settings should not wait for their libraries.


def default_slots(bytes_per_token: int | None, tokens: int) -> int:
    """As many slots of so many tokens as 2 GiB of cache have room for: from 2 to 8."""
    if bytes_per_token is None:
        return FEWEST_SLOTS
    return max(FEWEST_SLOTS, min(LLAMACPP_SLOTS, CACHE_BYTES // (bytes_per_token * tokens)))


def _llamacpp(settings: Settings, model: Model, limits: Limits) -> Engine:
    from tgi.engines.llamacpp import LlamaCppEngine, LlamaCppOptions

    slots = settings.max_batch_size or default_slots(gguf.cache_bytes_per_token(model.path), limits.max_total_tokens)
    options = LlamaCppOptions(
        path=model.path,
        threads=settings.threads,
        slots=slots,
        # Each slot has its cells to itself: where slots share them, what else is running decides the order of sums, and
        # the same seed gives another text.
        max_batch_total_tokens=settings.max_batch_total_tokens or limits.max_total_tokens * slots,
        max_total_tokens=limits.max_total_tokens,
        device=settings.device,
    )
    return LlamaCppEngine(options)


def _transformers(settings: Settings, model: Model, limits: Limits) -> Engine:
    try:
        from tgi.engines.transformers import TransformersEngine, TransformersOptions
    except ImportError as error:
        raise StartupError(
            f"--engine transformers is not installed ({error}): pip install -r tgi/requirements-transformers.txt"
        ) from None
    options = TransformersOptions(
        path=model.path,
        device=settings.device,
        dtype=settings.dtype,
        threads=settings.threads,
        slots=settings.max_batch_size,
        max_batch_total_tokens=settings.max_batch_total_tokens,
    )
    return TransformersEngine(options)
