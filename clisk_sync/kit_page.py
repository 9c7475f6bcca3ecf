"""The page that a recovery kit is printed as: protocol/recovery.md §4.

One A4 sheet for a black and white printer, drawn once and written as PNG or as
PDF. Everything on it that is needed can be typed from it by hand.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from clisk_sync import qr
from clisk_sync.recovery_kit import Kit, kit_device
from clisk_sync.recovery_words import print_vault_id, secret_words

_DPI: Final = 300
_SIZE: Final = (2480, 3508)  # A4
_MARGIN: Final = 200
_RIGHT: Final = _SIZE[0] - _MARGIN
_BLACK, _GREY, _PALE = 0, 90, 236
_COLUMNS: Final = 3
_QR_SIDE: Final = 760
_THRESHOLD: Final = 150

_WARNING: Final = (
    "Whoever holds this page, or a photo of it, can read every password in the vault.",
    "Keep it on paper, where your passport is. Do not photograph, scan or upload it.",
)
_STEPS: Final = (
    "Install Clisk Vault on a new device. You need this page and the relay it names.",
    "Run   clisk recovery use   and type the 24 words, or give a picture of the code.",
    "Choose a passphrase for the new device. The old one is not asked for.",
    "Look at the dates it shows: this page cannot tell whether the relay shows all.",
    "Revoke the devices that are lost, then change the passwords that they could read.",
    "Make a new kit, and revoke this one if anybody else has seen it:   clisk devices",
)


@dataclass(frozen=True, slots=True)
class KitPage:
    """What stands on the page."""

    kit: Kit
    name: str
    safety_code: str
    made_ms: int


def draw_png(page: KitPage) -> bytes:
    """Return the page as PNG; it holds the secret."""
    out = io.BytesIO()
    _draw(page).save(out, "PNG", dpi=(_DPI, _DPI))
    return out.getvalue()


def draw_pdf(page: KitPage) -> bytes:
    """Return the page as PDF of one sheet; it holds the secret."""
    out = io.BytesIO()
    # Two colours, as the printer has: sharp edges, and a tenth of the size.
    flat = _draw(page).point(lambda grey: 255 if grey > _THRESHOLD else 0)
    flat.convert("1").save(out, "PDF", resolution=_DPI, title="Recovery kit")
    return out.getvalue()


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow comes with FreeType"
    return font


class _Pen:
    """Writes line below line."""

    def __init__(self, image: Image.Image) -> None:
        self.image = image
        self.draw = ImageDraw.Draw(image)
        self.y = _MARGIN

    def line(self, text: str, size: int, *, gap: int = 18, x: int = _MARGIN) -> None:
        self.at(x, self.y, text, size)
        self.y += size + gap

    def at(self, x: int, y: int, text: str, size: int, *, fill: int = _BLACK) -> None:
        # From the base line, so that words with and without tails stand in one row.
        place = (x, y + round(size * 0.8))
        self.draw.text(place, text, font=_font(size), fill=fill, anchor="ls")

    def rule(self, *, gap: int = 44) -> None:
        self.draw.line((_MARGIN, self.y, _RIGHT, self.y), fill=_BLACK, width=4)
        self.y += gap

    def heading(self, text: str) -> None:
        self.rule()
        self.line(text, 58, gap=34)


def _draw(page: KitPage) -> Image.Image:
    image = Image.new("L", _SIZE, 255)
    pen = _Pen(image)
    pen.line("Recovery kit", 130, gap=34)
    made = datetime.fromtimestamp(page.made_ms / 1000).astimezone()
    pen.line(f"Clisk Vault  -  made {made:%Y-%m-%d %H:%M}", 52, gap=50)
    _warn(pen)
    _words_and_code(pen, page)
    _facts(pen, page)
    pen.heading("What to do when every device is gone")
    for number, step in enumerate(_STEPS, start=1):
        pen.at(_MARGIN, pen.y, f"{number}.", 46)
        pen.line(step, 46, gap=26, x=_MARGIN + 70)
    return image


def _warn(pen: _Pen) -> None:
    height = 60 + len(_WARNING) * 68
    box = (_MARGIN, pen.y, _RIGHT, pen.y + height)
    pen.draw.rectangle(box, fill=255, outline=_BLACK, width=8)
    top = pen.y + 42
    for at, text in enumerate(_WARNING):
        pen.at(_MARGIN + 44, top + at * 68, text, 48)
    pen.y += height + 60


def _words_and_code(pen: _Pen, page: KitPage) -> None:
    pen.heading("The 24 words, in this order")
    top = pen.y
    words = secret_words(page.kit.secret)
    rows = len(words) // _COLUMNS
    for at, word in enumerate(words):
        column, row = divmod(at, rows)
        x, y = _MARGIN + column * 430, top + 10 + row * 92
        pen.at(x, y + 12, f"{at + 1}", 38, fill=_GREY)
        pen.at(x + 76, y, word, 58)
    # A whole number of dots for each module: cameras like it.
    code = Image.open(io.BytesIO(qr.draw_png(page.kit.text(), scale=1))).convert("L")
    side = _QR_SIDE // code.width * code.width
    code = code.resize((side, side), Image.Resampling.NEAREST)
    pen.image.paste(code, (_RIGHT - side + 30, top - 40))
    pen.y = top + max(_QR_SIDE - 40, rows * 92) + 40


def _facts(pen: _Pen, page: KitPage) -> None:
    pen.heading("Where the vault is")
    device = kit_device(page.kit.secret, page.kit.vault).public.id.hex()
    groups = print_vault_id(page.kit.vault).split()
    facts = [
        ("Relay", page.kit.relay),
        ("Vault number", "  ".join(groups[:9])),
        ("", "  ".join(groups[9:])),
        ("This kit", f"device {device[:8]}, as clisk devices shows it"),
        ("Safety code then", page.safety_code),
    ]
    for name, value in facts:
        pen.at(_MARGIN, pen.y, name, 46, fill=_GREY)
        for part in _lines(value):
            pen.line(part, 50, gap=24, x=_MARGIN + 440)
    pen.y += 24


def _lines(text: str, width: int = 68) -> list[str]:
    """Return *text* in lines that fit: a relay's address may be long."""
    return [text[at : at + width] for at in range(0, len(text), width)] or [""]
