"""QR pictures: what was drawn is read back, what is not one is refused."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from clisk_sync import qr
from clisk_sync.errors import PairingCodeError

_TEXT = "clisk:pair#" + "aB-_9" * 40


def _png(path: Path, picture: Image.Image) -> Path:
    picture.save(path, format="PNG")
    return path


def _drawn() -> Image.Image:
    return Image.open(io.BytesIO(qr.draw_png(_TEXT))).convert("RGB")


def test_a_drawn_png_reads_back(tmp_path: Path) -> None:
    """The text comes from the pixels alone."""
    assert qr.read_picture(_png(tmp_path / "a.png", _drawn())) == _TEXT


def test_a_photograph_of_the_screen_reads_back(tmp_path: Path) -> None:
    """Turned, blurred, shrunk, dim and saved as JPEG, as a camera would."""
    photo = Image.new("RGB", (1400, 1400), (90, 90, 100))
    photo.paste(_drawn().resize((900, 900)), (200, 240))
    photo = photo.rotate(9, fillcolor=(90, 90, 100)).filter(ImageFilter.GaussianBlur(1))
    path = tmp_path / "photo.jpg"
    photo.point(lambda level: level * 0.7).save(path, quality=70)

    assert qr.read_picture(path) == _TEXT


def test_the_terminal_picture_reads_back(tmp_path: Path) -> None:
    """Half blocks, drawn as a terminal would, are a readable code."""
    lines = qr.draw_for_terminal(_TEXT).splitlines()
    width = max(map(len, lines))
    picture = Image.new("L", (width, 2 * len(lines)), 255)
    halves = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
    for row, line in enumerate(lines):
        for column, char in enumerate(line):
            upper, lower = halves[char]
            picture.putpixel((column, 2 * row), upper)
            picture.putpixel((column, 2 * row + 1), lower)
    grown = picture.resize((width * 6, 2 * len(lines) * 6), Image.Resampling.NEAREST)

    assert qr.read_picture(_png(tmp_path / "terminal.png", grown)) == _TEXT


def test_svg_is_a_picture_of_the_same_code() -> None:
    """The SVG has no script and no outside reference."""
    svg = qr.draw_svg(_TEXT)
    assert "<svg" in svg
    assert "script" not in svg
    assert "href" not in svg


def test_a_picture_without_a_code_is_refused(tmp_path: Path) -> None:
    """The message says what to do."""
    with pytest.raises(PairingCodeError, match="no QR code") as caught:
        qr.read_picture(_png(tmp_path / "a.png", Image.new("L", (300, 300), 255)))
    assert caught.value.advice


def test_two_codes_in_one_picture_are_refused(tmp_path: Path) -> None:
    """Nobody can slip a second code beside the person's."""
    first = _drawn()
    second = Image.open(io.BytesIO(qr.draw_png("clisk:pair#other"))).convert("RGB")
    both = Image.new("RGB", (first.width + second.width, first.height), "white")
    both.paste(first, (0, 0))
    both.paste(second, (first.width, 0))

    with pytest.raises(PairingCodeError, match="more than one"):
        qr.read_picture(_png(tmp_path / "both.png", both))


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    """Missing, empty, cut, or of another kind: a named error each time."""
    good = qr.draw_png(_TEXT)
    files = {
        "empty.png": b"",
        "cut.png": good[: len(good) // 2],
        "text.png": b"clisk:pair#",
        "vector.svg": qr.draw_svg(_TEXT).encode(),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(PairingCodeError):
            qr.read_picture(tmp_path / name)
    with pytest.raises(PairingCodeError):
        qr.read_picture(tmp_path / "missing.png")
    with pytest.raises(PairingCodeError):
        qr.read_picture(tmp_path)


@pytest.mark.parametrize("side", [8_100, 60_000])
def test_a_picture_bomb_is_refused_by_its_header(tmp_path: Path, side: int) -> None:
    """A small file that claims billions of pixels is never unpacked."""
    small = io.BytesIO()
    Image.new("1", (8, 8)).save(small, format="PNG")
    raw = bytearray(small.getvalue())
    raw[16:24] = side.to_bytes(4) + side.to_bytes(4)
    path = tmp_path / "bomb.png"
    path.write_bytes(bytes(raw))

    with pytest.raises(PairingCodeError):
        qr.read_picture(path)
