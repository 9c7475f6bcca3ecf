"""The script that each new document of the pilot and the worker begins with."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from konnector_runner.strict_json import encode_json

_ASK_EVERY_MS = 100
_ASKS = 100


@cache
def _prelude() -> tuple[str, str, str]:
    text = files("konnector_runner").joinpath("prelude.js").read_text(encoding="utf-8")
    before, _, rest = text.partition("SETTINGS")
    # Once and by place: the bundle is text of a stranger's, and may hold any word.
    between, _, after = rest.rpartition("BUNDLE")
    return before, between, after


def page_script(bundle: str, *, role: str, binding: str, max_message: int) -> str:
    """Return the script that makes a document the *role*, "pilot" or "worker".

    *bundle* must be a whole script by itself (Page.compile tells): the guard
    around it, which keeps it out of frames, is only as good as its braces.
    """
    before, between, after = _prelude()
    settings = encode_json(
        {
            "role": role,
            "binding": binding,
            "maxMessage": max_message,
            "askEveryMs": _ASK_EVERY_MS,
            "asks": _ASKS,
        }
    )
    return f"{before}{settings}{between}{bundle}{after}"
