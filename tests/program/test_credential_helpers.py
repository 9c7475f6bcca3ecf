"""git's and docker's credential helpers: real git, docker's protocol, attacks."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest

from clisk.credential_helper import HelperError, check_host
from tests.program.world import Device, Said, device

PASSWORD = "a-git-password"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("helpers") / "home") as made:
        made.init()
        made.add_login(
            "Forge", PASSWORD, "-u", "alice", "--uri", "https://git.example.com"
        )
        made.add_login("Two a", "x", "-u", "a", "--uri", "https://two.example.org")
        made.add_login("Two b", "y", "-u", "b", "--uri", "https://two.example.org")
        evil = made.add_login(
            "Evil", "z", "-u", "mallory", "--uri", "https://evil.example.net"
        )
        made.ok("edit", evil, "--read", "password=0", given="p\nhost=git.example.com\n")
        lines = made.add_login(
            "Lines", "q", "-u", "placeholder", "--uri", "https://lines.example.io"
        )
        made.ok("edit", lines, "--set", "username=a\npassword=planted")
        yield made


def _git(home: Device, action: str, request: str) -> Said:
    """Have the real git ask our helper, and no other."""
    helper = "!" + shlex.join(home.argv("git-credential"))
    done = subprocess.run(
        [
            *("git", "-c", "credential.helper=", "-c", f"credential.helper={helper}"),
            *("credential", action),
        ],
        input=request,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        start_new_session=True,
        env={
            **os.environ,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
        },
    )
    return Said(done.returncode, done.stdout, done.stderr)


def _newest(home: Device) -> str:
    return str(home.ask("log", "list", "--limit", "1")["records"][0])


def test_git_gets_a_password(home: Device) -> None:
    """Real git fills in what the vault has; the record names git and the use."""
    said = _git(home, "fill", "url=https://git.example.com/team/repo.git\n\n")

    assert f"username=alice\npassword={PASSWORD}\n" in said.out
    assert "git-credential" in _newest(home)
    assert "program" in _newest(home)


def test_git_stores_a_new_login_and_changes_none_unasked(home: Device) -> None:
    """A new one is added; another password for a known one needs a person."""
    new = "protocol=https\nhost=new.forge.example:8443\nusername=bob\npassword="
    _git(home, "approve", f"{new}first\n\n")
    said = _git(home, "approve", f"{new}second\n\n")

    assert "no terminal" in said.err
    assert "password=first\n" in _git(home, "fill", f"{new[:-9]}\n").out
    assert home.ask("list", "new.forge.example")["items"][0]["tags"] == ["git"]
    # A host that a server named says nothing of its neighbours, nor of other ports.
    for near in ("other.forge.example:8443", "new.forge.example", "forge.example:8443"):
        request = f"protocol=https\nhost={near}\n"
        assert "bob" not in home.run("git-credential", "get", given=request).out


def test_a_server_that_says_no_empties_no_vault(home: Device) -> None:
    """Attack: a server answers 401, and git asks its helpers to erase."""
    request = (
        f"protocol=https\nhost=git.example.com\nusername=alice\npassword={PASSWORD}\n\n"
    )

    said = _git(home, "reject", request)

    assert said.code == 0
    assert (
        f"password={PASSWORD}"
        in _git(home, "fill", request.partition("pass")[0] + "\n").out
    )


@pytest.mark.parametrize(
    "request_text",
    [
        "protocol=https\nhost=other.example.edu\n",
        "protocol=https\nhost=example.com.au\n",
        "protocol=https\nhost=git.example.com.evil.net\n",
        "protocol=http\nhost=git.example.com\n",
        "protocol=https\nhost=git.example.com\nusername=bob\n",
        "protocol=cert\nhost=git.example.com\n",
        "protocol=https\n",
        "",
    ],
)
def test_another_host_gets_nothing(home: Device, request_text: str) -> None:
    """The matcher of autofill decides; what does not fit is silence."""
    said = home.run("git-credential", "get", given=request_text)

    assert (said.code, said.out) == (0, "")


@pytest.mark.parametrize(
    "request_text",
    [
        "protocol=https\nhost=evil.net\nhost=git.example.com\n",
        "protocol=https\nhost=git.example.com\rx\n",
        "protocol=https\nhost=git.example.com\x00\n",
        "protocol=https\nhost=evil.net/@git.example.com\n",
        "protocol=https\nhost=evil.net%0ahost=git.example.com\n",
        "protocol=https\nhost=git.example.com#evil.net\n",
        "protocol=https\nhost=git.example.com\\evil.net\n",
        "protocol=https\nhost=git.example.com\nusername=alice\x1b[2J\n",
        "protocol=https\nhost=git.example.com\nnonsense\n",
        "protocol=https\nhost=" + "a" * 70_000 + "\n",
        "protocol=https\nhost=two.example.org\n",
        "protocol=https\nhost=" + "a" * 301 + "\n",
        "protocol=https\nhost=git.example.com\n=nothing\n",
        "protocol=https\nhost=lines.example.io\n",
    ],
)
def test_a_request_with_something_smuggled_in_is_refused(
    home: Device, request_text: str
) -> None:
    """Attack: CVE-2020-5260 and its kin; hosts that end early, lines in lines."""
    said = home.run("git-credential", "get", given=request_text)

    assert (said.code, said.out) == (1, "")
    assert "error:" in said.err


def test_a_password_with_a_line_feed_begins_no_line(home: Device) -> None:
    """Attack: an item whose password holds another attribute of git's protocol."""
    request = "protocol=https\nhost=evil.example.net\n"

    said = home.run("git-credential", "get", given=request)

    assert (said.code, said.out) == (1, "")
    assert "control characters" in said.err


