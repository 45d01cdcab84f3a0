"""Models from the Hugging Face Hub. Apart from models.py so that nobody else waits for its import.

Downloads show a progress bar, go on where an earlier one was cut off, and are kept in the Hub's cache (HF_HOME).
"""

import logging
from collections.abc import Callable
from pathlib import Path

import requests
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tgi.models import ModelError, choose_file, file_parts

log = logging.getLogger("tgi")

LISTING_TIMEOUT_SECONDS = 20.0
# How often a download that breaks off is taken up again.
ATTEMPTS = 5
# What transformers reads of a repository, beside the weights: safetensors where there are any.
FOLDER_FILES = ["*.json", "*.jinja", "*.model", "*.txt"]
OFFLINE = (LocalEntryNotFoundError, requests.ConnectionError, requests.Timeout, OfflineModeIsEnabled)


def download_file(repository: str, filename: str | None, revision: str | None = None) -> Path:
    """The repository's file, or its best GGUF file, with all its parts; the first one's path.

    Uses HF_TOKEN. What is in the local cache is not downloaded again. Raises ``ModelError``.
    """

    def fetch() -> Path:
        file = filename or choose_file(_files(repository, revision), repository)
        paths = [hf_hub_download(repository, part, revision=revision) for part in file_parts(file)]
        return Path(paths[0])

    def find(folder: Path) -> Path | None:
        cached = [str(file.relative_to(folder)) for file in folder.rglob("*.gguf")]
        file = filename or choose_file(cached, repository)
        return folder / file if all((folder / part).exists() for part in file_parts(file)) else None

    return _fetch(fetch, find, repository, revision, what=filename)


def download_folder(repository: str, revision: str | None = None) -> Path:
    """The folder of the repository's model for transformers; otherwise as ``download_file``."""

    def fetch() -> Path:
        files = _files(repository, revision)
        if "config.json" not in files:
            raise ModelError(
                f"MODEL_ID={repository}: the repository has no config.json, so transformers cannot load it. "
                "For a GGUF file say repository:file.gguf, or use --engine llamacpp."
            )
        weights = "*.safetensors" if any(file.endswith(".safetensors") for file in files) else "*.bin"
        return Path(snapshot_download(repository, revision=revision, allow_patterns=[*FOLDER_FILES, weights]))

    def find(folder: Path) -> Path | None:
        return folder if (folder / "config.json").exists() else None

    return _fetch(fetch, find, repository, revision, what=None)


def _files(repository: str, revision: str | None) -> list[str]:
    info = HfApi().model_info(repository, revision=revision, timeout=LISTING_TIMEOUT_SECONDS)
    return [file.rfilename for file in info.siblings or []]


def _fetch(
    fetch: Callable[[], Path],
    find: Callable[[Path], Path | None],
    repository: str,
    revision: str | None,
    *,
    what: str | None,
) -> Path:
    """``fetch`` it, or ``find`` it in the cached folder where the Hub cannot be reached. Raises ``ModelError``."""
    log.info("Looking for %s in the local cache and on the Hugging Face Hub", repository)
    try:
        return _persist(fetch)
    except GatedRepoError:
        problem = (
            f"access is gated. Accept its licence on https://huggingface.co/{repository} and set HF_TOKEN to a "
            "token of that account."
        )
    except RevisionNotFoundError:
        problem = f"the repository has no revision {revision}. Set REVISION to a branch, a tag or a commit of it."
    except (RepositoryNotFoundError, HFValidationError):
        problem = (
            "no such repository on the Hugging Face Hub, or it is private (then set HF_TOKEN). A file on this "
            "machine must end in .gguf or start with / . or ~"
        )
    except OFFLINE:
        return _cached(find, repository, revision)
    except EntryNotFoundError:
        problem = f"the repository has no file {what}."
    except HfHubHTTPError as error:
        if error.response is not None and error.response.status_code == requests.codes.unauthorized:
            problem = "the Hugging Face Hub refuses HF_TOKEN. Set it to a valid token, or unset it."
        else:
            problem = f"the download failed: {_first_line(error)}. Try again."
    except (requests.RequestException, OSError) as error:
        problem = f"the download failed: {_first_line(error)}. Try again: it goes on where it stopped."
    raise ModelError(f"MODEL_ID={repository}: {problem}")


def _persist(fetch: Callable[[], Path]) -> Path:
    for _ in range(ATTEMPTS - 1):
        try:
            return fetch()
        except requests.exceptions.ChunkedEncodingError:
            log.info("The download broke off; going on")
    return fetch()


def _cached(find: Callable[[Path], Path | None], repository: str, revision: str | None) -> Path:
    """What an earlier download left; the Hub cannot be reached."""
    try:
        found = find(Path(snapshot_download(repository, revision=revision, local_files_only=True)))
    except (LocalEntryNotFoundError, ModelError):
        found = None
    if found is None:
        raise ModelError(
            f"MODEL_ID={repository}: the Hugging Face Hub cannot be reached and the model is not in the local "
            "cache. Check the network, set MODEL_ID to a .gguf file, or unset it for the bundled model."
        )
    return found


def _first_line(error: Exception) -> str:
    return next((line.strip().rstrip(".") for line in str(error).splitlines() if line.strip()), type(error).__name__)
