"""`clisk ssh-agent` with OpenSSH's own programs, and what must not work."""

from __future__ import annotations

import os
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from clisk.client import AgentClient
from clisk.errors import AgentAbsentError, HomeError
from clisk.home import Home
from clisk.ssh_agent import MAX_FRAME, Server, SshAgent, describe
from clisk_vault.item_types import SSH_KINDS
from tests.program.world import Device, device

_KINDS = {
    "ed25519": ("-t", "ed25519"),
    "ecdsa": ("-t", "ecdsa", "-b", "384"),
    "rsa": ("-t", "rsa", "-b", "2048", "-m", "PEM"),
}

_MADE = {
    "ed25519": "ssh-ed25519",
    "ecdsa-p256": "ecdsa-sha2-nistp256",
    "rsa-4096": "ssh-rsa",
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key of each kind, made by ssh-keygen."""
    folder = tmp_path_factory.mktemp("keys")
    for name, options in _KINDS.items():
        command = ("ssh-keygen", "-q", "-N", "", "-C", name, *options)
        subprocess.run([*command, "-f", folder / name], check=True)
    return folder


@pytest.fixture(scope="module")
def home(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("ssh") / "home") as made:
        made.init()
        for name in _KINDS:
            private = (keys / name).read_text()
            words = ("add", "ssh-key", name, "--read", "ssh.private_key=0")
            public = (keys / f"{name}.pub").read_text().strip()
            made.ok(*words, "--set", f"ssh.public_key={public}", given=private)
            (keys / name).unlink()  # from here on it is in the vault alone
        yield made


@contextmanager
def _agent(home: Device, *words: str, askpass: str = "") -> Iterator[dict[str, str]]:
    """Run the agent; give the environment of a client."""
    where = str(home.home / "s")
    env = {**os.environ, "SSH_ASKPASS": askpass}
    running = subprocess.Popen(
        home.argv("ssh-agent", "--socket", where, *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        start_new_session=True,
    )
    assert running.stdout is not None
    said = running.stdout.readline()
    try:
        assert said.startswith("SSH_AUTH_SOCK="), running.communicate(timeout=30)
        yield {**os.environ, "SSH_AUTH_SOCK": where}
    finally:
        running.terminate()
        running.communicate(timeout=60)


def _sign(
    env: dict[str, str], key: Path, text: str = "text"
) -> subprocess.CompletedProcess[str]:
    command = ("ssh-keygen", "-Y", "sign", "-n", "git", "-f", f"{key}.pub")
    return subprocess.run(
        command,
        input=text,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _verifies(key: Path, signature: str, folder: Path, text: str = "text") -> bool:
    (folder / "sig").write_text(signature)
    (folder / "allowed").write_text(f"me {Path(f'{key}.pub').read_text()}")
    command = ("ssh-keygen", "-Y", "verify", "-n", "git", "-I", "me")
    files = ("-f", folder / "allowed", "-s", folder / "sig")
    return (
        subprocess.run(
            [*command, *files], input=text.encode(), capture_output=True, check=False
        ).returncode
        == 0
    )


def test_openssh_lists_and_signs_with_every_kind(
    home: Device, keys: Path, tmp_path: Path
) -> None:
    """ssh-add sees the keys; ssh-keygen's signatures verify; each is recorded."""
    with _agent(home, "--allow") as env:
        listed = subprocess.run(
            ("ssh-add", "-l"), env=env, capture_output=True, text=True, check=False
        ).stdout
        made = {name: _sign(env, keys / name) for name in _KINDS}
        mode = stat.S_IMODE(Path(env["SSH_AUTH_SOCK"]).stat().st_mode)

    assert {line.split()[2] for line in listed.splitlines()} == set(_KINDS)
    assert mode == 0o600
    for name, done in made.items():
        assert _verifies(keys / name, done.stdout, tmp_path), done.stderr
        assert not _verifies(keys / name, done.stdout, tmp_path, text="other")
    records = home.ask("log", "list", "--use", "ssh-sign")["records"]
    assert len(records) >= len(_KINDS)
    assert "ssh: signature for git" in str(records[-1])
    assert not Path(env["SSH_AUTH_SOCK"]).exists()


@pytest.mark.parametrize("name", _KINDS)
def test_a_private_key_brings_its_public_half(
    home: Device, tmp_path: Path, name: str
) -> None:
    """As OpenSSH prints it; also when another key takes its place."""
    key, other = tmp_path / "key", tmp_path / "other"
    make = ("ssh-keygen", "-q", "-N", "", "-f")
    subprocess.run([*make, key, *_KINDS[name]], check=True)
    subprocess.run([*make, other], check=True)
    words = ("half", "--read", "ssh.private_key=0")
    home.ok("add", "ssh-key", *words, given=other.read_text())
    home.ok("edit", *words, given=key.read_text())

    shown = home.ok("get", "half", "-f", "ssh.public_key").split()
    finger = home.ok("get", "half", "-f", "ssh.fingerprint").strip()

    listed = ("ssh-keygen", "-l", "-f", f"{key}.pub")
    said = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    home.ok("rm", "half")
    assert shown == Path(f"{key}.pub").read_text().split()[:2]
    assert finger == said.split()[1]


@pytest.mark.parametrize("kind", SSH_KINDS)
def test_a_key_is_made_in_the_vault(home: Device, tmp_path: Path, kind: str) -> None:
    """OpenSSH reads it, finds the same public half, and it has the kind asked for."""
    said = home.run("add", "ssh-key", "made", "--make", kind)
    item, key = said.out.strip(), tmp_path / "key"
    key.touch(0o600)
    key.write_text(home.ok("get", item, "-f", "ssh.private_key"))

    public = home.ok("get", item, "-f", "ssh.public_key").strip()
    finger = home.ok("get", item, "-f", "ssh.fingerprint").strip()
    form = home.ok("get", item, "-f", "ssh.key_type").strip()
    home.ok("rm", item)

    assert said.err == f"public key: {public}\nfingerprint: {finger}\n"
    found = ("ssh-keygen", "-y", "-f", key)
    again = subprocess.run(found, capture_output=True, text=True, check=True).stdout
    assert again.split()[:2] == public.split()
    assert form == public.split()[0] == _MADE[kind]
    public_file = tmp_path / "key.pub"
    public_file.write_text(public + "\n")
    listed = ("ssh-keygen", "-l", "-f", public_file)
    line = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    assert line.split()[1] == finger


def test_a_made_key_is_shown_as_json_without_its_private_half(home: Device) -> None:
    """What goes onto a server, and nothing more."""
    made = home.ask("add", "ssh-key", "made", "--make", "ed25519")
    home.ok("rm", made["item"])

    shown = {"item", "made", "public_key", "fingerprint", "change_at"}
    assert made.keys() == shown
    assert made["public_key"].startswith("ssh-ed25519 ")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("add", "login", "x", "--make", "ed25519"), 2, "--make makes SSH keys"),
        (("add", "ssh-key", "x", "--make", "dsa"), 2, "'dsa'"),
        (
            ("add", "ssh-key", "x", "--make", "ed25519", "--read", "ssh.private_key=0"),
            1,
            "all of it here",
        ),
        (
            (
                "add",
                "ssh-key",
                "x",
                "--make",
                "ed25519",
                "--generate",
                "ssh.passphrase",
            ),
            1,
            "all of it here",
        ),
    ],
)
def test_a_key_is_not_made_beside_another(
    home: Device, words: tuple[str, ...], code: int, says: str
) -> None:
    """Nor for an item that is none; nothing is stored."""
    said = home.run(*words, given="planted-key")

    assert (said.code, said.out) == (code, "")
    assert says in said.err
    assert "hint: " in said.err
    assert home.ask("list", "--type", "ssh-key", "x")["items"] == []


