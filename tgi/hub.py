"""GGUF files from the Hugging Face Hub. Apart from models.py so that nobody else waits for its import."""

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
)

from tgi.models import ModelError, choose_file

LISTING_TIMEOUT_SECONDS = 20.0


def download(repository: str, filename: str | None) -> Path:
    """The repository's file, or its best GGUF file, from the local cache where it is there already.

    Uses HF_TOKEN and shows a progress bar. Raises ``ModelError``.
    """
    try:
        if filename is None:
            files = HfApi().model_info(repository, timeout=LISTING_TIMEOUT_SECONDS).siblings or []
            filename = choose_file([file.rfilename for file in files], repository)
        return Path(hf_hub_download(repository, filename))
    except GatedRepoError:
        raise ModelError(
            f"MODEL_ID={repository}: access is gated. Accept its licence on "
            f"https://huggingface.co/{repository} and set HF_TOKEN to a token of that account."
        ) from None
    except (RepositoryNotFoundError, HFValidationError):
        raise ModelError(
            f"MODEL_ID={repository}: no such repository on the Hugging Face Hub, or it is private (then set "
            "HF_TOKEN). A file on this machine must end in .gguf or start with / . or ~"
        ) from None
    except (LocalEntryNotFoundError, requests.ConnectionError, requests.Timeout, OfflineModeIsEnabled):
        return _cached(repository, filename)
    except EntryNotFoundError:
        raise ModelError(f"MODEL_ID={repository}: the repository has no file {filename}.") from None
    except (HfHubHTTPError, requests.RequestException, OSError) as error:
        raise ModelError(f"MODEL_ID={repository}: the download failed: {error}. Try again.") from None


def _cached(repository: str, filename: str | None) -> Path:
    """What an earlier download left; the Hub cannot be reached."""
    try:
        folder = Path(snapshot_download(repository, local_files_only=True))
        files = [str(file.relative_to(folder)) for file in folder.rglob("*.gguf")]
        found = folder / (filename or choose_file(files, repository))
        if found.exists():
            return found
    except (LocalEntryNotFoundError, ModelError):
        pass
    raise ModelError(
        f"MODEL_ID={repository}: the Hugging Face Hub cannot be reached and the model is not in the local "
        "cache. Check the network, set MODEL_ID to a .gguf file, or unset it for the bundled model."
    )
