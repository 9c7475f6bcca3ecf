"""A new konnector's project: written once, then the author's own."""

from __future__ import annotations

import re
import unicodedata
from importlib.resources import files
from pathlib import Path

from konnector_runner.errors import CollectError, KonnectorError

_FILES = {
    "package.json": "package.json",
    "npmrc": ".npmrc",
    "gitignore": ".gitignore",
    "manifest.konnector": "manifest.konnector",
    "icon.svg": "icon.svg",
    "README.md": "README.md",
    "index.js": "src/index.js",
    "site.json": "mock/site.json",
    "login.html": "mock/login.html",
    "wrong.html": "mock/wrong.html",
    "bills.html": "mock/bills.html",
}
_NAME = re.compile(r"[^\x00-\x1f\x7f<>&\"'`\\${}]{1,64}")


def slug_for(name: str) -> str:
    """Return the slug for a konnector called *name*.

    Raises:
        KonnectorError: no slug can be made of it.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:64].strip("-")
    if not slug or not _NAME.fullmatch(name):
        raise KonnectorError(
            "a name that no konnector can have",
            advice="letters, digits and spaces, such as: My Energy",
        )
    return slug


def new_project(folder: Path, name: str) -> list[Path]:
    """Write the project of a konnector called *name* into *folder*.

    Returns the files written. The folder may exist, and must then be empty.

    Raises:
        KonnectorError: no konnector can have that name, or the folder is in use.
        CollectError: it could not be written.
    """
    slug = slug_for(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise KonnectorError(
            "the folder is not empty, and nothing in it was changed",
            advice="name another one: clisk konnector new NAME FOLDER",
        )
    written = []
    source = files("konnector_runner").joinpath("scaffold")
    try:
        for given, place in _FILES.items():
            text = source.joinpath(given).read_text("utf-8")
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                text.replace("SLUG", slug).replace("NAME", name), encoding="utf-8"
            )
            written.append(path)
    except OSError as err:
        raise CollectError(
            f"the project could not be written: {err.strerror}"
        ) from None
    return written