def test_a_private_key_of_a_kind_not_known_here_is_kept(home: Device) -> None:
    """For safekeeping: nothing is said of its public half, and nothing is lost."""
    words = ("--read", "ssh.private_key=0")
    home.ok("add", "ssh-key", "putty", *words, given="PuTTY-User-Key-File-3: x")

    assert "ssh.public_key" not in home.ok("get", "putty")
    assert home.ok("get", "putty", "-f", "ssh.private_key").startswith("PuTTY")
    home.ok("rm", "putty")


def test_no_private_key_is_on_the_disk(home: Device, keys: Path) -> None:
    """Neither in the home folder nor beside the public keys."""
    found = [
        path
        for folder in (home.home, keys)
        for path in folder.rglob("*")
        if path.is_file() and b"PRIVATE KEY" in path.read_bytes()
    ]

    assert found == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [("true", ()), ("true", ("--once",)), ("false", ())],
)
def test_each_signature_is_asked_for(
    home: Device,
    keys: Path,
    tmp_path: Path,
    answer: str,
    words: tuple[str, ...],
) -> None:
    """Attack: a program of the same user signs in silence. A no makes no signature."""
    questions = tmp_path / "questions"
    program = tmp_path / "askpass"
    program.write_text(
        f'#!/bin/sh\necho "$SSH_ASKPASS_PROMPT $1" >> {questions}\n{answer}\n'
    )
    program.chmod(0o700)
    before = len(
        home.ask("log", "list", "--use", "ssh-sign", "--limit", "500")["records"]
    )

    with _agent(home, *words, askpass=str(program)) as env:
        done = [_sign(env, keys / "ed25519") for _ in range(2)]

    after = len(
        home.ask("log", "list", "--use", "ssh-sign", "--limit", "500")["records"]
    )
    told = questions.read_text().splitlines()
    assert told == ["confirm sign with ed25519: signature for git?"] * (
        1 if words else 2
    )
    signed = 2 if answer == "true" else 0
    assert sum(each.returncode == 0 for each in done) == signed
    assert after - before == signed


