"""Step 2: a second device, let in by a picture and six digits."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from subprocess import Popen

from demo.device import Device
from demo.telling import StoryError, Telling

_DIGITS = re.compile(r"into the other device: (\d{3} \d{3})")
_PICTURE_SECONDS = 30


def pair(
    laptop: Device, phone: Device, picture: Path, telling: Telling, *, passphrase: str
) -> None:
    """Pair *phone* with *laptop*: pixels one way, typed digits the other.

    Raises:
        StoryError: one side refused.
    """
    typed, keyboard = os.pipe()
    drawing = laptop.start(
        "pair", "--png", str(picture), "--code-fd", str(typed), pass_fds=(typed,)
    )
    os.close(typed)
    _wait_for(picture, drawing)
    telling.say(
        f"the picture of the code is {picture.name}; the phone reads its pixels"
    )
    scanning = phone.start(
        "join", str(picture), "--name", "phone", "--passphrase-fd", "0"
    )
    digits = _digits_shown(scanning, passphrase)
    telling.say(f"the phone shows {digits}; the person types that on the laptop")
    with os.fdopen(keyboard, "w") as keys:
        keys.write(digits)
    _finish("the laptop", drawing, telling)
    _finish("the phone", scanning, telling)


def _wait_for(picture: Path, drawing: Popen[str]) -> None:
    until = time.monotonic() + _PICTURE_SECONDS
    while not picture.exists():
        if drawing.poll() is not None or time.monotonic() > until:
            raise StoryError(f"no code was drawn: {drawing.communicate()[1]}")
        time.sleep(0.05)


def _digits_shown(scanning: Popen[str], passphrase: str) -> str:
    assert scanning.stdin is not None
    assert scanning.stderr is not None
    scanning.stdin.write(passphrase)
    scanning.stdin.close()
    scanning.stdin = None
    said = ""
    for line in scanning.stderr:
        said += line
        found = _DIGITS.search(line)
        if found:
            return found[1]
    raise StoryError(f"the phone showed no digits: {said}")


def _finish(who: str, side: Popen[str], telling: Telling) -> None:
    _, said = side.communicate(timeout=90)
    telling.output(said)
    if side.returncode != 0:
        raise StoryError(f"{who} did not pair: {said}")