def test_git_goes_on_without_a_vault(home: Device) -> None:
    """Unknown actions are ignored, as git's manual asks."""
    assert home.run("git-credential", "capability").code == 0


def _docker(home: Device, action: str, given: str = "") -> Said:
    """Call the helper by the name that docker calls."""
    program = "from clisk.__main__ import docker_credential; docker_credential()"
    done = subprocess.run(
        [sys.executable, "-c", program, action],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "CLISK_HOME": str(home.home)},
    )
    return Said(done.returncode, done.stdout, done.stderr)


def test_docker_logs_in_and_out(home: Device) -> None:
    """store, get, list, erase: what docker login, pull and logout do."""
    server = "registry.example.dev:5000"
    entry = {"ServerURL": server, "Username": "ci", "Secret": "tok"}

    assert _docker(home, "store", json.dumps(entry)).code == 0
    assert json.loads(_docker(home, "get", server).out) == entry
    assert "docker-credential" in _newest(home)
    assert _docker(home, "store", json.dumps({**entry, "Secret": "2"})).code == 0
    assert json.loads(_docker(home, "get", server).out)["Secret"] == "2"
    assert json.loads(_docker(home, "list").out) == {f"https://{server}": "ci"}
    assert _docker(home, "erase", server).code == 0
    gone = _docker(home, "get", server)
    assert (gone.code, gone.out) == (1, "credentials not found in native keychain\n")


def test_docker_touches_only_what_it_brought(home: Device) -> None:
    """A login of the person's own is given out, and never changed or taken away."""
    entry = {"ServerURL": "git.example.com", "Username": "alice", "Secret": "new"}

    assert json.loads(_docker(home, "get", "git.example.com").out)["Secret"] == PASSWORD
    assert _docker(home, "store", json.dumps(entry)).code == 1
    assert _docker(home, "erase", "git.example.com").code == 1
    assert _docker(home, "list").out == "{}\n"
    assert json.loads(_docker(home, "get", "git.example.com").out)["Secret"] == PASSWORD


@pytest.mark.parametrize(
    ("action", "given"),
    [
        ("get", "evil.net@git.example.com"),
        ("get", "https://git.example.com\nhttps://x"),
        ("get", "ftp://git.example.com"),
        ("get", ""),
        ("store", "{}"),
        ("store", '{"ServerURL":"a","Username":"b","Secret":"c","More":1}'),
        ("store", "not json"),
        ("store", "[" * 60_000),
        ("store", '{"ServerURL":"a.example","Username":"","Secret":"c"}'),
        ("store", '{"ServerURL":"a.example","Username":"b","Secret":1}'),
        ("store", '{"ServerURL":"a.example","Username":"b\\nc","Secret":"d"}'),
        ("get", "https://git.example.com\x1b[2J"),
        ("get", "x" * 70_000),
        ("nonsense", ""),
    ],
)
def test_docker_is_refused_what_it_does_not_ask(
    home: Device, action: str, given: str
) -> None:
    """A malformed request is an error in words, without what it held."""
    said = _docker(home, action, given)

    assert said.code == 1
    assert "error:" in said.err


def test_a_host_has_an_end() -> None:
    """A name that is longer than any may be is looked up by nobody."""
    assert check_host("a" * 300) == "a" * 300
    with pytest.raises(HelperError, match="not a host name"):
        check_host("a" * 301)