def test_nobody_to_ask_means_no_agent(home: Device) -> None:
    """Without a terminal, a program to ask with or --allow it does not start."""
    said = home.run("ssh-agent", env={"SSH_ASKPASS": ""})

    assert said.code == 1
    assert "--allow" in said.err


def test_only_the_chosen_key_is_offered(home: Device, keys: Path) -> None:
    """--item: another key is neither listed nor used, even if asked for by name."""
    with _agent(home, "--allow", "--item", "rsa") as env:
        listed = subprocess.run(
            ("ssh-add", "-l"), env=env, capture_output=True, text=True, check=False
        ).stdout
        other = _sign(env, keys / "ed25519")

    assert [line.split()[2] for line in listed.splitlines()] == ["rsa"]
    assert other.returncode != 0


@contextmanager
def _served(tmp_path: Path, agent: SshAgent, **more: object) -> Iterator[str]:
    path = str(tmp_path / "s")
    server = Server(path, agent, **more)  # type: ignore[arg-type]  # only peer is given
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield path
    finally:
        server.shutdown()
        thread.join()
        server.close()


def _idle_agent(tmp_path: Path) -> SshAgent:
    home = Home(str(tmp_path / "nobody"))
    return SshAgent(home, lambda _item, _question: True, only=frozenset())


def _talk(path: str, data: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(path)
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        got = b""
        while part := client.recv(4096):
            got += part
        return got


_FAILED = struct.pack(">I", 1) + b"\x05"


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        (b"", b""),
        (b"\0", b""),
        (b"\0\0\0\0", b""),
        (b"\0\0\0\x05\x0b", b""),
        (struct.pack(">I", MAX_FRAME + 1) + b"\x0b", b""),
        (b"\xff\xff\xff\xff" + b"\x0b" * 100, b""),
        (b"\0\0\0\x01\x0b", _FAILED),
        (b"\0\0\0\x02\x0b\0", _FAILED),
        (b"\0\0\0\x01\x0d", _FAILED),
        (b"\0\0\0\x05\x0d\xff\xff\xff\xff", _FAILED),
        (b"\0\0\0\x09\x0d\0\0\0\0\0\0\0\0", _FAILED),
        (b"\0\0\0\x01\x11", _FAILED),
        (b"\0\0\0\x01\x13", _FAILED),
        (b"\0\0\0\x01\x1b", _FAILED),
        (b"\0\0\0\x01\xff" * 3, _FAILED * 3),
    ],
)
def test_a_malformed_frame_is_a_failure_or_the_end(
    tmp_path: Path, frame: bytes, answer: bytes
) -> None:
    """Attack: lengths that lie, messages cut short, keys to be added or removed."""
    with _served(tmp_path, _idle_agent(tmp_path)) as path:
        assert _talk(path, frame) == answer


