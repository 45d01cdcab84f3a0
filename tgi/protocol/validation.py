"""TGI's rules for a generation, in TGI's order and words. Pure.

``check_parameters`` needs no model; ``check_lengths`` needs the number of prompt tokens.
"""

import secrets
from collections.abc import Set
from dataclasses import dataclass

from tgi.engines.base import Feature, Sampling
from tgi.errors import ValidationError
from tgi.protocol.requests import GenerateParameters

MAX_TOP_N_TOKENS = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """What this server allows: token counts, and how many of each list."""

    max_input_tokens: int
    max_total_tokens: int
    max_stop_sequences: int = 4
    max_best_of: int = 1
    max_client_batch_size: int = 4


def check_stream(parameters: GenerateParameters) -> None:
    """What a stream cannot have; checked before everything else."""
    if parameters.best_of not in (None, 1):
        raise ValidationError("`best_of` != 1 is not supported when streaming tokens")
    if parameters.decoder_input_details:
        raise ValidationError("`decoder_input_details` == true is not supported when streaming tokens")


def check_best_of(best_of: int | None, limits: Limits) -> int:
    """How many sequences to make of a request that does not stream; checked before everything else."""
    best_of = 1 if best_of is None else best_of
    if limits.max_best_of == 1 and best_of != 1:
        raise ValidationError("`best_of` != 1 is not allowed for this endpoint")
    if not 0 < best_of <= limits.max_best_of:
        raise ValidationError(f"`best_of` must be > 0 and <= {limits.max_best_of}. Given: {best_of}")
    return best_of


def check_parameters(inputs: str, parameters: GenerateParameters, limits: Limits) -> Sampling:
    """How to sample, or ``ValidationError`` for the first rule broken."""
    if parameters.best_of not in (None, 1) and not _asks_to_sample(parameters):
        raise ValidationError("you must use sampling when `best_of` is > 1")
    _check_penalties(parameters)
    _check_cuts(parameters)
    _check_counts(parameters, limits)
    if not inputs:
        raise ValidationError("`inputs` cannot be empty")
    truncate = parameters.truncate
    if truncate is not None and not 0 < truncate <= limits.max_input_tokens:
        raise ValidationError(
            f"`truncate` must be strictly positive and less than {limits.max_input_tokens}. Given: {truncate}"
        )
    return _sampling(parameters)


def check_supported(parameters: GenerateParameters, supports: Set[Feature]) -> None:
    """Refuse what would otherwise have to be ignored: what the engine lacks, and what no engine here has."""
    if parameters.grammar is not None and "grammar" not in supports:
        raise ValidationError("grammar is not supported")
    given: dict[Feature, bool] = {
        "decoder_input_details": parameters.decoder_input_details,
        "frequency_penalty": parameters.frequency_penalty not in (None, 0),
        "repetition_penalty": parameters.repetition_penalty not in (None, 1),
        "top_n_tokens": bool(parameters.top_n_tokens),
        "typical_p": parameters.typical_p is not None,
    }
    missing = [name for name, asked in given.items() if asked and name not in supports]
    nowhere = {"watermark": parameters.watermark, "adapter_id": parameters.adapter_id}
    for name in (*missing, *(name for name, asked in nowhere.items() if asked)):
        raise ValidationError(f"`{name}` is not supported by this server")


def check_lengths(input_tokens: int, max_new_tokens: int | None, limits: Limits) -> int:
    """How many tokens may be generated: what was asked for, or all that is left of the context."""
    if max_new_tokens is None:
        max_new_tokens = max(limits.max_total_tokens - input_tokens, 0)
    if input_tokens + max_new_tokens > limits.max_total_tokens:
        raise ValidationError(
            f"`inputs` tokens + `max_new_tokens` must be <= {limits.max_total_tokens}. "
            f"Given: {input_tokens} `inputs` tokens and {max_new_tokens} `max_new_tokens`"
        )
    if input_tokens > limits.max_input_tokens:
        raise ValidationError(f"`inputs` must have less than {limits.max_input_tokens} tokens. Given: {input_tokens}")
    return max_new_tokens


def _check_penalties(parameters: GenerateParameters) -> None:
    if parameters.temperature is not None and parameters.temperature <= 0:
        raise ValidationError("`temperature` must be strictly positive")
    if parameters.repetition_penalty is not None and parameters.repetition_penalty <= 0:
        raise ValidationError("`repetition_penalty` must be strictly positive")
    if parameters.frequency_penalty is not None and not -2 <= parameters.frequency_penalty <= 2:
        raise ValidationError("`frequency_penalty` must be >= -2.0 and <= 2.0")


def _check_cuts(parameters: GenerateParameters) -> None:
    if parameters.top_p is not None and not 0 < parameters.top_p < 1:
        raise ValidationError("`top_p` must be > 0.0 and < 1.0")
    if parameters.typical_p is not None and not 0 < parameters.typical_p < 1:
        raise ValidationError("`typical_p` must be > 0.0 and < 1.0")
    if parameters.top_k is not None and parameters.top_k <= 0:
        raise ValidationError("`top_k` must be strictly positive")


def _check_counts(parameters: GenerateParameters, limits: Limits) -> None:
    if parameters.max_new_tokens == 0:
        raise ValidationError("`max_new_tokens` must be strictly positive")
    if len(parameters.stop) > limits.max_stop_sequences:
        raise ValidationError(
            f"`stop` supports up to {limits.max_stop_sequences} stop sequences. Given: {len(parameters.stop)}"
        )
    if parameters.best_of not in (None, 1) and parameters.seed is not None:
        raise ValidationError("`seed` must not be set when `best_of` > 1")
    if parameters.top_n_tokens is not None and parameters.top_n_tokens > MAX_TOP_N_TOKENS:
        raise ValidationError(
            f"`top_n_tokens` must be >= 0 and <= {MAX_TOP_N_TOKENS}. Given: {parameters.top_n_tokens}"
        )


def _asks_to_sample(parameters: GenerateParameters) -> bool:
    wishes = (parameters.temperature, parameters.top_k, parameters.top_p, parameters.typical_p)
    return parameters.do_sample or any(wish is not None for wish in wishes)


def _sampling(parameters: GenerateParameters) -> Sampling:
    temperature = 1.0 if parameters.temperature is None else parameters.temperature
    top_k = parameters.top_k or 0
    top_p = 1.0 if parameters.top_p is None else parameters.top_p
    typical_p = 1.0 if parameters.typical_p is None else parameters.typical_p
    sample = parameters.do_sample or temperature != 1.0 or top_k > 0 or top_p < 1.0 or typical_p < 1.0
    seed = secrets.randbits(64) if parameters.seed is None else parameters.seed
    return Sampling(
        seed=seed if sample else None,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        typical_p=typical_p,
        repetition_penalty=1.0 if parameters.repetition_penalty is None else parameters.repetition_penalty,
        frequency_penalty=parameters.frequency_penalty or 0.0,
    )
