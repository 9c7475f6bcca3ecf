"""manifest.konnector: what a konnector says about itself.

Only what a run or a person uses is read, and strictly. Manifests carry many
more members, for the Cozy stack and its store; those are listed and left alone,
because a konnector that works there must work here.

Spec: protocol/konnector-bridge.md §2. Schema: protocol/schemas/manifest.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from konnector_runner.errors import FormatError, ManifestError
from konnector_runner.strict_json import Json, parse_json

MAX_MANIFEST = 512 * 1024

_Short = Annotated[str, Field(min_length=1, max_length=128)]
_Text = Annotated[str, Field(max_length=4096)]
_Domain = Annotated[str, Field(min_length=1, max_length=253)]


class Permission(BaseModel):
    """One permission; more members may follow, as with the manifest."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="allow", hide_input_in_errors=True
    )
    type: _Short


class ManifestModel(BaseModel):
    """What is read of a manifest.konnector."""

    # "allow" and not "forbid": see the module's text.
    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="allow",
        hide_input_in_errors=True,
        title="manifest.konnector",
    )
    type: Literal["konnector"]
    slug: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    name: _Short
    version: _Short
    # Only what runs on the person's device can run here.
    clientSide: Literal[True]  # noqa: N815  # the manifest's own spelling
    # Null as if it were not there: some stores write members out that they lack.
    vendor_link: _Text | None = None
    cookie_domains: list[_Domain] | None = None
    permissions: dict[_Short, Permission] | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was read; *raw* is the whole of it, for the konnector."""

    slug: str
    name: str
    version: str
    vendor_link: str
    cookie_domains: tuple[str, ...]
    permissions: tuple[str, ...]
    # Members that mean nothing here: shown to authors, otherwise left alone.
    ignored: tuple[str, ...]
    raw: dict[str, Json]


def parse_manifest(text: str) -> Manifest:
    """Return the manifest that *text* spells.

    Raises:
        ManifestError: not JSON, or a member that is missing or wrong.
    """
    try:
        value = parse_json(text, max_characters=MAX_MANIFEST, what="text")
    except FormatError as err:
        raise ManifestError(f"manifest.konnector: {err}") from None
    if not isinstance(value, dict):
        raise ManifestError("manifest.konnector is not an object")
    try:
        model = ManifestModel.model_validate(value)
    except ValidationError as err:
        raise ManifestError(f"manifest.konnector: {_first(err)}") from None
    return Manifest(
        slug=model.slug,
        name=model.name,
        version=model.version,
        vendor_link=model.vendor_link or "",
        cookie_domains=tuple(model.cookie_domains or ()),
        permissions=tuple(p.type for p in (model.permissions or {}).values()),
        ignored=tuple(sorted(model.model_extra or {})),
        raw=value,
    )


def _first(err: ValidationError) -> str:
    """Say what the first fault is, without the value that is at fault."""
    fault = err.errors(include_input=False, include_context=False, include_url=False)[0]
    where = ".".join(str(part)[:64] for part in fault["loc"])
    return f"{where}: {fault['msg'].lower()}"
