"""Vectors of protocol/konnector-bridge.md: messages, origins, names, keys, digest."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from protocol.build.common import Cases, Json, cases

_MARK = {"type": "@post-me"}
_CALL = {
    **_MARK,
    "action": "call",
    "sessionId": 5124960,
    "requestId": 4,
    "methodName": "runInWorker",
    "args": ["click", "#go", None],
}


def build() -> None:
    """Write every case of the page."""
    with cases("konnector-bridge") as write:
        _good_messages(write)
        _bad_messages(write)
        _bad_json(write)
        _origins(write)
        _files(write)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _message(write: Cases, case: str, says: str, text: str, again: Any = None) -> None:
    result = "malformed" if again is None else "ok"
    extra = {} if again is None else {"written": _compact(again).encode()}
    section = "3.1" if case.startswith("json-") else "3"
    write(
        f"messages/{case}",
        spec=f"konnector-bridge.md §{section}",
        says=says,
        text=text.encode("utf-8", "surrogatepass"),
        result=result,
        **extra,
    )


def _good_messages(write: Cases) -> None:
    base = {**_MARK, "sessionId": 1}
    hello: Any = {**_MARK, "action": "handshake-response", "sessionId": "s-1"}
    _message(
        write,
        "handshake-response",
        "a session may be named by a text",
        json.dumps(hello),
        hello,
    )
    _message(
        write,
        "call",
        "members may come in any order",
        _compact(dict(reversed(_CALL.items()))),
        _CALL,
    )
    extra = {**_CALL, "transfer": [1], "result": 2}
    _message(
        write, "call-with-more", "unknown members are ignored", _compact(extra), _CALL
    )
    void = {**base, "action": "response", "requestId": 0}
    ordered = {**_MARK, "action": "response", "sessionId": 1, "requestId": 0}
    _message(
        write,
        "response-void",
        "undefined is a response without a result",
        _compact(void),
        ordered,
    )
    _message(
        write,
        "response-null",
        "null is not undefined",
        _compact({**void, "result": None}),
        {**ordered, "result": None},
    )
    _message(
        write,
        "response-error",
        "a thrown plain string is an error",
        _compact({**void, "error": "LOGIN_FAILED"}),
        {**ordered, "error": "LOGIN_FAILED"},
    )
    log: Any = {
        **_MARK,
        "action": "event",
        "sessionId": 1,
        "eventName": "log",
        "payload": {"level": "info", "msg": "é"},
    }
    _message(
        write,
        "event",
        "text beyond ASCII is written escaped",
        json.dumps(log, ensure_ascii=False),
        log,
    )
    lone = {**log, "payload": "\ud83d!"}
    _message(
        write,
        "lone-surrogate",
        "an unpaired surrogate is read as U+FFFD",
        _compact(lone),
        {**log, "payload": "\ufffd!"},
    )


def _bad_messages(write: Cases) -> None:
    def without(name: str) -> dict[str, Any]:
        return {key: value for key, value in _CALL.items() if key != name}

    _message(write, "list", "a message is an object", "[]")
    _message(
        write,
        "action-unknown",
        "post-me has no such action",
        _compact({**_CALL, "action": "error"}),
    )
    _message(
        write,
        "action-missing",
        "a post-me message says what it is",
        _compact(without("action")),
    )
    for case, says, change in (
        ("session-missing", "a message belongs to a session", "sessionId"),
        ("method-missing", "a call names a method", "methodName"),
        ("args-missing", "a call has arguments, if none then an empty list", "args"),
        ("request-missing", "a call has a number", "requestId"),
    ):
        _message(write, case, says, _compact(without(change)))
    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("session-null", "null is no session", {"sessionId": None}),
        ("session-object", "an object is no session", {"sessionId": {}}),
        ("session-long", "a session of 257 characters", {"sessionId": "s" * 257}),
        ("request-text", "a request is a number, not a text", {"requestId": "4"}),
        ("request-true", "true is not the number 1", {"requestId": True}),
        ("request-float", "a request is a whole number", {"requestId": 4.5}),
        ("request-negative", "a request is not below zero", {"requestId": -1}),
        ("request-huge", "a request is below 2^53", {"requestId": 2**53}),
        ("method-empty", "a method has a name", {"methodName": ""}),
        ("method-long", "a name of 257 characters", {"methodName": "m" * 257}),
        ("method-list", "a name is a text", {"methodName": ["click"]}),
        ("args-object", "arguments are a list", {"args": {"0": "click"}}),
    ]
    for case, says, changed in changes:
        _message(write, case, says, _compact({**_CALL, **changed}))


def _bad_json(write: Cases) -> None:
    text = _compact(_CALL)
    _message(write, "json-cut-short", "a text that ends too early", text[:-1])
    _message(write, "json-followed", "a text followed by more", text + "{}")
    _message(
        write,
        "json-key-twice",
        "a key twice, the second one hiding the first",
        text[:-1] + ',"methodName":"getCredentials"}',
    )
    _message(
        write,
        "json-nan",
        "a number that JSON does not have",
        text.replace("null", "NaN"),
    )
    _message(
        write,
        "json-infinite",
        "a number beyond what JavaScript holds",
        text.replace("null", "1e999"),
    )
    _message(
        write,
        "json-long-number",
        "a number of 33 digits",
        text.replace("null", "1" * 33),
    )
    _message(
        write,
        "json-deep",
        "65 levels, the message itself among them",
        text.replace("null", "[" * 63 + "]" * 63),
    )
    _message(
        write,
        "json-very-deep",
        "levels enough to exhaust a stack",
        text.replace("null", "[" * 20_000 + "]" * 20_000),
    )
    _message(write, "json-empty", "no text at all", "")


def _origins(write: Cases) -> None:
    good = [
        ("plain", "https://bank.example/login?a=1#b", "https://bank.example"),
        ("port", "http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("default-port", "https://bank.example:443", "https://bank.example"),
        ("case", "HTTPS://Bank.EXAMPLE", "https://bank.example"),
        ("international", "https://faß.example/", "https://xn--fa-hia.example"),
        ("ipv6", "http://[0:0:0:0:0:0:0:1]:80/", "http://[::1]"),
        ("trailing-dot", "https://bank.example./", "https://bank.example."),
        ("at-in-path", "https://bank.example/@evil", "https://bank.example"),
    ]
    for case, url, origin in good:
        _origin(write, case, f"the origin of {url}", url, origin)
    bad = [
        ("user", "a user name that looks like a host", "https://bank.example@evil"),
        (
            "backslash",
            "a backslash, which browsers read as a slash",
            "https://evil.example\\@bank.example/",
        ),
        ("data", "a data: page", "data:text/html,hi"),
        ("about", "a blank page", "about:blank"),
        ("file", "a file of this device", "file:///etc/passwd"),
        ("file-host", "a file of another device", "file://bank.example/etc/passwd"),
        ("chrome", "a page of the browser's own", "chrome://version"),
        ("ftp", "a scheme that is no web page", "ftp://bank.example/"),
        ("blob", "a blob: page", "blob:https://bank.example/1"),
        ("null", "what an opaque origin is called", "null"),
        ("opaque", "what the browser calls an opaque origin", "://"),
        ("no-host", "no host", "https:///path"),
        ("space", "a space in the host", "https://bank .example"),
        ("tab", "a tab, which browsers take out", "https://ba\tnk.example"),
        ("port-word", "a port that is no number", "https://bank.example:x"),
        ("port-high", "a port above 65535", "https://bank.example:65536"),
        ("port-zero", "port 0", "https://bank.example:0"),
        ("port-empty", "a colon without a port", "https://bank.example:"),
        ("ipv4-number", "an IPv4 address as one number", "http://2130706433/"),
        ("ipv4-short", "an IPv4 address in two parts", "http://127.1/"),
        ("ipv4-hex", "an IPv4 address in hex", "http://0x7f.0.0.1/"),
        (
            "ipv6-zone",
            "an address that holds on one interface",
            "http://[fe80::1%25a]/",
        ),
        ("label-hyphen", "a label that ends in a hyphen", "https://bank-.example"),
        ("label-long", "a label of 64 characters", f"https://{'a' * 64}.example"),
        ("label-empty", "an empty label", "https://bank..example"),
        (
            "international-bad",
            "a code point that no host may hold",
            "https://ban\u2028k.example",
        ),
    ]
    for case, says, url in bad:
        _origin(write, case, says, url, None)


def _origin(write: Cases, case: str, says: str, url: str, origin: str | None) -> None:
    extra: dict[str, Json] = {} if origin is None else {"origin": origin}
    write(
        f"origins/{case}",
        spec="konnector-bridge.md §6",
        says=says,
        url=url.encode(),
        result="malformed" if origin is None else "ok",
        **extra,
    )


def _files(write: Cases) -> None:
    manifest, bundle = b'{"slug":"demo"}', b"alert(1)"
    write(
        "digest/digest",
        spec="konnector-bridge.md §2.3",
        says="each file is preceded by its length in 8 bytes",
        manifest=manifest,
        bundle=bundle,
        result="ok",
        digest=hashlib.sha256(
            len(manifest).to_bytes(8) + manifest + len(bundle).to_bytes(8) + bundle
        ).digest(),
    )
    entry: dict[str, Json] = {
        "vendorRef": "A-7",
        "fileAttributes": {"metadata": {"id": 12}},
        "paid": True,
        "lines": ["a", "b"],
    }
    write(
        "keys/sorted",
        spec="konnector-bridge.md §7.1",
        says="values in the order of the sorted paths, joined as JavaScript joins",
        entry=entry,
        attributes=[
            "vendorRef",
            "paid",
            "missing",
            "lines",
            "fileAttributes.metadata.id",
        ],
        result="ok",
        key="12####a,b########true####A-7",
    )
    names = [
        ("traversal", "no way up is left", "../../etc/passwd", "etcpasswd"),
        ("hidden", "no file is hidden", "..bashrc", "bashrc"),
        ("device", "no device of Windows", "CON.pdf", "_CON.pdf"),
        ("ours", "not the name of our own index", "Bills.JSON", "_Bills.JSON"),
        ("reordered", "no mark that turns text around", "a\u202efdp.exe", "afdp.exe"),
    ]
    for case, says, name, harmless in names:
        write(
            f"names/{case}",
            spec="konnector-bridge.md §7.2",
            says=says,
            name=name,
            result="ok",
            harmless=harmless,
        )
