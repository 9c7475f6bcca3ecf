"""Runs of konnectors: sessions, turns, schedules, proposals, and what is kept."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from clisk.agent import opening, operations, schedule_driver
from clisk.agent.core import Agent
from clisk.agent.idle import IdleTimer
from clisk.agent.konnector_ledger import Book, ScheduleRow
from clisk.agent.run_queue import RunQueue
from clisk.agent.schedule_driver import ScheduleDriver, command
from clisk.agent.server import AgentServer, listen
from clisk.client import AgentClient
from clisk.errors import AgentRefusal, CliskError
from clisk.home import Home
from clisk.wire import Message
from clisk_vault.access_record import Requester, RequesterKind
from clisk_vault.keys import SecretText
from konnector_runner import profile_box
from konnector_runner.errors import SessionError
from tests.program.world import PASSPHRASE, Device, device
from tests.runner.harness import BUNDLE
from tests.runner.site import page, serve

operations.load()

_WHO = Requester(RequesterKind.PERSON, "test")
_PASSWORD = "S3cret!canary"
_COOKIE = "cookie-canary-8842"
_TYPED = "typed-canary-1731"
_MANIFEST = {
    "type": "konnector",
    "slug": "shop",
    "name": "Shop",
    "version": "1",
    "clientSide": True,
    "permissions": {"files": {"type": "io.cozy.files"}},
}
_METHODS = """
    async ensureAuthenticated({ account }) {
        await this.goto(BANK + '/home')
        if (await this.runInWorker('workIn')) {
            this.log('info', 'still in as ' + account.auth.accountName)
            this.log('info', 'shelf number ' + account.data.shelf)
            return true
        }
        const { login, password, card } = await this.getCredentials()
        if (card) await this.runInWorker('fillText', '#card', card)
        await this.runInWorker('fillText', '#password', password)
        await this.runInWorker('workLogIn')
        return true
    },
    async workIn() { return document.cookie.includes('session') },
    async workLogIn() {
        const body = document.querySelector('#password').value + ' '
            + document.querySelector('#card').value
        await fetch('/seen', { method: 'POST', body })
        document.cookie = 'session=COOKIE'
    },
    async getUserDataFromWebsite() { return { sourceAccountIdentifier: 'marie' } },
    async fetch(context) {
        await this.saveCredentials({ ...await this.getCredentials(), card: 'TYPED' })
        await this.bridge.call('saveAccountData', { shelf: 3 })
        await this.saveIdentity({ contact: { name: 'Marie' } })
        const file = { filename: '2024.txt', filestream: 'x', amount: 3.5,
            date: new Date('2024-01-31'), vendor: 'Shop' }
        await this.saveBills([file], { context, fileIdAttributes: ['filename'] })
    }
