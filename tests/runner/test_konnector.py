"""Konnectors on disk: protocol/konnector-bridge.md §2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from konnector_runner import konnector as konnector_module
from konnector_runner.errors import KonnectorError, ManifestError
from konnector_runner.konnector import konnector_digest, load_konnector
from konnector_runner.manifest import parse_manifest
from konnector_runner.schema import manifest_schema
from tests.vectors import PROTOCOL, load_vectors

_GOOD: dict[str, Any] = {
    "type": "konnector",
    "slug": "demo",
    "name": "Demo",
    "version": "1.0.0",
    "clientSide": True,
}
_BAD: list[dict[str, Any]] = [
    {"type": "webapp"},
    {"clientSide": False},
    {"clientSide": "true"},
    {"slug": "../demo"},
    {"slug": ""},
    {"slug": "Demo"},
    {"name": 5},
    {"name": ""},
    {"version": None},
    {"cookie_domains": "bank.example"},
    {"permissions": {"files": {"verbs": ["ALL"]}}},
    {"permissions": [{"type": "io.cozy.files"}]},
]


def _folder(tmp_path: Path, manifest: str, bundle: bytes = b"run()") -> Path:
    (tmp_path / "manifest.konnector").write_text(manifest)
    (tmp_path / "main.js").write_bytes(bundle)
    return tmp_path


def test_a_konnector_is_loaded_with_its_digest(tmp_path: Path) -> None:
    """Both files count, each with its length."""
    text = json.dumps({**_GOOD, "permissions": {"f": {"type": "io.cozy.files"}}})
    loaded = load_konnector(_folder(tmp_path, text))

    assert loaded.manifest.slug == "demo"
    assert loaded.manifest.permissions == ("io.cozy.files",)
    assert loaded.digest == konnector_digest(text.encode(), b"run()")
    assert loaded.digest != konnector_digest(text.encode() + b"r", b"un()")
    assert "run()" not in repr(loaded)


def test_digest_vector() -> None:
    """The published digest."""
    (vector,) = load_vectors(
        "konnector-bridge", where=lambda v: v.case.startswith("digest/")
    )

    digest = konnector_digest(vector.raw("manifest"), vector.raw("bundle"))

    assert digest == vector.raw("digest")


def test_what_is_not_known_is_kept_and_listed() -> None:
    """A manifest of Cozy's store loads; the konnector gets all of it."""
    store = {**_GOOD, "banksTransactionRegExp": "\\bdemo\\b", "langs": ["fr"]}

    manifest = parse_manifest(json.dumps(store))

    assert manifest.ignored == ("banksTransactionRegExp", "langs")
    assert manifest.raw == store


@pytest.mark.parametrize("wrong", _BAD, ids=str)
def test_a_wrong_manifest_is_refused(wrong: dict[str, Any]) -> None:
    """By the loader as by the schema, and without the value that is wrong."""
    manifest = {**_GOOD, **wrong}

    with pytest.raises(ManifestError) as caught:
        parse_manifest(json.dumps(manifest))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(manifest, json.loads(manifest_schema()))

    assert str(caught.value).startswith(f"manifest.konnector: {next(iter(wrong))}")


@pytest.mark.parametrize("name", sorted(_GOOD))
def test_a_manifest_without_a_member_is_refused(name: str) -> None:
    """Each of the required ones, by name."""
    manifest = {key: value for key, value in _GOOD.items() if key != name}

    with pytest.raises(ManifestError, match=name):
        parse_manifest(json.dumps(manifest))


def test_a_manifest_tells_nothing_of_what_it_holds() -> None:
    """A refusal names the member, never its value."""
    with pytest.raises(ManifestError) as caught:
        parse_manifest(json.dumps({**_GOOD, "slug": "S3CRET VALUE"}))

    assert "S3CRET" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1e999}'])
def test_a_manifest_that_is_not_an_object_is_refused(text: str) -> None:
    """Hostile JSON is refused by the same reader as messages."""
    with pytest.raises(ManifestError, match=r"manifest\.konnector"):
        parse_manifest(text)


@pytest.mark.parametrize(
    "doubled",
    [
        '"slug": "other"',
        '"permissions": {"a": {"type": "x"}, "a": {"type": "y"}}',
        '"locales": {"fr": {}, "fr": {}}',
    ],
)
def test_a_manifest_with_a_key_twice_is_refused(doubled: str) -> None:
    """What a person was shown and what is run must be one reading of it."""
    text = json.dumps(_GOOD)[:-1] + f", {doubled}}}"
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text)

    assert str(caught.value) == "manifest.konnector: object with a key twice"
    assert caught.value.advice


def test_members_that_mean_nothing_here_may_be_anything() -> None:
    """A konnector that Cozy's store took must not be refused for what is not read."""
    odd = {
        **_GOOD,
        "categories": "telecom",
        "source": None,
        "vendor_link": None,
        "cookie_domains": None,
        "permissions": {"bills": {"type": "io.cozy.bills", "verbs": "ALL"}},
        "fields": [],
        "folders": [{"defaultDir": "$administrative/$konnector/$account"}],
        "on_delete_account": "onDeleteAccount.js",
        "aggregator": {"accountId": "x"},
    }

    manifest = parse_manifest(json.dumps(odd))

    assert manifest.permissions == ("io.cozy.bills",)
    assert (manifest.vendor_link, manifest.cookie_domains) == ("", ())
    assert manifest.raw == odd


def test_the_published_schema_is_current() -> None:
    """It is what `python -m konnector_runner.schema` prints."""
    published = (PROTOCOL / "schemas" / "manifest.json").read_text(encoding="utf-8")

    assert published == manifest_schema()
    jsonschema.validate(_GOOD, json.loads(published))


@pytest.mark.parametrize("missing", ["manifest.konnector", "main.js"])
def test_a_folder_without_a_file_is_refused(tmp_path: Path, missing: str) -> None:
    """The refusal says which."""
    folder = _folder(tmp_path, json.dumps(_GOOD))
    (folder / missing).unlink()

    with pytest.raises(KonnectorError, match=missing):
        load_konnector(folder)


def test_files_are_bounded_and_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too long a bundle is refused before it is hashed, and bytes are no script."""
    with pytest.raises(KonnectorError, match=r"main\.js is not UTF-8"):
        load_konnector(_folder(tmp_path, json.dumps(_GOOD), b"\xff"))
    monkeypatch.setattr(konnector_module, "MAX_BUNDLE", 10)
    with pytest.raises(KonnectorError, match=r"main\.js longer than 10 bytes"):
        load_konnector(_folder(tmp_path, json.dumps(_GOOD), b"x" * 11))
