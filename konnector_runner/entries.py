"""What a konnector says of each file that it wants saved: entries and options.

Both are the konnector's JSON; what they ask for is what cozy-clisk's own saveFiles
makes of them. Nothing here touches a disk. Spec: protocol/konnector-bridge.md §7.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from konnector_runner.errors import FormatError
from konnector_runner.safe_names import safe_parts
from konnector_runner.strict_json import Json, encode_json

_MAX_METADATA = 16 * 1024
# What only matters on the way in, and may be long.
_DROPPED = frozenset(
    {
        "dataUri",
        "existingFile",
        "fileAttributes",
        "filestream",
        "forceReplaceFile",
        "requestOptions",
        "shouldReplaceFile",
    }
)


@dataclass(frozen=True, slots=True)
class SaveOptions:
    """The options of saveFiles that change where and whether a file is saved."""

    key_attributes: tuple[str, ...]
    media_type: str | None = None
    contract: Json = None
    sub_path: Json = None
    # The kind of paper, by a name of Cozy's: "phone_invoice".
    label: str | None = None


def parse_options(options: dict[str, Json]) -> SaveOptions:
    """Return the options of saveFiles that matter here.

    Raises:
        FormatError: without attributes by which a file is known again.
    """
    attributes = options.get("fileIdAttributes")
    if attributes is None or attributes == []:
        # Word for word what authors know from the Cozy app.
        raise FormatError("Savefiles : No fileIdAttributes")
    if not isinstance(attributes, list):
        raise FormatError("saveFiles: fileIdAttributes is not a list of names")
    return SaveOptions(
        key_attributes=tuple(str(name) for name in attributes),
        media_type=_text(options.get("contentType")),
        contract=options.get("contract"),
        sub_path=options.get("subPath"),
        label=_text(options.get("qualificationLabel")),
    )


def folder_parts(entry: dict[str, Json], options: SaveOptions) -> tuple[str, ...]:
    """Return the folders that the file goes into, below the account's.

    A contract before a path, and of each the entry's own before that of the call.
    """
    contracts = (entry.get("contract"), options.contract)
    names = [each.get("name") for each in contracts if isinstance(each, dict)]
    for chosen in (*names, entry.get("subPath"), options.sub_path):
        if isinstance(chosen, str) and chosen:
            return safe_parts(chosen)
    return ()


def metadata_of(entry: dict[str, Json], options: SaveOptions) -> dict[str, Json]:
    """Return what the konnector says of the file, for its own later look at it."""
    attributes = entry.get("fileAttributes")
    metadata = attributes.get("metadata") if isinstance(attributes, dict) else None
    if not isinstance(metadata, dict) or len(encode_json(metadata)) > _MAX_METADATA:
        metadata = {}
    if options.label is None:
        return metadata
    return {**metadata, "qualification": {"label": options.label[:128]}}


def without_content(entry: dict[str, Json]) -> dict[str, Json]:
    """Return *entry* as the konnector gets it back: without what was on the way."""
    return {name: value for name, value in entry.items() if name not in _DROPPED}


def document_id(entry: Json) -> str:
    """Return the id of the saved file that *entry* names, or the empty text."""
    document = entry.get("fileDocument") if isinstance(entry, dict) else None
    found = document.get("_id") if isinstance(document, dict) else None
    return found if isinstance(found, str) else ""


def file_key(entry: dict[str, Json], attributes: tuple[str, ...]) -> str:
    """Return what tells this file from the others: "2024-01####12.5"."""
    return "####".join(_js_text(_at(entry, name)) for name in sorted(attributes))


def _at(entry: Json, path: str) -> Json:
    for name in path.split("."):
        entry = entry.get(name) if isinstance(entry, dict) else None
    return entry


def _js_text(value: Json) -> str:
    """Return what Array.join makes of a value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    if isinstance(value, list):
        return ",".join(_js_text(member) for member in value)
    return "[object Object]" if isinstance(value, dict) else str(value)


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None
