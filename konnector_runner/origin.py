"""Which site a page belongs to: scheme, host and port, spelt in one way.

A credential is released for an origin (RFC 6454), never for a URL, a title or
a domain. Whether an origin is granted is the credential source's decision; this
module only makes two spellings of one origin equal and refuses what has none:
`about:`, `data:`, `blob:` and `file:` pages, sandboxed documents, "null".

Spec: protocol/konnector-bridge.md §6.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

import idna

from konnector_runner.errors import FormatError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_URL = 8192
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", re.ASCII)
# What WHATWG's URL parser strips or folds, and urlsplit does not see alike.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")


def origin_of(url: str) -> str:
    """Return the origin of *url*: "https://host" or "https://host:8443".

    The host is in lower case and punycode, a default port is left out, IPv6 is
    in its short form and in brackets: the spelling browsers use.

    Raises:
        FormatError: not an http or https URL, or not one with a plain host.
    """
    if len(url) > _MAX_URL or _FORBIDDEN.search(url):
        raise FormatError("URL with a character that none may hold, or too long")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise FormatError("URL that cannot be read") from None
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise FormatError("only pages over http and https have an origin here")
    # user@host is how one site is made to look like another.
    if "@" in parts.netloc or parts.hostname is None:
        raise FormatError("URL without a plain host")
    host = _host(parts.hostname)
    if port == 0 or parts.netloc.endswith(":"):
        raise FormatError("URL with an odd port")
    return f"{scheme}://{host}" + _port(scheme, port)


def parse_origin(text: str) -> str:
    """Return *text* when it is an origin in its one spelling.

    Raises:
        FormatError: a path, another spelling, or no origin at all.
    """
    if origin_of(text) != text:
        raise FormatError("origin that is not spelt the one way")
    return text


def _port(scheme: str, port: int | None) -> str:
    return "" if port in {None, _DEFAULT_PORTS[scheme]} else f":{port}"


def _host(host: str) -> str:
    if ":" in host:
        return f"[{_address(host)}]"
    ascii_host = _ascii(host)
    if _looks_like_ipv4(ascii_host):
        # Browsers read 0x7f.1 and 2130706433 as addresses; we take only the
        # dotted spelling that they write.
        return str(_address(ascii_host))
    labels = ascii_host.removesuffix(".").split(".")
    if len(ascii_host) > 254 or not all(_is_label(label) for label in labels):
        raise FormatError("host name with a label that none may hold")
    return ascii_host


def _is_label(label: str) -> bool:
    return len(label) <= 63 and _LABEL.fullmatch(label) is not None


def _ascii(host: str) -> str:
    if host.isascii():
        return host.lower()
    try:
        # Nontransitional, as browsers do it: faß.de and fass.de are two sites.
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise FormatError("host name that is not a valid international one") from None


def _looks_like_ipv4(host: str) -> bool:
    last = host.removesuffix(".").rpartition(".")[2]
    return re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last, re.ASCII) is not None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise FormatError("host that is not an address") from None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise FormatError("address with a zone")
    return address
