"""Files as downloads, whatever is in them."""

from __future__ import annotations

from starlette.responses import Response

_LONGEST_NAME = 100


def handed_out(
    content: bytes, name: str, *, media_type: str = "application/octet-stream"
) -> Response:
    """Answer with a file that a browser saves and never shows.

    Never of a kind that a browser runs: a fetched page would be one of ours. Of the
    name only letters, digits, dots and dashes of ASCII are left.
    """
    safe = "".join(
        sign if sign.isascii() and (sign.isalnum() or sign in "._-") else "_"
        for sign in name
    )
    # The end stays: it says what opens the file.
    kept = safe[-_LONGEST_NAME:].lstrip(".") or "file"
    return Response(
        content,
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{kept}"'},
    )
