"""read, inject, exec: values by reference, and where they do not go."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program.world import Device, device

PASSWORD = "a-password of §8"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("references") / "home") as made:
        made.init()
        made.add_login("My bank", PASSWORD, "-u", "alice")
        made.add_login("My bank account", "another", "-u", "bob")
        yield made


def _newest(home: Device) -> dict[str, object]:
    entry: dict[str, object] = home.ask("log", "list", "--limit", "1")["records"][0]
    return entry


def test_a_reference_is_read_and_recorded(home: Device) -> None:
    """`clisk read` writes the value; the log has the read with its purpose."""
    assert home.ok("read", "clisk://My%20bank/password") == f"{PASSWORD}\n"
    assert home.ok("read", "--no-newline", "clisk://My%20bank/username") == "alice"
    assert "clisk read" in str(_newest(home))


def test_a_reference_is_spelled(home: Device) -> None:
    """`--spell` writes a reference that names what it was given."""
    assert home.ok("read", "--spell", "My bank", "PIN") == "clisk://My%20bank/PIN\n"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("read", "clisk://bank/password"), "clisk list"),
        (("read", "clisk://My bank/password"), "--spell"),
        (("read", "clisk://My%20bank/nonsense"), "clisk get"),
        (("read", "nonsense"), "--spell"),
        (("inject", "/nonexistent"), "name"),
        (("exec", "-e", "A=clisk://bank/password", "true"), "clisk list"),
    ],
)
def test_a_refusal_says_what_to_do(
    home: Device, words: tuple[str, ...], hint: str
) -> None:
    """Nothing is searched for by a reference, and each refusal has a next step."""
    said = home.run(*words)

    assert (said.code, said.out) == (1, "")
    assert hint in said.err.partition("hint:")[2]


def test_a_template_becomes_a_file_for_its_owner_alone(
    home: Device, tmp_path: Path
) -> None:
    """The file has mode 0600 whatever the umask, and is replaced only when asked."""
    template, target = tmp_path / "a.tpl", tmp_path / "a.conf"
    template.write_text(
        "user={{ clisk://My%20bank/username }}\r\nkey={{clisk://My%20bank/password}}"
    )

    home.ok("inject", str(template), "--to", str(target))

    assert target.read_bytes() == f"user=alice\r\nkey={PASSWORD}".encode()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert home.run("inject", str(template), "--to", str(target)).code == 1
    assert home.run("inject", "--force", str(template), "--to", str(target)).code == 0


def test_a_template_with_one_gap_writes_nothing(home: Device, tmp_path: Path) -> None:
    """One reference without a value: no file, no half of one."""
    target = tmp_path / "a.conf"
    text = "{{ clisk://My%20bank/password }} {{ clisk://gone/password }}"

    said = home.run("inject", "-", "--to", str(target), given=text)

    assert said.code == 1
    assert said.err.startswith("error: clisk://gone/password: no item matches\n")
    assert list(tmp_path.iterdir()) == []


def test_a_template_is_not_shown_on_a_terminal_unasked(home: Device) -> None:
    """On a terminal values would stay in its scroll-back."""
    words = ("inject", "-")
    seen = {}
    for more in ((), ("--terminal",)):
        leader, follower = pty.openpty()
        done = subprocess.run(
            home.argv(*words, *more),
            input=b"{{ clisk://My%20bank/username }}",
            stdout=follower,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
        os.close(follower)
        shown = os.read(leader, 1000) if done.returncode == 0 else b""
        os.close(leader)
        seen[more] = (done.returncode, shown)

    assert seen == {(): (1, b""), ("--terminal",): (0, b"alice")}


def test_only_the_program_gets_the_environment(home: Device) -> None:
    """The value is in the environ of what is started, not in its arguments."""
    program = "import os,sys; print(os.environ['KEY'], sys.argv[1:])"
    words = (
        "-e",
        "KEY=clisk://My%20bank/password",
        sys.executable,
        "-c",
        program,
        "-e",
    )

    said = home.run("exec", *words)

    assert said.out == f"{PASSWORD} ['-e']\n"
    assert "every process of yours can read" in said.err
    assert "KEY" not in os.environ
    assert "clisk exec python" in str(_newest(home))


def test_a_program_is_started_with_what_a_token_allows(
    home: Device, tmp_path: Path
) -> None:
    """And cannot read the token itself from the descriptor that it came by."""
    words = ("token", "create", "exec", "--item", "My bank", "--uses", "2")
    token = tmp_path / "token"
    token.write_text(home.ok(*words, "--expires", "1h"))
    program = (
        "import os; print(os.environ['KEY']); os.lseek({0}, 0, 0); os.read({0}, 9)"
    )
    with token.open() as file:
        fd = file.fileno()
        start = ("exec", "--quiet", "--token-fd", str(fd), "-e")
        python = (sys.executable, "-c", program.format(fd))

        said = home.run(*start, "KEY=clisk://My%20bank/password", *python, fds=(fd,))
        file.seek(0)
        refused = home.run(*start, "KEY=clisk://My%20bank/username", "true", fds=(fd,))

    assert said.out == f"{PASSWORD}\n"
    assert "Bad file descriptor" in said.err
    assert (refused.code, refused.out) == (1, "")


def test_a_value_is_never_in_the_environment_of_what_started_it(
    home: Device, tmp_path: Path
) -> None:
    """Attack: /proc of the shell and of the agent is searched while a program runs.

    The positive control: the program's own environ has it.
    """
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    line = " ".join(
        f"'{word}'"
        for word in home.argv(
            *("exec", "--quiet", "-e", "KEY=clisk://My%20bank/password", "--"),
            *("sh", "-c", f"echo $$; read -r line < {gate}"),
        )
    )
    shell = subprocess.Popen(
        ["sh", "-c", f"{line}; true"], stdout=subprocess.PIPE, text=True
    )
    assert shell.stdout is not None
    child = int(shell.stdout.readline())
    agent = int((home.home / "agent.lock").read_text())

    def has(pid: int, name: str) -> bool:
        return PASSWORD.encode() in Path(f"/proc/{pid}/{name}").read_bytes()

    try:
        assert has(child, "environ")
        assert not has(child, "cmdline")
        assert not has(shell.pid, "environ")
        assert not has(shell.pid, "cmdline")
        assert not has(agent, "cmdline")
    finally:
        gate.write_text("on\n")
        shell.communicate(timeout=60)


@pytest.mark.parametrize(
    "words",
    [
        ("-e", "KEY", "true"),
        ("-e", "1KEY=clisk://a/b", "true"),
        ("-e", "A=clisk://a/b", "-e", "A=clisk://a/c", "true"),
        ("true",),
    ],
)
def test_a_variable_that_is_none_is_a_usage_error(
    home: Device, words: tuple[str, ...]
) -> None:
    """Before anything is read; what was given is not repeated."""
    assert home.run("exec", *words).code == 2
