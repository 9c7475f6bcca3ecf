"""`clisk health`, `totp` and `scan` as a person uses them; a service on loopback."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import segno

from tests.program.world import Device, device

_SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("laptop")) as laptop:
        laptop.init("--name", "laptop")
        laptop.add_login("Weak", "password", "--uri", "http://weak.example")
        laptop.add_login("Strong", "planted-gL7#vQ2m!xW9zT4k")
        yield laptop


def test_where_a_site_has_its_password_changed_is_told(laptop: Device) -> None:
    """With a fault that a new password mends, and where one was just written."""
    item = laptop.add_login("Films", "password", "--uri", "https://www.netflix.com/in")
    page = "https://www.netflix.com/password"

    rows = laptop.ask("health")["findings"]

    told = {row["fault"]: row["change_at"] for row in rows if row["item"] == item}
    assert told["weak"] == told["reused"] == page
    assert {row["change_at"] for row in rows if row["title"] == "Weak"} == {None}
    assert f"\t{page}\n" in laptop.ok("health")
    changed = laptop.run("edit", "Films", "--generate", "password")
    assert changed.err.endswith(f"its site has the password changed at: {page}\n")
    assert page not in laptop.run("edit", "Films", "-u", "alice").err
    laptop.ok("rm", "Films")


class _Service(BaseHTTPRequestHandler):
    """Answers as Have I Been Pwned does, or as a test wants it."""

    asked: list[tuple[str, str]]
    answer: bytes
    status: int

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Add-Padding"]))
        self.send_response(self.status)
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _service(answer: bytes, status: int = 200) -> Iterator[tuple[str, type[_Service]]]:
    handler = type(
        "Handler", (_Service,), {"asked": [], "answer": answer, "status": status}
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _digest(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().upper()


def test_faults_are_listed_and_nothing_leaves(laptop: Device) -> None:
    """Without being asked to, no service is asked."""
    said = laptop.run("health")

    faults = [line.split("\t")[0] for line in said.out.splitlines()]
    assert faults == ["weak", "http-only"]
    assert said.err == "2 passwords examined, 2 faults; nothing left this device\n"
    assert "planted" not in said.out + said.err


def test_a_file_of_ones_own_is_searched(laptop: Device, tmp_path: Path) -> None:
    """And one that is none is refused with a hint."""
    known, wrong = tmp_path / "known.txt", tmp_path / "wrong.txt"
    known.write_text(f"{_digest('password')}:99\n")
    wrong.write_text("hello\n" * 100)

    rows = laptop.ask("health", "--breaches", str(known))["findings"]

    assert [row["title"] for row in rows if row["fault"] == "breached"] == ["Weak"]
    refused = laptop.run("health", "--breaches", str(wrong))
    assert refused.code == 1
    assert refused.err.startswith("error: breached passwords: not lines of SHA-1")


def test_a_service_learns_five_digits(laptop: Device) -> None:
    """Padded, and its padding is not taken for a breach."""
    strong = _digest("planted-gL7#vQ2m!xW9zT4k")
    lines = f"{_digest('password')[5:]}:7\r\n{strong[5:]}:0\r\n"
    with _service(lines.encode()) as (url, service):
        answer = laptop.ask("health", "--online", "--service", url)

    breached = [r["title"] for r in answer["findings"] if r["fault"] == "breached"]
    assert breached == ["Weak"]
    assert answer["asked_service"] == 2
    assert sorted(service.asked) == sorted(
        (f"/range/{digest[:5]}", "true") for digest in (_digest("password"), strong)
    )


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (b"", 503, "status 503"),
        (b"", 302, "status 302"),
        (b"<html>", 200, "a range that is none"),
        (b"0" * 2_000_000, 200, "too long"),
    ],
)
def test_a_service_that_answers_wrongly_is_named(
    laptop: Device, answer: bytes, status: int, says: str
) -> None:
    """No redirect is followed, nothing endless is read, nothing passes for "no"."""
    with _service(answer, status) as (url, _):
        refused = laptop.run("health", "--online", "--service", url)

    assert refused.code == 1
    assert says in refused.err
    assert "hint: " in refused.err


def test_a_service_is_asked_over_https_only(laptop: Device) -> None:
    """Whoever listens on the way would learn the digits."""
    refused = laptop.run("health", "--online", "--service", "http://pwned.example")

    assert refused.err.splitlines() == [
        "error: a service is asked over https only",
        "hint: give an https address",
    ]


def test_a_picture_becomes_codes(laptop: Device, tmp_path: Path) -> None:
    """From the pixels of a QR code to six digits, each shown one recorded."""
    picture = tmp_path / "code.png"
    text = f"otpauth://totp/Corp:alice?secret={_SEED}&issuer=Corp"
    segno.make(text).save(str(picture), scale=4)

    assert laptop.ok("scan", str(picture)) == "added\tCorp\talice\n"
    again = laptop.run("scan", str(picture))
    assert again.code == 1
    assert "--replace" in again.err
    laptop.ok("scan", str(picture), "--item", "Strong")
    said = laptop.run("totp", "Corp")

    assert said.code == 0
    assert len(said.out.strip()) == 6
    assert said.out.strip().isdecimal()
    assert said.err.startswith("for ")
    records = laptop.ask("log", "list")["records"]
    assert any(each.get("use") == "totp" for each in records)
    bare = laptop.run("totp", "Weak")
    assert bare.code == 1
    assert "clisk scan" in bare.err
    laptop.ok("edit", "Strong", "--clear", "totp")


def test_generators_of_each_kind(laptop: Device) -> None:
    """Each writes one line, and its strength beside it."""
    for words, chars in (
        (("-n", "32"), range(32, 33)),
        (("--site", "chase.com"), range(8, 33)),
        (("--rules", "maxlength: 9; required: digit; allowed: [-]"), range(9, 10)),
        (("passphrase", "--words", "4"), range(12, 60)),
        (("pin", "-n", "8"), range(8, 9)),
        (("username",), range(9, 40)),
        (("alias", "me@example.org", "--tag", "shop"), range(19, 20)),
    ):
        said = laptop.run("generate", *words)
        assert said.code == 0, said
        assert len(said.out.rstrip("\n")) in chars
        assert said.err.endswith(" bits\n")
    for wrong in (("--rules", "x: y"), ("passphrase", "--words", "1")):
        refused = laptop.run("generate", *wrong)
        assert refused.code == 1
        assert "hint: " in refused.err
