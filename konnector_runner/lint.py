"""What is wrong, or will be, with a konnector: found without running it.

An error keeps it from running here or at Cozy; a warning is what authors trip over.
The bundle is read as text: what esbuild leaves tells which part is the author's
(`// node_modules/…` stands above each library), and a minified bundle, where that
is gone, is looked at as a whole and only warned about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from konnector_runner.autofill.suffixes import registrable_domain
from konnector_runner.errors import FormatError, ManifestError
from konnector_runner.manifest import Manifest, parse_manifest
from konnector_runner.origin import origin_of


class Level(Enum):
    """How bad it is."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing: where it is, what it is, and what to do."""

    level: Level
    rule: str
    message: str
    advice: str
    line: int | None = None


_DOCTYPES = {
    "saveBills": ("io.cozy.bills", "io.cozy.files"),
    "saveFiles": ("io.cozy.files",),
    "saveIdentity": ("io.cozy.identities",),
}
_METHODS = ("ensureAuthenticated", "getUserDataFromWebsite", "fetch")
_VERSION = re.compile(r"\d+\.\d+\.\d+(-[\w.]+)?")
_SECRETS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), "a private key"),
    (re.compile(r"\bAKIA[0-9A-Z]{16}\b"), "an access key"),
    (re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b"), "an access token"),
    (re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"), "a signed token"),
    (
        re.compile(
            r"\b(?:pass(?:word|wd|phrase)?|secret|api_?key|token|client_?secret)\b"
            r"['\"]?\s*[:=]\s*(['\"`])(?=[^'\"`]*[0-9])[^'\"`\s#.\[\]()$<>]{8,}\1",
            re.IGNORECASE,
        ),
        "a password or a key",
    ),
)
_LIBRARY = re.compile(r"^\s*// (?:\S*/)?node_modules/", re.MULTILINE)
_FILE = re.compile(r"^\s*// \S+\.(?:js|ts|jsx|tsx|mjs|cjs)$", re.MULTILINE)
_MINIFIED = 2000


def lint(manifest: str, bundle: str) -> list[Finding]:
    """Return everything that is wrong with a konnector, worst first."""
    found: list[Finding] = []
    try:
        parsed = parse_manifest(manifest)
    except ManifestError as err:
        parsed = None
        found.append(_error("manifest", str(err), err.advice))
    if parsed is not None:
        found += _manifest(parsed)
        found += _permissions(parsed, bundle)
    found += _bundle(bundle)
    return sorted(found, key=lambda each: (each.level is not Level.ERROR, each.rule))


def _error(rule: str, message: str, advice: str, line: int | None = None) -> Finding:
    return Finding(Level.ERROR, rule, message, advice, line)


def _warning(rule: str, message: str, advice: str, line: int | None = None) -> Finding:
    return Finding(Level.WARNING, rule, message, advice, line)


# --- the manifest ---


def _manifest(manifest: Manifest) -> Iterator[Finding]:
    if not _VERSION.fullmatch(manifest.version):
        advice = "three numbers, such as 1.0.0"
        yield _warning("version", "version is not a semantic version", advice)
    yield from _vendor_link(manifest.vendor_link)
    for name in ("editor", "categories", "langs", "locales", "folders", "icon"):
        if not manifest.raw.get(name):
            advice = "the store and the settings of Cozy show it"
            yield _warning("manifest", f"the manifest has no {name}", advice)
    if manifest.raw.get("fields") not in ({}, None):
        advice = "leave it {}: the login happens on the site"
        yield _warning("fields", "fields of a form are not asked for here", advice)
    for domain in manifest.cookie_domains:
        yield from _cookie_domain(domain)


def _vendor_link(link: str) -> Iterator[Finding]:
    try:
        origin = origin_of(link)
    except FormatError:
        advice = "the address of the site: it is offered as the place to grant"
        yield _warning("vendor_link", "vendor_link is no address of a site", advice)
        return
    if not origin.startswith("https://"):
        advice = "use https: what is filled in over http can be read on the way"
        yield _warning("vendor_link", "vendor_link is not https", advice)


def _cookie_domain(domain: str) -> Iterator[Finding]:
    plain = domain.removeprefix(".")
    if urlsplit(f"//{plain}").hostname != plain:
        advice = "a domain alone, such as example.org"
        yield _error("cookie_domains", "cookie_domains holds no domain", advice)
    elif registrable_domain(plain) is None:
        advice = "name the site's own domain: this one has many owners"
        yield _error("cookie_domains", "cookie_domains holds a public suffix", advice)


def _permissions(manifest: Manifest, bundle: str) -> Iterator[Finding]:
    own = _own(bundle)
    for method, types in _DOCTYPES.items():
        used = re.search(rf"\.{method}\(", own)
        missing = [each for each in types if each not in manifest.permissions]
        if used and missing:
            message = f"{method}() is used without the permission {missing[0]}"
            advice = f'permissions: {{"…": {{"type": "{missing[0]}"}}}}'
            yield _error("permissions", message, advice)
    if re.search(r"\.getCookie(?:s)?By\w+\(", own) and not manifest.cookie_domains:
        advice = 'cookie_domains: ["example.org"]'
        yield _error(
            "cookie_domains", "cookies are read without cookie_domains", advice
        )
    for kind in sorted(set(manifest.permissions)):
        if not re.fullmatch(r"[a-z]+(\.[a-z0-9_-]+)+|carbon_copy", kind):
            advice = "such as io.cozy.bills"
            yield _warning("permissions", "a permission is of no known form", advice)


# --- the bundle ---


def _bundle(bundle: str) -> Iterator[Finding]:
    if not bundle.strip():
        yield _error("bundle", "main.js is empty", "build it: npm run build")
        return
    if re.search(r"^\s*(?:import\s[^(]|export\s)", bundle, re.MULTILINE):
        advice = "bundle it: esbuild --bundle --format=iife"
        yield _error("bundle", "main.js is a module, not a script", advice)
    if re.search(r'throw (?:new )?Error\(\s*[\'"]Dynamic require of', bundle) and (
        found := re.search(r"__require\(['\"]([\w/@.-]+)['\"]\)", bundle)
    ):
        advice = "a page has no Node: leave this library out"
        yield _error("bundle", f"main.js requires {found[1]} as it runs", advice)
    yield from _global(bundle)
    own = _own(bundle)
    yield from _eval(bundle, own)
    yield from _methods(bundle, own)
    yield from _secrets(bundle, own)


def _global(bundle: str) -> Iterator[Finding]:
    """`global` is Node's: in a page it is not defined, and cozy-clisk names it."""
    named = re.search(r"(?<![\w.$'\"])global(?:\.|\[| &&| \|\||\))", bundle)
    given = re.search(
        r"(?:var|let|const|,)\s*global\s*=|function\s*\w*\(global\b", bundle
    )
    if named and not given:
        advice = "bundle it with --define:global=window"
        line = _line(bundle, named.start())
        yield _error("global", "main.js uses global, which no page has", advice, line)


def _eval(bundle: str, own: str) -> Iterator[Finding]:
    found = re.search(r"(?<![\w.$])(?:eval|new Function)\s*\(", own)
    if found and _is_readable(bundle):
        advice = "many sites forbid it by their policy; call methods of your own"
        line = _line(bundle, bundle.find(own[found.start() : found.start() + 80]))
        yield _warning("eval", "the konnector evaluates text as code", advice, line)
    if re.search(r"evaluateInWorker\(|['\"]evaluate['\"]\s*,", own):
        advice = "expose a method: init({ additionalExposedMethodsNames: [...] })"
        message = "evaluate() fails on sites whose policy forbids eval"
        yield _warning("eval", message, advice)


def _methods(bundle: str, own: str) -> Iterator[Finding]:
    # The base class has each of them once; the konnector's own come on top.
    for name in _METHODS:
        defined = re.findall(rf"(?<![.\w])(?:async\s+)?{name}\s*\([^)]*\)\s*\{{", own)
        wanted = 1 if _is_readable(bundle) else 2
        if len(defined) < wanted and not re.search(
            rf"{name}\s*[:=]\s*(?:async|func)", own
        ):
            advice = f"write async {name}() in the class of the konnector"
            yield _warning("methods", f"{name}() does not seem to be there", advice)
    if not re.search(r"\.init\(", own):
        advice = "new MyContentScript().init()"
        yield _error("methods", "the konnector is never started with init()", advice)
    called = set(re.findall(r"runInWorker(?:UntilTrue)?\(\s*['\"](\w+)['\"]", own))
    exposed = set(re.findall(r"['\"](\w+)['\"]", _exposed(own)))
    for name in sorted(called - exposed - _OFFERED):
        advice = "add it to additionalExposedMethodsNames of init()"
        message = f"{name}() is called in the worker and not exposed"
        yield _warning("methods", message, advice)


_OFFERED = {
    *("ensureAuthenticated", "ensureNotAuthenticated", "checkAuthenticated"),
    *("waitForAuthenticated", "waitForNotAuthenticated", "waitForElementNoReload"),
    *("getUserDataFromWebsite", "fetch", "click", "fillText", "storeFromWorker"),
    *("clickAndWait", "getCookiesByDomain", "getCookieByDomainAndName"),
    *("downloadFileInWorker", "getDebugData", "getCliskVersion", "checkForElement"),
    *("evaluate", "setContentScriptType"),
}


def _exposed(own: str) -> str:
    found = re.search(r"additionalExposedMethodsNames\s*:\s*\[([^\]]*)\]", own)
    return found[1] if found else ""


def _secrets(bundle: str, own: str) -> Iterator[Finding]:
    for pattern, what in _SECRETS:
        for found in pattern.finditer(own):
            line = _line(bundle, bundle.find(found[0]))
            advice = "the code is read by whoever installs it; it belongs in the vault"
            yield _warning("secrets", f"main.js seems to hold {what}", advice, line)
            break


def _is_readable(bundle: str) -> bool:
    longest = max(map(len, bundle.splitlines()), default=0)
    return longest < _MINIFIED or _LIBRARY.search(bundle) is not None


def _own(bundle: str) -> str:
    """Return the author's part of *bundle*; all of it where that can not be told."""
    if _LIBRARY.search(bundle) is None:
        return bundle
    starts = [found.start() for found in _FILE.finditer(bundle)]
    parts = [
        bundle[start:end]
        for start, end in zip(starts, [*starts[1:], len(bundle)], strict=True)
    ]
    return "".join(part for part in parts if not _LIBRARY.match(part))


def _line(text: str, at: int) -> int | None:
    return text.count("\n", 0, at) + 1 if at >= 0 else None
