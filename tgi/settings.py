"""The command line of ``python -m tgi``. Flags but the address have TGI's environment twins; flags win."""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CONTEXT_TOKENS = 4096
MAX_BEST_OF = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """How to serve. Token limits of None follow from the model when it is loaded."""

    model_id: str | None
    hostname: str
    port: int
    fd: int | None
    max_concurrent_requests: int
    max_input_tokens: int | None
    max_total_tokens: int | None
    max_batch_total_tokens: int | None
    max_batch_size: int
    max_stop_sequences: int
    max_client_batch_size: int
    threads: int
    api_key: str | None
    cors_allow_origin: tuple[str, ...]


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Parse flags and environment; a bad value ends the program with code 2 and a line that names it."""
    parser = argparse.ArgumentParser(
        prog="python -m tgi",
        description="A local server for TGI's protocol on llama.cpp.",
        allow_abbrev=False,
    )

    def add(name: str, kind: Callable[[str], object], default: object, text: str) -> None:
        variable = name.upper().replace("-", "_")
        value = environment.get(variable) or default
        if isinstance(value, str) and kind is not str:
            try:
                value = kind(value)
            except (ValueError, argparse.ArgumentTypeError) as error:
                parser.exit(2, f"{variable}: {error}\n")
        parser.add_argument(f"--{name}", type=kind, default=value, help=f"{text} [env: {variable}]")

    add("model-id", str, None, "a Hub repository, repository:file.gguf or a path; default: the bundled model")
    add("max-concurrent-requests", positive, 128, "requests at once; one more is refused with 429")
    add("max-input-tokens", positive, None, "longest prompt; default: max-total-tokens - 1")
    add("max-total-tokens", positive, None, f"longest prompt and answer; default: {CONTEXT_TOKENS} or less")
    add("max-batch-total-tokens", positive, None, "cache shared by running requests; default: 4 full ones")
    add("max-batch-size", positive, 8, "requests that generate at once; more wait in a queue")
    add("max-stop-sequences", positive, 4, "stop texts per request")
    add("max-client-batch-size", positive, 4, "reported by /info")
    add("max-best-of", positive, MAX_BEST_OF, f"accepted; /info reports {MAX_BEST_OF}, all there is yet")
    add("threads", positive, default_threads(), "computing threads; fewer suffer less from a busy machine")
    add("api-key", str, None, "ask for `Authorization: Bearer KEY`")
    add("cors-allow-origin", origins, (), "origins browsers may call from, separated by commas")
    add("usage-stats", str, "off", "accepted; nothing is ever sent")
    parser.add_argument("--hostname", default="127.0.0.1", help="address to listen on [default: 127.0.0.1]")
    parser.add_argument("--port", type=port, default=8001, help="port to listen on [default: 8001]")
    parser.add_argument("--fd", type=positive, help="inherited listening socket, instead of an address")
    values = vars(parser.parse_args(arguments))
    del values["usage_stats"], values["max_best_of"]
    settings = Settings(**values)
    if (problem := _contradiction(settings)) is not None:
        parser.exit(2, f"{problem}\n")
    return settings


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


def _contradiction(settings: Settings) -> str | None:
    total, prompt, batch = (
        settings.max_total_tokens,
        settings.max_input_tokens,
        settings.max_batch_total_tokens,
    )
    if total and prompt and prompt >= total:
        return f"MAX_INPUT_TOKENS ({prompt}) must be less than MAX_TOTAL_TOKENS ({total})"
    if total and batch and batch < total:
        return f"MAX_BATCH_TOTAL_TOKENS ({batch}) must be at least MAX_TOTAL_TOKENS ({total})"
    return None
