"""QR pictures, drawn and read. The home of segno, zxing-cpp and Pillow.

A picture from a camera or a screenshot is untrusted: bounded in bytes and
pixels, and what it says is only text until pairing_code.py has read it.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import segno
import zxingcpp
from PIL import Image, UnidentifiedImageError

from clisk_sync.errors import PairingCodeError

MAX_FILE_BYTES = 32 << 20
MAX_PIXELS = 64_000_000
_SCALE = 8
_BORDER = 4
_FORMATS = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)


def _draw(text: str) -> segno.QRCode:
    # M mends 15 % of damage: glare on a screen, not a torn label.
    return segno.make_qr(text, error="m", boost_error=False)


def draw_for_terminal(text: str) -> str:
    """Return *text* as a QR picture of half blocks, two modules to a character."""
    out = io.StringIO()
    _draw(text).terminal(out, border=_BORDER, compact=True)
    return out.getvalue()


def draw_png(text: str, *, scale: int = _SCALE) -> bytes:
    """Return *text* as a QR picture in PNG, *scale* dots to a module."""
    out = io.BytesIO()
    _draw(text).save(out, kind="png", scale=scale, border=_BORDER)
    return out.getvalue()


def draw_svg(text: str) -> str:
    """Return *text* as a QR picture in SVG: an element of a page, of any size."""
    return _draw(text).svg_inline(border=_BORDER, light="#fff", omitsize=True)


def read_picture(path: Path) -> str:
    """Return the text of the one QR code in a PNG, JPEG or WebP picture.

    Raises:
        PairingCodeError: no such file, too large, not a picture, no QR code in
            it, or more than one.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise PairingCodeError(f"picture: over {MAX_FILE_BYTES >> 20} MiB")
        data = path.read_bytes()
    except OSError as err:
        raise PairingCodeError(f"picture: {err.strerror}") from None
    return read_picture_in(io.BytesIO(data))


def read_picture_in(stream: BinaryIO) -> str:
    """Return what read_picture() does of a picture that comes from *stream*.

    Raises:
        PairingCodeError: as read_picture().
    """
    data = stream.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise PairingCodeError(f"picture: over {MAX_FILE_BYTES >> 20} MiB")
    return _read_one(_pixels(data))


def _pixels(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise PairingCodeError("picture: too many pixels")
            return picture.convert("L")
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise PairingCodeError("picture: not a PNG, JPEG or WebP picture") from None
    except (OSError, ValueError, SyntaxError):
        # What Pillow raises for a damaged picture depends on the damage.
        raise PairingCodeError("picture: damaged") from None


def _read_one(picture: Image.Image) -> str:
    found = zxingcpp.read_barcodes(picture, formats=_FORMATS)
    texts = {barcode.text for barcode in found}
    if not texts:
        raise PairingCodeError(
            "picture: no QR code found", advice="take a sharper picture of all of it"
        )
    if len(texts) > 1:
        raise PairingCodeError(
            "picture: more than one QR code", advice="cut out the one that is meant"
        )
    return texts.pop()