def test_a_client_of_another_user_is_hung_up_on(tmp_path: Path) -> None:
    """Attack: the socket was opened to others; the kernel says who connects."""
    asked = struct.pack(">I", 1) + b"\x0b"
    with _served(tmp_path, _idle_agent(tmp_path), peer=lambda _: os.getuid() + 1) as p:
        try:
            heard = _talk(p, asked)
        except ConnectionError:
            heard = b""
    assert heard == b""

    with _served(tmp_path, _idle_agent(tmp_path)) as path:
        assert _talk(path, asked) == _FAILED


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_the_kernel_tells_another_user(tmp_path: Path) -> None:
    """Attack: a process of another user, though the socket's mode would let it in.

    The positive control: the same program as ourselves is answered.
    """
    program = (
        "import os,socket,sys; os.setuid(int(sys.argv[2]));"
        "c=socket.socket(socket.AF_UNIX); c.connect(sys.argv[1]);"
        "c.sendall(b'\\0\\0\\0\\1\\x0b'); print(len(c.recv(9)))"
    )
    heard = {}
    # Not below pytest's folder, which others may not enter.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        with _served(Path(folder), _idle_agent(tmp_path)) as path:
            Path(path).chmod(0o666)
            for user in (0, 65534):
                done = subprocess.run(
                    (sys.executable, "-c", program, path, str(user)),
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=60,
                )
                heard[user] = done.stdout.strip() or done.stderr[-40:].strip()

    assert heard[0] == "5"
    assert (
        heard[65534] == "0" or "Broken pipe" in heard[65534] or "reset" in heard[65534]
    )


def test_one_agent_a_socket_and_what_died_is_cleared(tmp_path: Path) -> None:
    """A second one is refused; the socket of one that was killed is made anew."""
    with (
        _served(tmp_path, _idle_agent(tmp_path)) as path,
        pytest.raises(HomeError, match="already"),
    ):
        Server(path, _idle_agent(tmp_path))
    left = socket.socket(socket.AF_UNIX)
    left.bind(path)
    left.close()
    Server(path, _idle_agent(tmp_path)).close()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"SSHSIG\0\0\0\x03git\0\0", "signature for git"),
        (b"\0\0\0\x01s\x32\0\0\0\x05alice\0", "log in as alice"),
        (b"\0\0\0\x01s\x32\0\0\0\x02\x1b[", "log in as \\x1b["),
        (b"SSHSIG\xff", "something unknown"),
        (b"SSHSIG\xff\xff\xff\xffgit", "something unknown"),
        (b"", "something unknown"),
        (b"\0\0\0\x01s\x33", "something unknown"),
    ],
)
def test_a_question_says_what_is_signed(data: bytes, words: str) -> None:
    """In the signature's own words, without what a terminal would obey."""
    assert describe(data) == words


def test_a_key_in_the_trash_or_the_archive_signs_nothing(home: Device) -> None:
    """What a person put away is neither listed nor used."""

    def offered() -> set[str]:
        with AgentClient.connect(Home(str(home.home))) as agent:
            keys: Any = agent.call("ssh.keys")["keys"]
            return {key["title"] for key in keys}

    assert offered() == set(_KINDS)
    home.ok("rm", "ecdsa")
    home.ok("archive", "rsa")
    try:
        assert offered() == {"ed25519"}
    finally:
        home.ok("rm", "--restore", "ecdsa")
        home.ok("archive", "--undo", "rsa")