"""


@pytest.fixture(name="laptop")
def _laptop(tmp_path: Path) -> Iterator[Device]:
    with device(tmp_path / "home") as laptop:
        laptop.init()
        yield laptop


def _place(folder: Path, methods: str = "", **names: str) -> Path:
    folder.mkdir()
    (folder / "manifest.konnector").write_text(json.dumps(_MANIFEST))
    for name, value in names.items():
        methods = methods.replace(name, value)
    tail = f"""
    const METHODS = {{ {methods} }};
    runKonnector(METHODS, Object.keys(METHODS).filter(name => name.startsWith('work')))
    """
    (folder / "main.js").write_text(BUNDLE.read_text(encoding="utf-8") + tail)
    return folder


@pytest.mark.browser
@pytest.mark.slow
def test_a_session_is_kept_sealed_and_wiped_on_request(
    tmp_path: Path, laptop: Device
) -> None:
    """The second run is still logged in; after `forget` the third logs in anew."""
    form = '<input id="password" type="password"><input id="card">'
    with serve({"/home": page(body=form)}) as site:
        konnector = _place(
            tmp_path / "shop",
            _METHODS,
            BANK=f"'{site.bank}'",
            COOKIE=_COOKIE,
            TYPED=_TYPED,
        )
        laptop.add_login("Shop", _PASSWORD, "-u", "marie", "--uri", site.bank)
        run = ("konnector", "run", str(konnector), "--item", "Shop", "--grant")
        where = ("--to", str(tmp_path / "bills"), "-v", "--save-credentials")

        first = laptop.run(*run, *where, "always")
        second = laptop.run(*run, *where, "never")
        home = Path(laptop.home)
        kept = list((home / "sessions").glob("*.session"))
        sealed = b"".join(path.read_bytes() for path in kept)
        runs = laptop.ask("konnector", "runs")["runs"]
        wiped = laptop.ask("konnector", "forget", "shop")
        third = laptop.run(*run, *where, "never")

        seen = [text for text in site.seen if _PASSWORD in text]
    assert first.code == second.code == third.code == 0, (first, second, third)
    assert "it proposes to save in the item: card\n" in first.err
    assert "saved: card" in first.err
    assert "still in as marie" in second.err
    assert "shelf number 3" in second.err
    # Logged in twice: at first, and after the session was forgotten; then with the
    # card number that the konnector itself had proposed, filled in by its handle.
    assert seen == [f"{_PASSWORD} ", f"{_PASSWORD} {_TYPED}"]
    assert len(kept) == 1
    for secret in (_COOKIE, _PASSWORD, "marie", "shop"):
        assert secret.encode() not in sealed
        assert secret.encode() not in (home / "sessions" / "ledger").read_bytes()
    assert wiped == {"forgotten": 1}
    assert [(r["outcome"], r["account"], r["saved"]) for r in runs] == [
        ("done", "marie", 0),
        ("done", "marie", 1),
    ]
    left = profile_box.memory_folder().glob("clisk-session-*")
    assert not [path for path in left if (path / "Default").exists()]
    bills = laptop.ask("data", "list", "--in", str(tmp_path / "bills"), "--bills")
    assert [(b["date"], b["amount"], b["vendor"]) for b in bills["files"]] == [
        ("2024-01-31", 3.5, "Shop")
    ]
    said = (first, second, third)
    assert not any(_PASSWORD in s.out + s.err or _TYPED in s.err for s in said)


@pytest.mark.browser
@pytest.mark.slow
def test_what_is_scheduled_runs_by_itself_and_fetches_only_what_is_new(
    tmp_path: Path, laptop: Device
) -> None:
    """A day later, on the agent's own word, with the session and the index of before.

    The agent is this process's, so that a day can pass; the run is the command that it
    starts, in a process of its own.
    """
    form = '<input id="password" type="password"><input id="card">'
    with serve({"/home": page(body=form)}) as site:
        names = {"BANK": f"'{site.bank}'", "COOKIE": _COOKIE, "TYPED": _TYPED}
        konnector = _place(tmp_path / "shop", _METHODS, **names)
        item = laptop.add_login("Shop", _PASSWORD, "-u", "marie", "--uri", site.bank)
        words = ("konnector", "run", str(konnector), "--item", item, "--grant")
        to = ("--to", str(tmp_path / "bills"), "--save-credentials", "never")
        said = laptop.run(*words, *to, "--every", "1d")
        assert said.code == 0, said
        (row,) = laptop.ask("konnector", "schedules")["schedules"]
        assert row["held"] is None
        laptop.ok("agent", "stop")
        (tmp_path / "bills" / "marie" / "2024.txt").unlink()

        asyncio.run(asyncio.wait_for(_a_day_later(Home(str(laptop.home))), 120))

        laptop.unlock()
        runs = laptop.ask("konnector", "runs")["runs"]
        logins = [text for text in site.seen if _PASSWORD in text]
    assert [(r["by"], r["outcome"], r["saved"]) for r in runs] == [
        ("schedule", "done", 1),
        ("person", "done", 1),
    ]
    assert len(logins) == 1, "the second run was still logged in"
    assert (tmp_path / "bills" / "marie" / "2024.txt").read_bytes() == b"x"


async def _a_day_later(home: Home) -> None:
    agent = Agent(home, timer=IdleTimer(3600))
    welcome = AgentServer(agent)
    listening = await welcome.start(listen(home))
    try:
        await opening.unlock(agent, SecretText(PASSPHRASE), _WHO)
        driver = ScheduleDriver(agent)
        now = time.time_ns() // 1_000_000
        assert await driver.start_due(now_ms=now) == []
        assert len(await driver.start_due(now_ms=now + 86_400_000)) == 1
        await asyncio.gather(*driver._running)
        assert await driver.start_due(now_ms=now + 86_400_000) == []
    finally:
        listening.close()
        await welcome.hang_up()
        await agent.close()


def _open(laptop: Device, item: str) -> AgentClient:
    client = AgentClient.connect(Home(str(laptop.home)))
    params: Message = {"konnector": "shop", "digest": "ab" * 32, "item": item}
    client.call("konnector.open", params)
    return client


def test_an_account_has_one_run_at_a_time(laptop: Device) -> None:
    """The second is told so; another account's goes on; waiting is a queue."""
    shop, other = laptop.add_login("Shop", "x"), laptop.add_login("Other", "y")
    with _open(laptop, shop) as first, _open(laptop, shop) as second:
        begun = first.call("konnector.begin")
        with pytest.raises(AgentRefusal, match="is going on"):
            second.call("konnector.begin")
        with _open(laptop, other) as third:
            third.call("konnector.begin")
        with pytest.raises(AgentRefusal, match="is going on"):
            laptop_forget(laptop)
        answers: list[Any] = []
        waiting = threading.Thread(
            target=lambda: answers.append(
                second.call("konnector.begin", {"wait": True})
            )
        )
        waiting.start()
        first.close()
        waiting.join(20)

        assert answers[0]["run"] != begun["run"]
        # Another account's session has another key; the same account's the same.
        assert answers[0]["session_key"] == begun["session_key"]
    rows = laptop.ask("konnector", "runs")["runs"]
    assert {row["outcome"] for row in rows} <= {"interrupted", "running"}


