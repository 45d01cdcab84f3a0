"""Static files: hashed names for all, compressed copies for those that every visitor loads."""

from __future__ import annotations

from typing import Any

from servestatic.compress import Compressor
from servestatic.storage import CompressedManifestStaticFilesStorage

# The administration's files, and those of the pages about the API, are a hundred times ours and seen by few people:
# compressing them at best levels takes most of the first start.
UNCOMPRESSED = ("admin/", "drf_spectacular_sidecar/")


class OwnFilesCompressor(Compressor):  # type: ignore[misc]  # the package has no types
    def should_compress(self, filename: str) -> bool:
        """`filename`: relative to the static root."""
        return not filename.startswith(UNCOMPRESSED) and bool(super().should_compress(filename))


class StaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # as above
    def create_compressor(self, **kwargs: Any) -> Compressor:
        return OwnFilesCompressor(**kwargs)
