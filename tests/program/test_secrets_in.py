"""Where secrets come in: descriptors, terminals and the keychain."""

from __future__ import annotations

import os
import pty

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import PasswordDeleteError

from clisk import keychain, passphrase_input
from clisk.errors import InputError, KeychainError
from clisk_vault.keys import SecretText


def _pipe_with(data: bytes) -> int:
    read, write = os.pipe()
    os.write(write, data)
    os.close(write)
    return read


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (b"correct horse\n", "correct horse"),
        (b"correct horse", "correct horse"),
        (b"two\nlines\n", "two\nlines"),
        (b" spaces stay \r\n", " spaces stay "),
        ("Zürich".encode(), "Zürich"),
    ],
)
def test_a_descriptor_gives_a_secret(given: bytes, read: str) -> None:
    """All of it counts but one line feed at its end."""
    descriptor = _pipe_with(given)

    assert passphrase_input.read_secret(descriptor) == SecretText(read)
    os.close(descriptor)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (b"", "gave nothing"),
        (b"\n", "gave nothing"),
        (b"\xff\xfe planted", "not UTF-8"),
        (b"x" * 65537, "more than"),
    ],
)
def test_a_bad_secret_is_named_and_not_quoted(given: bytes, what: str) -> None:
    """The refusal names the descriptor, never what it gave."""
    file = _file_with(given)

    with pytest.raises(InputError, match=what) as caught:
        passphrase_input.read_secret(file)
    os.close(file)

    assert "planted" not in str(caught.value)
    assert caught.value.__cause__ is None


def _file_with(given: bytes) -> int:
    # More than a pipe holds would block the writer.
    file = os.memfd_create("given")
    os.write(file, given)
    os.lseek(file, 0, os.SEEK_SET)
    return file


def test_a_closed_descriptor_is_refused() -> None:
    """A number that is not open is an error with advice, no traceback."""
    with pytest.raises(InputError, match="descriptor 987"):
        passphrase_input.read_secret(987)


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way out of getpass, which would read standard input with echo, is closed."""

    def no_terminal(*_: object) -> int:
        raise OSError

    monkeypatch.setattr(os, "open", no_terminal)
    with pytest.raises(InputError, match="no terminal"):
        passphrase_input.ask_secret("Passphrase")


def test_two_different_answers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new passphrase is typed twice, and both must agree."""
    answers = iter(["one", "other"])
    monkeypatch.setattr(passphrase_input, "_ask", lambda _prompt: next(answers))

    with pytest.raises(InputError, match="not the same"):
        passphrase_input.ask_secret("New passphrase", twice=True)


class _Keychain(KeyringBackend):
    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring has no types
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.held.pop((service, username), None) is None:
            raise PasswordDeleteError("none")


class _PlainFile(_Keychain):
    priority = 0.5  # type: ignore[assignment]  # as the plain-text file backend has


@pytest.fixture(name="system")
def _system(monkeypatch: pytest.MonkeyPatch) -> _Keychain:
    system = _Keychain()
    monkeypatch.setattr(keyring, "get_keyring", lambda: system)
    return system


def test_a_keychain_holds_one_passphrase_a_vault(system: _Keychain) -> None:
    """What is saved for a vault is loaded for that vault, until it is forgotten."""
    keychain.save("aa", SecretText("horse"))

    assert keychain.load("aa") == SecretText("horse")
    with pytest.raises(KeychainError, match="holds no passphrase"):
        keychain.load("bb")
    keychain.forget("aa")
    keychain.forget("aa")
    assert not system.held


@pytest.mark.parametrize("backend", [NoKeyring, _PlainFile])
def test_no_real_keychain_is_an_error(
    backend: type[KeyringBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither silence nor a plain file stands in for a keychain."""
    monkeypatch.setattr(keyring, "get_keyring", backend)

    for attempt in (
        lambda: keychain.save("aa", SecretText("horse")),
        lambda: keychain.load("aa"),
        lambda: keychain.forget("aa"),
    ):
        with pytest.raises(KeychainError, match="no keychain"):
            attempt()


def test_a_terminal_is_asked_without_echo() -> None:
    """What is typed reaches the program and not the screen."""
    child, terminal = pty.fork()
    if child == 0:
        secret = passphrase_input.ask_secret("Passphrase")
        os._exit(0 if secret == SecretText("planted-secret") else 1)

    shown = b""
    while b"Passphrase" not in shown:
        shown += os.read(terminal, 1024)
    os.write(terminal, b"planted-secret\n")
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert b"planted" not in shown + os.read(terminal, 1024)
    os.close(terminal)


@pytest.mark.parametrize(
    ("typed", "weak"), [("summer2024", True), ("sliced outmatch cranberry", False)]
)
def test_who_chooses_a_secret_that_is_easily_guessed_is_told(
    typed: str,
    weak: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On the screen, without the secret; who types one that is there is not told."""
    monkeypatch.setattr(passphrase_input, "_ask", lambda _prompt: typed)

    passphrase_input.ask_secret("New passphrase", twice=True)

    said = capsys.readouterr()
    assert ("guesses that in about" in said.err) is weak
    assert said.out == ""
    assert typed not in said.err
    passphrase_input.ask_secret("Passphrase")
    assert capsys.readouterr().err == ""
