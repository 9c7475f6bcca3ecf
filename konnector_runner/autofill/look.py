"""Look at every frame of a tab from a world of our own: protocol/autofill.md §2.

Shadow trees that a page closed are known to the browser: it hands their roots to
the page script. Frames of another process are another site's and not looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from konnector_runner.autofill.devtools import DevTools
from konnector_runner.autofill.facts import FrameFacts, parse_facts
from konnector_runner.errors import BrowserError, DocumentGone, FormatError

WORLD = "clisk-autofill"
_SIGHT = "sight.js"
_MOST_FRAMES = 50
_MOST_ROOTS = 500


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """One frame: the world to act in, and what was seen (None: unreadable)."""

    context: int
    facts: FrameFacts | None


@cache
def script(name: str) -> str:
    """Return the source of a page script of this package, without its comment."""
    text = files("konnector_runner.autofill").joinpath(name).read_text("utf-8")
    lines = text.splitlines()
    while lines[0].startswith("//"):
        lines.pop(0)
    return "\n".join(script(_SIGHT) if line == "  SIGHT" else line for line in lines)


async def look(tab: DevTools, *, closed_roots: bool = True) -> list[SeenFrame]:
    """Return the frames of *tab*, the main one first.

    Without *closed_roots* shadow trees that the page closed are not looked into:
    to ask for them the browser tells of every node of the page, which takes most of
    the time that filling takes.
    """
    tree = (await tab.command("Page.getFrameTree"))["frameTree"]
    roots = await _closed_roots(tab) if closed_roots else defaultdict(list)
    main = tree["frame"]["id"]
    seen = []
    for frame in list(_frames(tree))[:_MOST_FRAMES]:
        wanted = roots["" if frame == main else frame][:_MOST_ROOTS]
        try:
            seen.append(await _look_into(tab, frame, wanted))
        except (BrowserError, DocumentGone):
            # A frame of another site's process, or one that has just gone.
            continue
    return seen


def _frames(tree: Mapping[str, Any]) -> Iterator[str]:
    yield tree["frame"]["id"]
    for child in tree.get("childFrames", []):
        yield from _frames(child)


async def _closed_roots(tab: DevTools) -> dict[str, list[int]]:
    """Return the closed shadow roots by frame; "" is the main one."""
    document = (await tab.command("DOM.getDocument", depth=-1, pierce=True))["root"]
    await tab.command("DOM.disable")
    found: dict[str, list[int]] = defaultdict(list)
    waiting = [("", document)]
    while waiting:
        frame, node = waiting.pop()
        for root in node.get("shadowRoots", ()):
            if root["shadowRootType"] == "closed":
                found[frame].append(root["backendNodeId"])
            waiting.append((frame, root))
        waiting += [(frame, child) for child in node.get("children", ())]
        if "contentDocument" in node:
            waiting.append((node.get("frameId", "?"), node["contentDocument"]))
    return found


async def _look_into(tab: DevTools, frame: str, roots: list[int]) -> SeenFrame:
    world = await tab.command(
        "Page.createIsolatedWorld", frameId=frame, worldName=WORLD
    )
    context = world["executionContextId"]
    resolved = [
        await tab.command(
            "DOM.resolveNode", backendNodeId=node, executionContextId=context
        )
        for node in roots
    ]
    text = await call(
        tab,
        context,
        script("collect.js"),
        [{"objectId": node["object"]["objectId"]} for node in resolved],
    )
    try:
        return SeenFrame(context, parse_facts(text))
    except FormatError:
        return SeenFrame(context, None)


async def call(
    tab: DevTools, context: int, function: str, arguments: list[dict[str, Any]]
) -> Any:
    """Return what *function* returns in the world *context*; "" when it failed."""
    answer = await tab.command(
        "Runtime.callFunctionOn",
        functionDeclaration=function,
        arguments=arguments,
        executionContextId=context,
        returnByValue=True,
        awaitPromise=True,
    )
    if "exceptionDetails" in answer:
        return ""
    return answer["result"].get("value", "")
