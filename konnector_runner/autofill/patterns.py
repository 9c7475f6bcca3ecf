r"""The regex mode, made safe: protocol/autofill.md §4.2.

A pattern must fit the whole address of a page, and must fail for the same address
on somebody else's host. That is tried with hosts that nobody owns: a pattern such
as `https://.*bank\.example` would take https://evil.invalid/bank.example too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from konnector_runner.autofill.suffixes import registrable_domain
from konnector_runner.errors import FormatError

_LONGEST = 512
_NOBODY = "xqznobody.invalid"
_PART = "xqznobody"


def pattern_matches(pattern: str, origin: str, rest: str) -> bool:
    """Say whether *pattern* fits the page at *origin* and *rest*, and no stranger.

    Raises:
        FormatError: *pattern* is no regular expression, or too long.
    """
    path = rest.partition("?")[0]
    if max(len(pattern), len(origin) + len(path)) > _LONGEST:
        raise FormatError("pattern or address too long to compare")
    compiled = check_pattern(pattern)
    spellings = [origin + path, origin] if path == "/" else [origin + path]
    if not any(compiled.fullmatch(text) for text in spellings):
        return False
    return not any(compiled.fullmatch(text) for text in _strangers(origin, path))


def check_pattern(pattern: str) -> re.Pattern[str]:
    """Return *pattern*, ready to be compared with an address.

    Raises:
        FormatError: it is no regular expression, or too long for any address.
    """
    if len(pattern) > _LONGEST:
        raise FormatError("pattern too long to compare")
    try:
        return re.compile(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError):
        raise FormatError("pattern that is no regular expression") from None


def _strangers(origin: str, path: str) -> Iterator[str]:
    """Yield addresses that are like the page's and of another owner."""
    scheme, _, place = origin.partition("://")
    host = place.partition(":")[0]
    domain = registrable_domain(host)
    if domain is not None:
        glued = host.removesuffix(domain) + _PART + domain
        yield f"{scheme}://{glued}{path}"
        yield f"{scheme}://{glued}"
    for separator in ("/", "/?", "#", "/x.", "/x", "?x="):
        yield f"{scheme}://{_NOBODY}{separator}{place}{path}"
        yield f"{scheme}://{_NOBODY}{separator}{place}"
    for longer in (f"{place}.{_NOBODY}", f"{place}{_PART}.invalid"):
        yield f"{scheme}://{longer}{path}"
        yield f"{scheme}://{longer}"
    yield f"{scheme}://{_NOBODY}{path}"
    yield f"{scheme}://{_NOBODY}"
