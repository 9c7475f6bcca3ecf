"""init, unlock, lock, passphrase, status: the life of a vault on this device."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from clisk import output
from clisk.client import AgentClient
from clisk.commands.options import (
    ask_agent,
    host_name,
    invite_option,
    json_option,
    passphrase_option,
    unlock_seconds_option,
)
from clisk.errors import AgentAbsentError, CliskError, UsageError
from clisk.home import Home
from clisk.output import count
from clisk.start import connect_or_start
from clisk.times import ago
from clisk.wire import Message


@click.command("init")
@click.option("--name", help="Name of this device. Default: the host's name.")
@click.option("--relay", "relay_url", metavar="URL", help="Relay to sync through.")
@invite_option
@passphrase_option()
@unlock_seconds_option
@click.option(
    "--with-keyring",
    is_flag=True,
    help="Need a secret of this system's keyring too. See below.",
)
@json_option
@click.pass_obj
def init_command(
    home: Home,
    name: str | None,
    relay_url: str | None,
    invite: str,
    passphrase_fd: int | None,
    unlock_seconds: float,
    with_keyring: bool,
    as_json: bool,
) -> None:
    """Make a vault on this device and open it.

    The passphrase is asked for twice. It never leaves this device, and nobody
    can reset it: what it protects is lost with it, unless another device is a
    member of the vault.

    --with-keyring draws a second secret, which only this system's keyring holds:
    the vault's file, copied elsewhere, is then worth nothing even to who knows
    the passphrase. Nor is it to you: a lost keyring loses this copy of the vault.
    Have a second device or a recovery kit. `clisk passphrase` turns it on and off.

    \b
    Examples:
      clisk init
      clisk init --name laptop --relay http://127.0.0.1:8470
    """
    from clisk.passphrase_input import ask_secret, read_secret

    if invite and relay_url is None:
        raise UsageError("--invite is for a relay", advice="name it: --relay URL")
    if passphrase_fd is None:
        passphrase = ask_secret("New passphrase", twice=True)
    else:
        passphrase = read_secret(passphrase_fd)
    with connect_or_start(home) as agent:
        answer = agent.call(
            "init",
            {
                "passphrase": passphrase.expose(),
                "name": host_name() if name is None else name,
                "relay": relay_url,
                "invite": invite,
                "unlock_seconds": unlock_seconds,
                "keyring": with_keyring,
            },
        )
    if as_json:
        output.write_json(answer)
        return
    output.write_line(f"vault {answer['vault_id']}")
    output.say(f"made in {home.folder}, and open; close it with: clisk lock")


@click.command("unlock")
@passphrase_option()
@click.option("--keychain", is_flag=True, help="Take it from the system's keychain.")
@click.option(
    "--save-to-keychain", is_flag=True, help="Keep it in the system's keychain."
)
@click.option(
    "--lock-after",
    type=click.IntRange(1, 24 * 60),
    metavar="MINUTES",
    help="Lock after so many minutes without use. Default: 15.",
)
@json_option
@click.pass_obj
def unlock_command(
    home: Home,
    passphrase_fd: int | None,
    keychain: bool,
    save_to_keychain: bool,
    lock_after: int | None,
    as_json: bool,
) -> None:
    """Open the vault; the agent then answers until it is locked.

    \b
    Examples:
      clisk unlock
      clisk unlock --passphrase-fd 3 3< passphrase.txt
      clisk unlock --keychain --lock-after 60
    """
    if keychain and passphrase_fd is not None:
        raise UsageError("--keychain and --passphrase-fd exclude each other")
    with connect_or_start(home) as agent:
        vault_id = str(agent.call("status").get("vault_id") or "")
        if not vault_id:
            raise CliskError(
                "there is no vault here", advice="make one: clisk init; or clisk join"
            )
        passphrase = _passphrase(vault_id, passphrase_fd, keychain=keychain)
        params: Message = {"passphrase": passphrase}
        if lock_after is not None:
            params["lock_after_seconds"] = lock_after * 60
        answer = agent.call("unlock", params)
    if save_to_keychain:
        from clisk import keychain as system
        from clisk_vault.keys import SecretText

        system.save(vault_id, SecretText(passphrase))
    if as_json:
        output.write_json(answer)
    else:
        output.say(f"open: {count(answer['items'], 'item')}")


def _passphrase(vault_id: str, descriptor: int | None, *, keychain: bool) -> str:
    if keychain:
        from clisk import keychain as system

        return system.load(vault_id).expose()
    from clisk.passphrase_input import ask_secret, read_secret

    if descriptor is None:
        return ask_secret("Passphrase").expose()
    return read_secret(descriptor).expose()


@click.command("lock")
@json_option
@click.pass_obj
def lock_command(home: Home, as_json: bool) -> None:
    """Close the vault: the agent forgets every key and stops syncing."""
    with suppress(AgentAbsentError):  # no agent holds no key
        ask_agent(home, "lock")
    if as_json:
        output.write_json({"state": "locked"})
    else:
        output.say("locked")


@click.command("passphrase")
@click.option("--old-fd", type=int, metavar="N", help="Read the old one from here.")
@click.option("--new-fd", type=int, metavar="N", help="Read the new one from here.")
@click.option(
    "--with-keyring/--without-keyring",
    "keyring",
    default=None,
    help="From now on, need a secret of this system's keyring too; or no longer.",
)
@json_option
@click.pass_obj
def passphrase_command(
    home: Home,
    old_fd: int | None,
    new_fd: int | None,
    keyring: bool | None,
    as_json: bool,
) -> None:
    """Change the passphrase of the vault on this device.

    The other devices keep theirs. A passphrase saved in the system's keychain
    is not changed along: save it again with `clisk unlock --save-to-keychain`.

    --with-keyring and --without-keyring keep the passphrase, unless --new-fd
    gives another: see `clisk init --help` for what the keyring's secret is.

    \b
    Examples:
      clisk passphrase
      clisk passphrase --with-keyring
    """
    from clisk.passphrase_input import ask_secret, read_secret

    kept = keyring is not None and new_fd is None
    asked = "Passphrase" if kept else "Old passphrase"
    old = ask_secret(asked) if old_fd is None else read_secret(old_fd)
    if kept:
        new = old
    elif new_fd is None:
        new = ask_secret("New passphrase", twice=True)
    else:
        new = read_secret(new_fd)
    params: Message = {
        "old": old.expose(),
        "new": new.expose(),
        "keyring": keyring,
    }
    answer = ask_agent(home, "passphrase.change", params)
    if as_json:
        output.write_json(answer)
    else:
        output.say("changed")


@click.command("status")
@json_option
@click.pass_obj
def status_command(home: Home, as_json: bool) -> None:
    """Tell whether the vault is open, what it holds, and how fresh it is."""
    try:
        with AgentClient.connect(home) as agent:
            answer = agent.call("status")
    except AgentAbsentError:
        answer = _status_without_agent(home)
    if as_json:
        output.write_json(answer)
        return
    output.write_facts(_facts(answer))


def _status_without_agent(home: Home) -> Message:
    state = "locked" if Path(home.vault).exists() else "none"
    return {"state": state, "home": home.folder, "agent": False}


_WORDS = {"none": "no vault here yet", "locked": "locked", "unlocked": "open"}


def _facts(answer: Message) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        ("vault", _WORDS[str(answer["state"])]),
        ("home", answer["home"]),
        ("agent", "running" if answer["agent"] else "not running"),
    ]
    for name, key in (
        ("vault id", "vault_id"),
        ("device", "device_name"),
        ("device id", "device_id"),
        ("items", "items"),
        ("conflicts", "conflicts"),
        ("relay", "relay"),
    ):
        if answer.get(key) is not None:
            facts.append((name, answer[key]))
    if answer.get("revoked"):
        facts.append(("member", "no more; by whom and since when: clisk devices"))
    if answer.get("keyring"):
        facts.append(("keyring", "needed to unlock, beside the passphrase"))
    if answer.get("relay"):
        facts.append(("last sync", ago(answer.get("last_sync_ms"))))
    left = answer.get("locks_in_seconds")
    if isinstance(left, int):
        facts.append(("locks in", f"{left // 60} min {left % 60} s without use"))
    return facts
