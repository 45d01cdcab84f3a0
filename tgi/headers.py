"""The headers of an answer: TGI's account of what it cost."""

from dataclasses import dataclass

from tgi.generation import Generation
from tgi.metrics import Times
from tgi.serving import Service


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one generation, from its arrival to its last token."""

    prompt_tokens: int
    times: Times


def cost(generation: Generation, generated_tokens: int) -> Cost:
    """Of a generation that has just ended."""
    return Cost(generation.input_length, generation.times(generated_tokens))


def request_headers(service: Service, *inputs: str) -> dict[str, str]:
    """What is known before the first token."""
    return {"x-compute-type": service.engine.device, "x-compute-characters": str(sum(map(len, inputs)))}


def cost_headers(*costs: Cost) -> dict[str, str]:
    """The sums over an answer's generations. Times in whole milliseconds, except x-compute-time, in seconds."""
    seconds = {
        "x-total-time": [cost.times.total for cost in costs],
        "x-validation-time": [cost.times.validation for cost in costs],
        "x-queue-time": [cost.times.queue for cost in costs],
        "x-inference-time": [cost.times.inference for cost in costs],
        "x-time-per-token": [cost.times.inference / cost.times.generated_tokens for cost in costs],
    }
    return {
        "x-compute-time": f"{sum(seconds['x-total-time']):.9f}",
        "x-prompt-tokens": str(sum(cost.prompt_tokens for cost in costs)),
        "x-generated-tokens": str(sum(cost.times.generated_tokens for cost in costs)),
        **{name: str(int(sum(values) * 1000)) for name, values in seconds.items()},
    }
