"""Write into one field as a person does, and nowhere else: protocol/autofill.md §5.

A key event carries its character to whatever has the focus when it arrives, in any
frame. So characters are not sent as keys: they are entered by the browser's own
editing command, in the document and the element that were checked in the same turn.
The key events around them are those of a phone's keyboard: real, without a letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from konnector_runner.autofill.devtools import DevTools
from konnector_runner.autofill.look import SeenFrame, call, script
from konnector_runner.autofill.plan import Refusal

# What hands.js answers; anything else means that the page is not as it was.
_REASONS = {
    "unseen": Refusal.UNSEEN,
    "covered": Refusal.COVERED,
    "read only": Refusal.READ_ONLY,
}
_ALTERED = "altered"
_KEY = {"windowsVirtualKeyCode": 229, "key": "Unidentified", "code": ""}


class Stopped(Exception):
    """The field was left alone: *refusal* says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Hands:
    """Acts in one frame as it was seen."""

    tab: DevTools
    frame: SeenFrame

    async def prepare(self, element: int) -> None:
        """Bring *element* into view and focus; raise Stopped unless it can be filled.

        No secret is needed for this, so none has been released yet.
        """
        _check(await self._act("prepare", element))

    async def type(self, element: int, kind: str, text: str) -> bool:
        """Write *text*; return whether the page made something else of it."""
        await self._key("rawKeyDown")
        answer = await self._act("type", element, kind, text)
        await self._key("keyUp")
        if answer == _ALTERED:
            return True
        _check(answer)
        return False

    async def press(self, keys: Sequence[tuple[str, int]], character: str) -> None:
        """Press the one of *keys* that shows *character* now."""
        numbers = [element for _, element in keys]
        place = await self._act("key", numbers, character)
        if not isinstance(place, dict):
            raise Stopped(Refusal.PAGE_CHANGED)
        _check(place.get("reason"))
        await self._click(float(place["x"]), float(place["y"]))

    async def submit(self, element: int) -> None:
        """Send the form of *element*, by its one button or by the key Enter.

        No character of a secret is in this, so it may go where the focus is.
        """
        place = await self._act("submit", element)
        reason = place.get("reason") if isinstance(place, dict) else None
        if reason == "enter":
            await self._enter()
            return
        _check(reason)
        await self._click(float(place["x"]), float(place["y"]))

    async def _enter(self) -> None:
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if kind == "keyDown" else {}
            await self.tab.command(
                "Input.dispatchKeyEvent",
                type=kind,
                key="Enter",
                code="Enter",
                windowsVirtualKeyCode=13,
                **text,
            )

    async def _click(self, x: float, y: float) -> None:
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            await self.tab.command(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x,
                y=y,
                button="none" if kind == "mouseMoved" else "left",
                clickCount=0 if kind == "mouseMoved" else 1,
            )

    async def _key(self, kind: str) -> None:
        await self.tab.command("Input.dispatchKeyEvent", type=kind, **_KEY)

    async def _act(self, act: str, *arguments: Any) -> Any:
        facts = self.frame.facts
        assert facts is not None  # a plan is made of facts
        expected = {"origin": facts.origin, "url": facts.url}
        values = [act, expected, *arguments]
        return await call(
            self.tab,
            self.frame.context,
            f"function (...all) {{ return {script('hands.js')}(...all) }}",
            [{"value": value} for value in values],
        )


def _check(answer: Any) -> None:
    if answer == "":
        return
    raise Stopped(_REASONS.get(answer, Refusal.PAGE_CHANGED))
