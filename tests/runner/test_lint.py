"""Faults of konnectors that are found without running them."""

from __future__ import annotations

import json

import pytest

from konnector_runner.lint import Finding, Level, lint

_MANIFEST = {
    "type": "konnector",
    "slug": "shop",
    "name": "Shop",
    "version": "1.0.0",
    "clientSide": True,
    "vendor_link": "https://shop.example",
    "editor": "me",
    "icon": "icon.svg",
    "categories": ["others"],
    "langs": ["en"],
    "locales": {"en": {}},
    "folders": [{}],
    "fields": {},
    "permissions": {
        "bills": {"type": "io.cozy.bills"},
        "files": {"type": "io.cozy.files"},
        "identities": {"type": "io.cozy.identities"},
    },
    "cookie_domains": ["shop.example"],
}
_LIBRARY = """(() => {
  // node_modules/cozy-clisk/dist/contentscript/ContentScript.js
  var ContentScript = class {
    async evaluate(text) { return eval(text) }
    async saveIdentity() { return this.bridge.call("saveIdentity") }
  };
"""
_OWN = """  // src/index.js
  var Shop = class extends ContentScript {
    async ensureAuthenticated() { await this.runInWorker("readBills") }
    async getUserDataFromWebsite() { return {} }
    async fetch(context) { await this.saveBills([], { context }) }
    async readBills() { return [] }
  };
  new Shop().init({ additionalExposedMethodsNames: ["readBills"] })
})();
"""


def _lint(own: str = _OWN, library: str = _LIBRARY, **members: object) -> list[Finding]:
    return lint(json.dumps({**_MANIFEST, **members}), library + own)


def test_a_sound_konnector_has_no_findings() -> None:
    """What libraries do is theirs: eval in cozy-clisk is not the author's."""
    assert _lint() == []


_BODY = '"readBills")'
_PLANTED: dict[str, tuple[Level, dict[str, object], str]] = {
    # rule: (level, what is put where readBills is called, or a whole bundle)
    "permissions": (Level.ERROR, {"permissions": {}}, _OWN),
    "cookie_domains": (
        Level.ERROR,
        {"cookie_domains": []},
        _OWN.replace(_BODY, '"readBills"); this.getCookiesByDomain("shop.example")'),
    ),
    "cookie_domains as addresses": (
        Level.ERROR,
        {"cookie_domains": ["https://shop.example/"]},
        _OWN,
    ),
    "cookie_domains of many owners": (
        Level.ERROR,
        {"cookie_domains": ["github.io"]},
        _OWN,
    ),
    "manifest": (Level.ERROR, {"slug": "No Slug!"}, _OWN),
    "manifest without an editor": (Level.WARNING, {"editor": ""}, _OWN),
    "version": (Level.WARNING, {"version": "1"}, _OWN),
    "vendor_link": (Level.WARNING, {"vendor_link": "http://shop.example"}, _OWN),
    "vendor_link missing": (Level.WARNING, {"vendor_link": ""}, _OWN),
    "fields": (Level.WARNING, {"fields": {"login": {"type": "text"}}}, _OWN),
    "global": (Level.ERROR, {}, _OWN.replace(_BODY, '"readBills"); global.atob("")')),
    "eval": (Level.WARNING, {}, _OWN.replace(_BODY, '"readBills"); eval("1")')),
    "eval in the page": (
        Level.WARNING,
        {},
        _OWN.replace(_BODY, '"readBills"); this.evaluateInWorker(f)'),
    ),
    "bundle": (Level.ERROR, {}, "import { x } from 'y'\n" + _OWN),
    "bundle missing": (Level.ERROR, {}, ""),
    "methods": (Level.WARNING, {}, _OWN.replace("async fetch(", "async fetchAll(")),
    "methods not started": (Level.ERROR, {}, _OWN.replace(".init(", ".start(")),
    "methods not exposed": (Level.WARNING, {}, _OWN.replace('["readBills"]', "[]")),
    "secrets": (
        Level.WARNING,
        {},
        _OWN.replace(_BODY, '"readBills"); const apiKey = "f81d4fae7dec"'),
    ),
    "secrets: a private key": (
        Level.WARNING,
        {},
        _OWN + "// -----BEGIN RSA PRIVATE KEY-----",
    ),
}


@pytest.mark.parametrize("name", _PLANTED)
def test_a_planted_fault_is_found(name: str) -> None:
    """Each fault alone gives its own finding, with what to do about it."""
    level, members, own = _PLANTED[name]

    library = "" if name == "bundle missing" else _LIBRARY
    found = [f for f in _lint(own, library, **members) if f.level is level]

    assert name.split(" ", maxsplit=1)[0].rstrip(":") in {each.rule for each in found}
    assert all(each.advice for each in found)


def test_words_that_only_look_like_secrets_are_left() -> None:
    """Selectors and names of fields are no secrets, and are not shown as such."""
    own = _OWN.replace(
        _BODY,
        '"readBills"); const password = "#password_field"; const token = "csrf-token"',
    )

    assert _lint(own) == []


def test_a_secret_is_not_repeated() -> None:
    """A finding names the place of a secret and never its value."""
    own = _OWN.replace(_BODY, '"readBills"); const password = "hunter2hunter2"')

    (finding,) = _lint(own)

    assert "hunter2" not in f"{finding}"
    assert finding.line == (_LIBRARY + own).split("hunter2")[0].count("\n") + 1
