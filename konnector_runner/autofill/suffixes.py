"""The Public Suffix List: which part of a host name one owner registered.

Both sections count: on a host for the public (a.github.io, b.github.io) each name
has an owner of its own. The list comes with its package, and is never fetched.

Spec: protocol/autofill.md §4.1.
"""

from __future__ import annotations

from functools import cache

from publicsuffixlist import PublicSuffixList


@cache
def _list() -> PublicSuffixList:
    return PublicSuffixList()


def registrable_domain(host: str) -> str | None:
    """Return the part of *host* that is its owner's, or None when there is none.

    *host* is in lower case and punycode, as konnector_runner.origin spells it.
    An address, a name of one label and a public suffix itself have none.
    """
    if host.startswith("[") or host.endswith(".") or "." not in host:
        return None
    if host.rpartition(".")[2].isdigit():
        return None
    return _list().privatesuffix(host)
