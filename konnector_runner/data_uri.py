"""data: URIs (RFC 2397), the form in which files cross the bridge."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from konnector_runner.errors import FormatError

_HEAD = re.compile(
    r"data:([a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+)?((?:;[^;,]*)*)", re.IGNORECASE
)
_MAX_HEAD = 256


def parse_data_uri(uri: str, *, max_bytes: int) -> tuple[str, bytes]:
    """Return the media type and the content of *uri*.

    Raises:
        FormatError: not a data: URI, bad base64, or more than *max_bytes*.
    """
    head, comma, body = uri.partition(",")
    match = _HEAD.fullmatch(head) if len(head) <= _MAX_HEAD else None
    if not comma or match is None:
        raise FormatError("file that is not a data: URI")
    if len(body) > max_bytes * 4 // 3 + 4:
        raise FormatError(f"file longer than {max_bytes} bytes")
    media_type = (match[1] or "text/plain").lower()
    if not match[2].lower().endswith(";base64"):
        return media_type, unquote_to_bytes(body)
    try:
        return media_type, base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise FormatError("file that is not base64") from None
