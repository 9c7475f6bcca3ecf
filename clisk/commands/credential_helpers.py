"""git-credential, docker-credential: what git and docker call for their passwords."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn, cast

import click

from clisk import credential_helper, output
from clisk.client import AgentClient
from clisk.credential_helper import HelperError, Login, check_host, check_line
from clisk.errors import CliskError, InputError
from clisk.home import Home
from clisk_vault.keys import SecretText

_MAX_INPUT = 64 * 1024
_GIT_PURPOSE = "git credential"
_DOCKER_PURPOSE = "docker credential"
# What docker looks for, word for word, to go on without a password.
_DOCKER_HAS_NONE = "credentials not found in native keychain"


@click.command("git-credential")
@click.argument("action")
@click.pass_obj
def git_credential_command(home: Home, action: str) -> None:
    """Be a credential helper of git, which calls this with get, store or erase.

    The login is found as autofill finds it: by the addresses of items, and by the
    user name where git knows it. `store` makes a new login, tagged git; where the
    vault has another password it asks on the terminal before that is changed.
    `erase` changes nothing: a server that says no must not empty a vault.

    \b
    Set it up once:
      git config --global credential.helper '!clisk git-credential'
    """
    if action not in ("get", "store", "erase"):
        return  # git's manual: a helper ignores what it does not know
    asked = _git_attributes(_read_input())
    protocol, host = asked.get("protocol", ""), asked.get("host", "")
    if protocol not in ("https", "http") or not host:
        return
    url = f"{protocol}://{check_host(host)}/{asked.get('path', '')}"
    if action == "erase":
        output.say(f"clisk: {host} refused the password; the item is left as it is")
        return
    with AgentClient.connect(home) as agent:
        agent.call("introduce", {"program": "git"})
        username = asked.get("username") or None
        if action == "get":
            _git_get(agent, url, username)
        elif username and asked.get("password"):
            _git_store(agent, url, host, username, asked["password"])


def _git_get(agent: AgentClient, url: str, username: str | None) -> None:
    login = credential_helper.find_login(agent, url, username)
    if login is None:
        return
    # Before the read: what cannot be handed over is not read.
    name = check_line(login.username)
    password = credential_helper.password_of(
        agent, login, purpose=_GIT_PURPOSE, use="git-credential"
    )
    sys.stdout.write(f"username={name}\npassword={check_line(password)}\n")


def _git_store(
    agent: AgentClient, url: str, host: str, username: str, password: str
) -> None:
    login = credential_helper.find_login(agent, url, username)
    if login is None:
        credential_helper.add_login(
            agent, url, username, password, title=host, tag="git"
        )
        output.say(f"clisk: stored a new login for {host}")
        return
    purpose = f"{_GIT_PURPOSE} store"
    known = credential_helper.password_of(agent, login, purpose=purpose, use="compare")
    if known != password and _may_change(login):
        credential_helper.set_password(agent, login, password)


def _may_change(login: Login) -> bool:
    from clisk.passphrase_input import ask_line
    from clisk.terminal import printable

    question = f"clisk: change the password of {printable(login.title)}? [y/N] "
    try:
        return ask_line(question).lower() in ("y", "yes")
    except InputError:
        output.say(
            "clisk: the vault has another password and there is no terminal to ask on,"
            " so it stays; change it with: clisk edit"
        )
        return False


def _git_attributes(text: str) -> dict[str, str]:
    """Return the attributes of git's request: git-credential(1), INPUT/OUTPUT FORMAT.

    Raises:
        HelperError: a line without a name, an attribute twice, a control character.
    """
    found: dict[str, str] = {}
    for line in text.removesuffix("\n").split("\n"):
        if not line:
            break
        name, sign, value = line.partition("=")
        if not sign or not name:
            raise HelperError("git's request has a line that is no attribute")
        if name.endswith("[]"):
            continue  # capabilities, challenges: nothing that we need
        if name in found:
            raise HelperError("git's request has an attribute twice")
        found[name] = _checked_request(value)
    return found


def _checked_request(value: str) -> str:
    try:
        return check_line(value)
    except HelperError:
        # CVE-2020-5260, CVE-2024-52006: lines smuggled in through an address.
        raise HelperError("git's request holds control characters") from None


_DOCKER_KEYS = ("ServerURL", "Username", "Secret")


def _docker_entry(given: str) -> tuple[str, str, SecretText]:
    """Return server, user name and password of what `docker login` hands over."""
    try:
        entry = json.loads(given)
    except (ValueError, RecursionError):
        # From None: the cause carries the text.
        raise HelperError("docker's request is not JSON") from None
    if not isinstance(entry, dict) or entry.keys() != set(_DOCKER_KEYS):
        raise HelperError("docker's request has other members than docker writes")
    server, username, secret = (entry[key] for key in _DOCKER_KEYS)
    if not all(isinstance(each, str) and each for each in (server, username, secret)):
        raise HelperError("docker's request has a member that is no text, or empty")
    return server, username, SecretText(secret)


@click.command("docker-credential")
@click.argument("action")
@click.pass_obj
def docker_credential_command(home: Home, action: str) -> None:
    """Be a credential helper of docker, which calls it get, store, erase or list.

    A login for a registry is found by the addresses of items. `store` makes one,
    tagged docker, or changes the password of one so tagged; `list` names those and
    no other; `erase`, which is `docker logout`, puts one so tagged into the trash.

    \b
    Set it up once, in ~/.docker/config.json (the program docker-credential-clisk
    comes along):
      {"credsStore": "clisk"}
    """
    actions = {
        "get": _docker_get,
        "store": _docker_store,
        "erase": _docker_erase,
        "list": _docker_list,
    }
    if action not in actions:
        raise HelperError(
            "docker asks for an action that is not known",
            advice=f"one of: {', '.join(actions)}",
        )
    try:
        given = "" if action == "list" else _read_input()
        with AgentClient.connect(home) as agent:
            agent.call("introduce", {"program": "docker"})
            actions[action](agent, given)
    except CliskError as err:
        # Docker shows what a helper wrote to standard output, and nothing else.
        if not isinstance(err, _NoneFoundError):
            sys.stdout.write(f"{err}; {err.advice}\n" if err.advice else f"{err}\n")
        raise


class _NoneFoundError(CliskError):
    """Docker was told so in the words that it knows."""


def _docker_get(agent: AgentClient, given: str) -> None:
    login = credential_helper.find_login(agent, _registry(given), None)
    if login is None:
        _docker_none()
    password = credential_helper.password_of(
        agent, login, purpose=_DOCKER_PURPOSE, use="docker-credential"
    )
    answer = {
        "ServerURL": given.strip(),
        "Username": login.username,
        "Secret": password,
    }
    sys.stdout.write(json.dumps(answer) + "\n")


def _docker_store(agent: AgentClient, given: str) -> None:
    server, username, secret = _docker_entry(given)
    url = _registry(server)
    login = credential_helper.find_login(agent, url, username)
    if login is None:
        credential_helper.add_login(
            agent,
            url,
            check_line(username),
            secret.expose(),
            title=server[:200],
            tag="docker",
        )
        return
    purpose = f"{_DOCKER_PURPOSE} store"
    known = credential_helper.password_of(agent, login, purpose=purpose, use="compare")
    if known == secret.expose():
        return
    if not _is_dockers(agent, login):
        raise HelperError(
            "the vault has another password for this registry, which docker did not"
            " bring",
            advice="change it with: clisk edit ITEM --ask password",
        )
    credential_helper.set_password(agent, login, secret.expose())


def _docker_erase(agent: AgentClient, given: str) -> None:
    login = credential_helper.find_login(agent, _registry(given), None)
    if login is None:
        _docker_none()
    if not _is_dockers(agent, login):
        raise HelperError(
            "docker did not bring this login, so it does not take it away",
            advice="move it to the trash yourself: clisk rm ITEM",
        )
    agent.call("trash", {"item": login.item})


def _docker_list(agent: AgentClient, _given: str) -> None:
    rows = cast(list[dict[str, Any]], agent.call("list", {"tag": "docker"})["items"])
    found = {uri: row["username"] for row in rows for uri in row["uris"]}
    sys.stdout.write(json.dumps(found) + "\n")


def _is_dockers(agent: AgentClient, login: Login) -> bool:
    rows = cast(list[dict[str, Any]], agent.call("list", {"tag": "docker"})["items"])
    return any(row["item"] == login.item for row in rows)


def _docker_none() -> NoReturn:
    sys.stdout.write(f"{_DOCKER_HAS_NONE}\n")
    raise _NoneFoundError(
        "no item is for this registry", advice="docker login REGISTRY"
    )


def _registry(given: str) -> str:
    """Return the address of a registry, which docker may name by its host alone."""
    text = check_line(given.strip())
    if "://" not in text:
        text = f"https://{text}"
    scheme, _, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    if scheme not in ("https", "http"):
        raise HelperError("the registry's address is not over http or https")
    return f"{scheme}://{check_host(host)}{slash}{path}"


def _read_input() -> str:
    raw = sys.stdin.buffer.read(_MAX_INPUT + 1)
    if len(raw) > _MAX_INPUT:
        raise HelperError(f"the request is longer than {_MAX_INPUT} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise HelperError("the request is not UTF-8 text") from None
