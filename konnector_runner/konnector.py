"""A konnector on disk: a folder with manifest.konnector and main.js."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from konnector_runner.errors import KonnectorError
from konnector_runner.manifest import MAX_MANIFEST, Manifest, parse_manifest

MANIFEST_NAME = "manifest.konnector"
BUNDLE_NAME = "main.js"
MAX_BUNDLE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Konnector:
    """What is run: the code, and the digest by which grants know it."""

    manifest: Manifest
    bundle: str = field(repr=False)
    digest: bytes
    """Of both files: what grants are for."""
    # As it was read: the digest is of bytes, and a manifest has many spellings.
    manifest_bytes: bytes = field(default=b"", repr=False)

    @property
    def bundle_digest(self) -> bytes:
        """The digest of main.js alone: to say what changed."""
        return hashlib.sha256(self.bundle.encode()).digest()


def load_konnector(path: Path, *, manifest: Path | None = None) -> Konnector:
    """Return the konnector in the folder *path*; *manifest* is another one's folder.

    Raises:
        KonnectorError: a file is missing, too long, or not text.
        ManifestError: its manifest is not one.
    """
    data = _read((manifest or path) / MANIFEST_NAME, MAX_MANIFEST)
    return make_konnector(data, _read(path / BUNDLE_NAME, MAX_BUNDLE))


def make_konnector(manifest: bytes, bundle: bytes) -> Konnector:
    """Return the konnector of the two files' content.

    Raises:
        KonnectorError: one is not text. ManifestError: the manifest is not one.
    """
    return Konnector(
        manifest=parse_manifest(_text(manifest, MANIFEST_NAME)),
        bundle=_text(bundle, BUNDLE_NAME),
        digest=konnector_digest(manifest, bundle),
        manifest_bytes=manifest,
    )


def konnector_digest(manifest: bytes, bundle: bytes) -> bytes:
    """Return the digest of both files: protocol/konnector-bridge.md §2.3.

    Each is preceded by its length, so no byte can move from one to the other.
    """
    digest = hashlib.sha256()
    for data in (manifest, bundle):
        digest.update(len(data).to_bytes(8))
        digest.update(data)
    return digest.digest()


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError:
        raise KonnectorError(f"konnector without a readable {path.name}") from None
    if len(data) > limit:
        raise KonnectorError(f"{path.name} longer than {limit} bytes")
    return data


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise KonnectorError(f"{name} is not UTF-8 text") from None
