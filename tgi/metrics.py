"""``/metrics``: what TGI counts, under TGI's names and in TGI's buckets, in Prometheus' text format.

Every request that reaches the model's rules counts once in ``tgi_request_count``, and then as a success or as a
failure with the kind of its error, unless its client leaves first. The histograms take one value per sequence.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from tgi.engines.base import Job
from tgi.errors import FAILURES, InferenceError
from tgi.protocol.validation import Limits

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
DURATION_BUCKETS = [0.0001 * 1.5**step for step in range(1, 36)]
DURATIONS = {
    "tgi_request_duration": "Time of a request from its arrival to its last token",
    "tgi_request_validation_duration": "Time before it was queued",
    "tgi_request_queue_duration": "Time in the queue",
    "tgi_request_inference_duration": "Time from the queue to the last token",
    "tgi_request_mean_time_per_token_duration": "Inference time per generated token",
}
# prometheus_client ends every counter's name in _total, which TGI's do not have.
COUNTER_SUFFIX = re.compile(rb"^((?:# (?:HELP|TYPE) )?tgi_request_(?:count|success|failure))_total", re.MULTILINE)

disable_created_metrics()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Times:
    """How long a finished generation took, in seconds, and the tokens it made."""

    total: float
    validation: float
    queue: float
    inference: float
    generated_tokens: int


class Metrics:
    """The counts of one served model."""

    def __init__(self, limits: Limits) -> None:
        self._registry = registry = CollectorRegistry()
        self._count = Counter("tgi_request_count", "Requests", registry=registry)
        self._success = Counter("tgi_request_success", "Requests answered", registry=registry)
        self._failure = Counter("tgi_request_failure", "Requests refused or failed", ["err"], registry=registry)
        for kind in sorted(FAILURES):
            self._failure.labels(kind)
        self._durations = {
            name: Histogram(name, f"{text}, in seconds", buckets=DURATION_BUCKETS, registry=registry)
            for name, text in DURATIONS.items()
        }
        hundredths = _hundredths(limits.max_total_tokens)
        self._input_length = Histogram(
            "tgi_request_input_length",
            "Prompt tokens",
            buckets=_hundredths(limits.max_input_tokens),
            registry=registry,
        )
        self._max_new_tokens = Histogram(
            "tgi_request_max_new_tokens", "Tokens it may generate", buckets=hundredths, registry=registry
        )
        self._generated_tokens = Histogram(
            "tgi_request_generated_tokens", "Tokens it generated", buckets=hundredths, registry=registry
        )
        self._add_gauges()
        self._running: dict[int, Job] = {}

    def _add_gauges(self) -> None:
        def started() -> list[Job]:
            return [job for job in self._running.values() if job.started is not None]

        gauges = {
            "tgi_queue_size": ("Sequences that wait", lambda: len(self._running) - len(started())),
            "tgi_batch_current_size": ("Sequences that generate", lambda: len(started())),
            "tgi_batch_current_max_tokens": (
                "Tokens the batch may come to",
                lambda: sum(len(job.prompt) + job.max_new_tokens for job in started()),
            ),
        }
        for name, (text, value) in gauges.items():
            Gauge(name, text, registry=self._registry).set_function(value)

    @contextmanager
    def request(self) -> Iterator[None]:
        """Around a request: counts it, and that it succeeded or why it failed."""
        self._count.inc()
        try:
            yield
        except InferenceError as error:
            self._fail(error)
            raise
        else:
            self._success.inc()

    def refused(self, error: InferenceError) -> None:
        """A request that failed before ``request``; one that was counted there is not counted again."""
        if not error.counted:
            self._count.inc()
            self._fail(error)

    @contextmanager
    def running(self, job: Job) -> Iterator[None]:
        """Around a generation, from the queue to its end."""
        self._input_length.observe(len(job.prompt))
        self._max_new_tokens.observe(job.max_new_tokens)
        self._running[id(job)] = job
        try:
            yield
        finally:
            del self._running[id(job)]

    def finished(self, times: Times) -> None:
        """A generation came to its end."""
        values = (times.total, times.validation, times.queue, times.inference)
        per_token = times.inference / times.generated_tokens
        for histogram, seconds in zip(self._durations.values(), (*values, per_token), strict=True):
            histogram.observe(seconds)
        self._generated_tokens.observe(times.generated_tokens)

    def render(self) -> bytes:
        """All of it as Prometheus reads it."""
        return COUNTER_SUFFIX.sub(rb"\1", generate_latest(self._registry))

    def _fail(self, error: InferenceError) -> None:
        error.counted = True
        self._failure.labels(error.failure).inc()


def _hundredths(limit: int) -> list[float]:
    return [limit / 100 * step for step in range(1, 101)]
