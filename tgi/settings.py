"""The command line of ``python -m tgi``: TGI's flags with their environment twins, and a few of its own. Flags win."""

import argparse
import ipaddress
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CONTEXT_TOKENS = 4096
ENGINES = ("llamacpp", "transformers")
DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = ("float16", "bfloat16", "float32")


@dataclass(frozen=True, slots=True)
class Settings:
    """How to serve. What is None follows from the model or the engine when it is loaded."""

    engine: str
    device: str
    model_id: str | None
    revision: str | None
    dtype: str | None
    hostname: str
    port: int
    fd: int | None
    max_concurrent_requests: int
    max_input_tokens: int | None
    max_total_tokens: int | None
    max_batch_total_tokens: int | None
    max_batch_size: int | None
    max_best_of: int
    max_stop_sequences: int
    max_client_batch_size: int
    threads: int
    api_key: str | None
    cors_allow_origin: tuple[str, ...]


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Parse flags and environment; a bad value ends the program with code 2 and a line that names it."""
    parser = argparse.ArgumentParser(
        prog="python -m tgi",
        description="A local server for TGI's protocol, on llama.cpp or transformers.",
        allow_abbrev=False,
    )

    environment = _without_host_name(environment)

    def add(name: str, kind: Callable[[str], object], default: object, text: str) -> None:
        variable = name.upper().replace("-", "_")
        value: object = environment.get(variable) or None
        if value is not None:
            try:
                value = kind(str(value))
            except argparse.ArgumentTypeError as error:
                parser.exit(2, f"{variable}: {error}\n")
        parser.add_argument(
            f"--{name}", type=kind, default=default if value is None else value, help=f"{text} [env: {variable}]"
        )

    add("engine", one_of(*ENGINES), ENGINES[0], f"{' or '.join(ENGINES)}; default: {ENGINES[0]}")
    add("device", one_of(*DEVICES), DEVICES[0], f"{', '.join(DEVICES)}; default: the best there is")
    add("model-id", str, None, "a Hub repository, repository:file.gguf or a path; default: the bundled model")
    add("revision", str, None, "branch, tag or commit of the Hub repository; default: main")
    add("dtype", one_of(*DTYPES), None, f"{', '.join(DTYPES)}: what transformers computes in")
    add("hostname", str, "127.0.0.1", "address to listen on; default: 127.0.0.1")
    add("port", port, 8001, "port to listen on, 0 lets the system choose; default: 8001")
    add("max-concurrent-requests", positive, 128, "requests at once; one more is refused with 429")
    add("max-input-tokens", positive, None, "longest prompt; default: max-total-tokens - 1")
    add("max-total-tokens", positive, None, f"longest prompt and answer; default: {CONTEXT_TOKENS} or less")
    add("max-batch-total-tokens", positive, None, "cache shared by running requests; default: 4 full ones")
    add("max-batch-size", positive, None, "requests that generate at once; more wait in a queue; default: 8")
    add("max-best-of", positive, 2, "answers per request, of which the likeliest is given; default: 2")
    add("max-stop-sequences", positive, 4, "stop texts per request; default: 4")
    add("max-client-batch-size", positive, 4, "prompts per request of /v1/completions; default: 4")
    add("threads", positive, default_threads(), "computing threads; fewer suffer less from a busy machine")
    add("api-key", str, None, "ask for `Authorization: Bearer KEY`")
    add("cors-allow-origin", origins, (), "origins browsers may call from, separated by commas")
    add("usage-stats", one_of("on", "off", "no-stack"), "off", "taken for TGI's sake: nothing is ever sent")
    parser.add_argument("--fd", type=positive, help="inherited listening socket, instead of an address")
    values = vars(parser.parse_args(arguments))
    del values["usage_stats"]
    settings = Settings(**values)
    if (problem := _contradiction(settings)) is not None:
        parser.exit(2, f"{problem}\n")
    return settings


def one_of(*choices: str) -> Callable[[str], str]:
    """The kind of a value that is one of these."""

    def choice(text: str) -> str:
        if text not in choices:
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(choices)}")
        return text

    return choice


def positive(text: str) -> int:
    """A whole number above 0."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return number


def port(text: str) -> int:
    """A TCP port; 0 lets the system choose."""
    number = int(text) if text.isdecimal() else -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return number


def origins(text: str) -> tuple[str, ...]:
    """A comma-separated list."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def available_cores() -> int:
    """Cores this process may use: the machine's, less its CPU affinity and a container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))


def default_threads() -> int:
    """All cores but one, which the rest of the site and the browser share.

    llama.cpp's threads wait for each other at every step, so one that shares its core slows all of them: on two busy
    cores one thread is several times faster than two, on two idle ones a sixth slower.
    """
    return max(1, available_cores() - 1)


def _without_host_name(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Shells and containers set HOSTNAME to the machine's name: it counts where it is an address, as in TGI."""
    try:
        ipaddress.ip_address(environment.get("HOSTNAME", ""))
    except ValueError:
        return {name: value for name, value in environment.items() if name != "HOSTNAME"}
    return environment


def _contradiction(settings: Settings) -> str | None:
    total, prompt, batch = settings.max_total_tokens, settings.max_input_tokens, settings.max_batch_total_tokens
    if total and prompt and prompt >= total:
        return f"MAX_INPUT_TOKENS ({prompt}) must be less than MAX_TOTAL_TOKENS ({total})"
    if total and batch and batch < total:
        return f"MAX_BATCH_TOTAL_TOKENS ({batch}) must be at least MAX_TOTAL_TOKENS ({total})"
    if settings.engine == "llamacpp" and settings.dtype:
        return (
            f"DTYPE ({settings.dtype}) is for --engine transformers: llama.cpp computes with the weights as they are "
            "in the GGUF file. Choose another file for another type"
        )
    return None