def laptop_forget(laptop: Device) -> None:
    with AgentClient.connect(Home(str(laptop.home))) as client:
        client.call("runs.forget", {"konnector": "shop", "item": None})


def test_a_konnector_cannot_take_another_session_or_accept_for_the_person(
    laptop: Device,
) -> None:
    """Its connection has its own account's key, and none of the person's verbs."""
    shop, other = laptop.add_login("Shop", "x"), laptop.add_login("Other", "y")
    with _open(laptop, shop) as client, _open(laptop, other) as beside:
        one, two = client.call("konnector.begin"), beside.call("konnector.begin")

        assert one["session_key"] != two["session_key"]
        assert one["session_file"] != two["session_file"]
        accept: Message = {
            "konnector": "shop",
            "digest": "ab" * 32,
            "item": other,
            "values": {},
        }
        verbs: list[tuple[str, Message]] = [
            ("proposals.accept", accept),
            ("runs.list", {}),
            ("schedules.list", {}),
        ]
        for verb, params in verbs:
            with pytest.raises(AgentRefusal, match="serves a konnector"):
                client.call(verb, params)
        # Without a grant nothing is kept, and nothing kept is given.
        with pytest.raises(AgentRefusal, match="no grant"):
            client.call("konnector.keep", {"name": "cookie.a", "value": "x"})
        with pytest.raises(AgentRefusal, match="no grant"):
            client.call("konnector.kept", {"name": "cookie.a", "purpose": "p"})


def test_what_a_konnector_keeps_is_its_own_and_on_record(laptop: Device) -> None:
    """Another konnector with a grant for the item does not get it."""
    item = laptop.add_login("Shop", "x", "--uri", "https://shop.example")
    home = Home(str(laptop.home))
    for slug, digest in (("shop", "ab" * 32), ("thief", "cd" * 32)):
        with AgentClient.connect(home) as person:
            person.call(
                "grants.add",
                {
                    "konnector": slug,
                    "digest": digest,
                    "item": item,
                    "fields": ["username"],
                    "origins": ["https://shop.example"],
                },
            )
    ask: Message = {"name": "cookie.sid", "purpose": "handed over"}
    with _open(laptop, item) as shop:
        shop.call("konnector.keep", {"name": "cookie.sid", "value": _COOKIE})
        assert shop.call("konnector.kept", ask) == {"value": _COOKIE}
    with AgentClient.connect(home) as thief:
        thief.call(
            "konnector.open", {"konnector": "thief", "digest": "cd" * 32, "item": item}
        )
        assert thief.call("konnector.kept", ask) == {"value": None}
    said = laptop.ok("log", "list", "--json")
    assert "handed over" in said
    assert _COOKIE not in said