def test_too_many_clients_are_hung_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: idle connections take every thread; one that leaves makes room."""
    monkeypatch.setattr("clisk.ssh_agent.MAX_CLIENTS", 1)
    asked = struct.pack(">I", 1) + b"\x0b"
    with _served(tmp_path, _idle_agent(tmp_path)) as path:
        with socket.socket(socket.AF_UNIX) as sitting:
            sitting.connect(path)
            sitting.sendall(asked)
            assert sitting.recv(9) == _FAILED
            try:
                heard = _talk(path, asked)
            except ConnectionError:
                heard = b""
            assert heard == b""
        ends = time.monotonic() + 30
        while not heard:
            assert time.monotonic() < ends
            with suppress(ConnectionError):
                heard = _talk(path, asked)
        assert heard == _FAILED


def test_the_socket_is_its_owners_alone(tmp_path: Path) -> None:
    """Mode 0600, whatever the umask says."""
    before = os.umask(0)
    try:
        with _served(tmp_path, _idle_agent(tmp_path)) as path:
            assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    finally:
        os.umask(before)


class _OneKey(SshAgent):
    """Offers one key, and has no vault behind it."""

    def keys(self) -> list[dict[str, Any]]:
        key = {"item": "aa", "title": "k\x1b[2J", "public": "a2V5"}
        return [{**key, "asks_passphrase": False}]

    def _connect(self) -> AgentClient:
        raise AgentAbsentError


def _request(public: bytes, data: bytes, rest: bytes = bytes(4)) -> bytes:
    strings = (struct.pack(">I", len(each)) + each for each in (public, data))
    return b"\x0d" + b"".join(strings) + rest


def _asked_by(frame: bytes) -> list[str]:
    """Return what a person is asked because of *frame*."""
    questions: list[str] = []

    def ask(_item: str, question: str) -> bool:
        questions.append(question)
        return True

    agent = _OneKey(Home("/nonexistent"), ask, only=frozenset())
    assert agent.answer(frame) == b"\x05"
    return questions


@pytest.mark.parametrize(
    "frame",
    [
        _request(b"another key", b"x"),
        _request(b"", b"x"),
        _request(b"key", b"x", bytes(5)),
        _request(b"key", b"x", bytes(3)),
        _request(b"key", b"x") + b"x" * 100,
    ],
)
def test_a_person_is_not_asked_for_what_is_no_request(frame: bytes) -> None:
    """Attack: a key that is not offered, or a message with more after its end."""
    assert len(_asked_by(_request(b"key", b"x"))) == 1, "the control"
    assert _asked_by(frame) == []


def test_a_request_for_the_keys_is_one_byte() -> None:
    """What comes with more is another message, whatever it begins with."""
    agent = _OneKey(Home("/nonexistent"), lambda _i, _q: True, only=frozenset())

    assert agent.answer(b"\x0b").startswith(b"\x0c"), "the control"
    assert agent.answer(b"\x0b\x00") == b"\x05"


def test_a_question_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Attack: a title, or a namespace, with what a terminal obeys."""
    hostile = b"SSHSIG" + struct.pack(">I", 6) + b"g\x1b[2Jt"

    (question,) = _asked_by(_request(b"key", hostile))

    assert question == "sign with k\\x1b[2J: signature for g\\x1b[2Jt?"
    assert "\x1b" not in capsys.readouterr().err


def test_two_questions_are_asked_one_after_the_other() -> None:
    """Attack: a question that comes up under a person's yes to another."""
    inside, most, gate = 0, 0, threading.Event()

    def ask(_item: str, _question: str) -> bool:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        gate.wait(0.2)
        inside -= 1
        return False

    agent = _OneKey(Home("/nonexistent"), ask, only=frozenset())
    frame = _request(b"key", b"x")
    threads = [threading.Thread(target=agent.answer, args=(frame,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == 1


def test_an_error_inside_ends_one_client_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The base class would print a traceback, with what was at hand."""

    class Broken(SshAgent):
        def answer(self, frame: bytes) -> bytes:
            raise RuntimeError("planted-secret")

    broken = Broken(Home("/nonexistent"), lambda _i, _q: True, only=frozenset())
    with _served(tmp_path, broken) as path:
        assert _talk(path, struct.pack(">I", 1) + b"\x0b") == b""

    said = capsys.readouterr().err
    assert said == "clisk ssh-agent: a client ended with RuntimeError\n"


def test_a_message_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    """Attack: a client that fills the memory; one byte less is read, and answered."""

    def heard(length: int) -> bytes:
        with _served(tmp_path, _idle_agent(tmp_path)) as path:
            try:
                return _talk(path, struct.pack(">I", length) + b"\xff" * length)
            except ConnectionError:
                return b""

    assert heard(MAX_FRAME) == _FAILED, "the control"
    assert heard(MAX_FRAME + 1) == b""
