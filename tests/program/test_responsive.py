"""One client's long work, and the others: real agents, told by the order of events."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from clisk.client import AgentClient
from clisk.errors import AgentRefusal, CliskError
from clisk.home import Home
from clisk.wire import Message
from tests.program.world import PASSPHRASE, Device, device

pytestmark = pytest.mark.slow

_MANY = 1_500
_TITLE = "the one that is asked for"


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("laptop") / "home") as laptop:
        laptop.init()
        laptop.add_login(_TITLE, "planted")
        with _connected(laptop) as client:
            _stage(client, "first")
            client.call("import.finish")
        yield laptop


def _connected(laptop: Device) -> AgentClient:
    return AgentClient.connect(Home(str(laptop.home)), answer_seconds=60)


def _stage(client: AgentClient, source: str, **fields: str) -> None:
    client.call("import.begin", {"source": source})
    rows: list[Any] = [
        {
            "key": f"key {n}",
            "place": f"row {n}",
            "fields": {
                "type": "login",
                "title": f"{source} {n}",
                "password": f"{source} {n * n}",
                **fields,
            },
        }
        for n in range(_MANY)
    ]
    client.call("import.items", {"items": rows})


class Long:
    """A long operation of another client, begun: its question is on its way."""

    def __init__(self, client: AgentClient, work: Callable[[AgentClient], Any]) -> None:
        self.client = client
        self.over = threading.Event()
        self.answer: Any = None
        self._work = work
        self._thread = threading.Thread(target=self._do)
        self._thread.start()

    def _do(self) -> None:
        try:
            self.answer = self._work(self.client)
        except CliskError as err:
            self.answer = err
        self.over.set()

    def end(self) -> Any:
        """Wait for the answer, or why there is none, and return it."""
        self._thread.join(timeout=120)
        assert self.over.is_set()
        self.client.close()
        return self.answer


def _gets(laptop: Device, long: Long, most: int) -> int:
    """Get a password until *long* is over; return how often it came before that."""
    before = 0
    with _connected(laptop) as client:
        while before < most:
            answer = client.call(
                "reveal", {"item": _TITLE, "field": "password", "purpose": "test"}
            )
            assert answer["value"] == "planted"
            if long.over.is_set():
                break
            before += 1
    return before


def _export(client: AgentClient) -> int:
    passphrase: Message = {"passphrase": PASSPHRASE, "format": "csv"}
    of = int(str(client.call("export.begin", passphrase)["items"]))
    done = 0
    while done < of:
        page: Any = client.call("export.items", {"start": done})["items"]
        done += len(page)
    return done


def _count(laptop: Device) -> int:
    return len(laptop.ask("list")["items"])


@pytest.mark.parametrize("kind", ["health", "import", "newer import", "export"])
def test_a_get_is_answered_while_long_work_runs(laptop: Device, kind: str) -> None:
    """Five times over, before the other client is told that its work is done."""
    client = _connected(laptop)
    if kind == "import":
        _stage(client, "other")
    elif kind == "newer import":
        _stage(client, "first", notes="newer")
    long = Long(
        client,
        {
            "health": lambda client: client.call("health")["examined"],
            "import": lambda client: client.call("import.finish")["added"],
            "newer import": lambda client: client.call("import.finish")["merged"],
            "export": _export,
        }[kind],
    )

    before = _gets(laptop, long, most=5)

    assert before == 5
    assert long.end() >= _MANY
    assert laptop.ask("log", "verify")["intact"] is True


@pytest.mark.parametrize("kind", ["health", "import"])
def test_locking_ends_long_work_by_name(laptop: Device, kind: str) -> None:
    """Nothing of it is kept, and the vault opens whole."""
    items, client = _count(laptop), _connected(laptop)
    _stage(client, f"locked{kind}")
    operation = "health" if kind == "health" else "import.finish"
    long = Long(client, lambda client: client.call(operation))
    assert _gets(laptop, long, most=2) == 2

    laptop.ok("lock")

    said = long.end()
    assert isinstance(said, AgentRefusal)
    assert said.name == "LockedError"
    laptop.unlock()
    assert _count(laptop) == items
    assert laptop.ask("log", "verify")["intact"] is True


def test_a_client_that_leaves_in_the_middle_of_an_import_leaves_nothing(
    laptop: Device,
) -> None:
    """Ctrl-C hangs up. Another import, as long, ends after it would have."""
    items, client = _count(laptop), _connected(laptop)
    _stage(client, "gone")
    other = _connected(laptop)
    _stage(other, "stays")
    long = Long(client, lambda client: client.call("import.finish"))
    assert _gets(laptop, long, most=2) == 2

    client.close()

    assert other.call("import.finish")["added"] == _MANY
    other.close()
    long.end()
    assert _count(laptop) == items + _MANY


def test_an_edit_while_an_import_of_newer_values_runs_is_not_lost(
    laptop: Device,
) -> None:
    """Of an item that the import writes to as well: both stand in the end."""
    with _connected(laptop) as first:
        _stage(first, "edited", username="theirs")
        first.call("import.finish")
    client = _connected(laptop)
    _stage(client, "edited", username="theirs", notes="newer")
    long = Long(client, lambda client: client.call("import.finish"))
    assert _gets(laptop, long, most=2) == 2

    laptop.ok("edit", "edited 0", "-u", "mine")
    edited_before = not long.over.is_set()

    assert long.end()["merged"] == _MANY
    assert edited_before
    assert laptop.ok("get", "edited 0", "-f", "username") == "mine\n"
    assert laptop.ok("get", "edited 0", "-f", "notes") == "newer\n"