def test_a_schedule_is_held_after_a_failed_login_until_a_person_ran_it(
    laptop: Device, tmp_path: Path
) -> None:
    """A site locks an account that fails to log in again and again."""
    item = laptop.add_login("Shop", "x")
    source = str(tmp_path / "shop")
    with AgentClient.connect(Home(str(laptop.home))) as person:
        person.call(
            "schedules.add",
            {
                "konnector": "shop",
                "source": source,
                "item": item,
                "folder": None,
                "every_seconds": 3600,
            },
        )

    def end(code: str, by: str) -> None:
        with _open(laptop, item) as client:
            client.call("konnector.begin", {"by": by})
            client.call("konnector.end", {"outcome": "failed", "code": code})

    def held() -> str | None:
        (row,) = laptop.ask("konnector", "schedules")["schedules"]
        found: str | None = row["held"]
        return found

    end("VENDOR_DOWN", "schedule")
    assert held() is None
    end("USER_ACTION_NEEDED.CGU_FORM", "schedule")
    assert held() is None
    end("LOGIN_FAILED.TOO_MANY_ATTEMPTS", "schedule")
    assert held() == "LOGIN_FAILED.TOO_MANY_ATTEMPTS"
    with pytest.raises(AgentRefusal, match="a person has to do"):
        end("", "schedule")
    end("VENDOR_DOWN", "person")
    assert held() is None
    (row,) = laptop.ask("konnector", "schedules")["schedules"]
    assert laptop.run("konnector", "unschedule", str(row["schedule"])).code == 0
    assert laptop.ask("konnector", "schedules") == {"schedules": []}
    again = laptop.run("konnector", "unschedule", str(row["schedule"]))
    assert again.code == 1
    assert "hint: " in again.err


def test_a_scheduled_command_is_the_one_a_person_would_type() -> None:
    """With nothing secret in it."""
    row = ScheduleRow(
        number=1,
        konnector="shop",
        source="shop",
        item="ab",
        folder="/bills",
        every_seconds=900,
        next_ms=0,
    )
    words = command("/home", row)

    assert words[words.index("konnector") :] == [
        *("konnector", "run", "shop", "--item", "ab", "--scheduled", "--to", "/bills")
    ]


class _Book:
    """A ledger in memory."""

    book = Book()

    def __init__(self, *_: object) -> None: ...

    def read(self) -> Book:
        return self.book

    def change(self, work: Any) -> None:
        _Book.book, _ = work(self.book)


class _Agent:
    """As much of an agent as the driver asks for."""

    folder = Path()
    unlocked = True

    def __init__(self) -> None:
        self.runs = RunQueue()

    async def vault(self, work: Any) -> Any:
        return work(None)


def test_what_is_due_is_started_once_and_what_is_held_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A device that slept does not make up for what it missed; locked, nothing runs."""
    rows = [
        ScheduleRow(
            number=number,
            konnector="shop",
            source="shop",
            item=item,
            folder=None,
            every_seconds=900,
            next_ms=due,
            held=held,
        )
        for number, (item, due, held) in enumerate(
            [
                ("due", 10, None),
                ("held", 10, "LOGIN_FAILED"),
                ("later", 10_000_000, None),
                ("going", 10, None),
            ]
        )
    ]
    monkeypatch.setattr(_Book, "book", Book(schedules=tuple(rows)))
    monkeypatch.setattr(schedule_driver, "Ledger", _Book)
    monkeypatch.setattr(schedule_driver, "why_waiting", lambda *_: None)
    started: list[str] = []

    async def story() -> None:
        agent = _Agent()
        await agent.runs.enter(("shop", "going"), wait=False)
        driver = ScheduleDriver(cast(Any, agent))

        async def start(row: ScheduleRow) -> None:
            started.append(row.item)

        monkeypatch.setattr(driver, "_run", start)
        agent.unlocked = False
        assert await driver.start_due(now_ms=5_000_000) == []
        agent.unlocked = True
        await driver.start_due(now_ms=5_000_000)
        await driver.start_due(now_ms=5_000_001)
        await asyncio.sleep(0)

    asyncio.run(story())

    assert started == ["due"]
    assert _Book.book.schedules[0].next_ms == 5_000_000 + 900_000


def test_the_queue_is_fair_and_bounded() -> None:
    """At most so many at once; who gives up waiting leaves no hole."""

    async def story() -> None:
        queue = RunQueue(at_once=2)
        a, b, c = ("k", "a"), ("k", "b"), ("k", "c")
        await queue.enter(a, wait=False)
        await queue.enter(b, wait=False)
        with pytest.raises(CliskError, match="2 konnectors are running"):
            await queue.enter(c, wait=False)
        impatient = asyncio.ensure_future(queue.enter(c, wait=True))
        patient = asyncio.ensure_future(queue.enter(a, wait=True))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
        queue.leave(a)
        await patient
        assert queue.is_going(a)
        assert not queue.is_going(c)

    asyncio.run(story())


class _Seal:
    """Turns bytes around: enough to see that the box goes through it."""

    def seal(self, plaintext: bytes) -> bytes:
        return plaintext[::-1]

    def open(self, sealed: bytes) -> bytes:
        if not sealed.startswith(b"\0"):
            raise ValueError
        return sealed[::-1]


def _box(file: Path, warnings: list[str] | None = None) -> profile_box.ProfileBox:
    warn = [] if warnings is None else warnings
    environ = {"XDG_RUNTIME_DIR": str(file.parent)}
    return profile_box.ProfileBox(file, _Seal(), warn=warn.append, environ=environ)


def _keep(box: profile_box.ProfileBox, **files: int) -> None:
    with box.unpacked() as folder:
        (folder / "Default").mkdir(exist_ok=True)
        for name, size in files.items():
            (folder / "Default" / name).write_bytes(b"x" * size)


def test_a_session_that_is_too_large_is_said_and_keeps_its_cookies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left out has a name; a file of nobody's making is not even read."""
    monkeypatch.setattr(profile_box, "MAX_BYTES", 40_000)
    file, warnings = tmp_path / "a.session", list[str]()
    box = _box(file, warnings)
    _keep(box, Cookies=100)
    assert warnings == []

    _keep(box, Cookies=200, Preferences=60_000)
    assert len(warnings) == 1
    assert "larger than 128 MiB: its cookies are kept" in warnings[0]
    with box.unpacked() as folder:
        assert (folder / "Default" / "Cookies").stat().st_size == 200
        assert not (folder / "Default" / "Preferences").exists()

    before = file.read_bytes()
    _keep(box, Cookies=60_000)
    assert "the session before it stays" in warnings[-1]
    assert file.read_bytes() == before

    file.write_bytes(b"\0" * 60_000)
    with pytest.raises(SessionError, match="larger than 128 MiB"), box.unpacked():
        pytest.fail("not to be unpacked")


_CUT = """
import sys
from pathlib import Path
from tests.program.test_konnector_runs import _box
with _box(Path(sys.argv[1])).unpacked() as folder:
    (folder / "Default" / "Cookies").write_bytes(b"half")
    print("there", flush=True)
    sys.stdin.read()
"""


def test_a_killed_run_keeps_the_session_before_it(tmp_path: Path) -> None:
    """Nothing of it is on the disk, and what lay in memory is swept by the next."""
    file = tmp_path / "a.session"
    _keep(_box(file), Cookies=100)
    before = file.read_bytes()
    with subprocess.Popen(
        [sys.executable, "-c", _CUT, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        process.kill()

    assert file.read_bytes() == before
    assert len(list(tmp_path.glob("clisk-session-*"))) == 1
    with _box(file).unpacked() as folder:
        assert (folder / "Default" / "Cookies").read_bytes() == b"x" * 100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.session"]


def test_a_profile_that_was_changed_is_refused_and_kept(tmp_path: Path) -> None:
    """Nothing is unpacked from it, and it is still there to be looked at."""
    file = tmp_path / "a.session"
    box = _box(file)
    with box.unpacked() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "Default").mkdir()
        (folder / "Default" / "Cookies").write_bytes(b"jar")
        (folder / "Default" / "History").write_bytes(b"where I was")
    assert b"raj" in file.read_bytes()
    assert b"saw I erehw" not in file.read_bytes()
    with box.unpacked() as folder:
        assert (folder / "Default" / "Cookies").read_bytes() == b"jar"
    file.write_bytes(b"changed")

    with pytest.raises(SessionError) as refused, box.unpacked():
        pytest.fail("not to be unpacked")

    assert "konnector forget" in refused.value.advice
    assert file.read_bytes() == b"changed"
    assert not list(tmp_path.glob("clisk-session-*"))


def test_a_session_of_a_killed_run_is_swept(tmp_path: Path) -> None:
    """By its process, which is no more; a living one's is left alone."""
    dead, living = (
        tmp_path / "clisk-session-999999999-a",
        tmp_path / ("clisk-session-1-b"),
    )
    dead.mkdir()
    living.mkdir()

    profile_box.sweep(tmp_path)

    assert not dead.exists()
    assert living.exists()
