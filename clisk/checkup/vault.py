"""The vault's file, its agent, and what that does for secrets in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from clisk.checkup.finding import Finding, bad, note, ok
from clisk.client import AgentClient
from clisk.errors import AgentAbsentError, CliskError
from clisk.home import Home
from clisk.wire import Message
from clisk_vault.errors import VaultError
from clisk_vault.opening import read_public
from clisk_vault.passphrase import LIMITS
from clisk_vault.vault_check import damage, private_copy
from clisk_vault.vault_file import VaultHeader

_SWAPS = Path("/proc/swaps")
_RESTART = "start it anew: clisk agent stop; clisk unlock"


def check(home: Home) -> Iterator[Finding]:
    """Yield what is to be said of the vault in *home*, and of its agent."""
    header, found = _file(Path(home.vault))
    yield found
    yield _keychain(header)
    yield from _agent(home)
    yield _swap()


_BACKUP = (
    "keep a copy of the file; then clisk backup restore, clisk recovery use, or join"
)


def _file(path: Path) -> tuple[VaultHeader | None, Finding]:
    """Return what the file says of itself, as far as it can be read, and how it is."""
    header = None
    try:
        size = path.stat().st_size
        with private_copy(path) as copy:
            header = read_public(copy)
            LIMITS.check(header.profile)
            faults = damage(copy)
    except FileNotFoundError:
        advice = "clisk init, or clisk join"
        return header, note("vault", "there is none here", advice)
    except OSError as err:
        advice = f"as its owner: chmod u+rwx '{path.parent}'"
        return header, bad("vault", f"{path}: {err.strerror}", advice)
    except VaultError as err:
        return header, bad("vault", str(err), err.advice or _BACKUP)
    if faults:
        says = f"the file is damaged: {'; '.join(faults)}"
        return header, bad("vault", says, _BACKUP)
    if not os.access(path, os.W_OK):
        advice = f"chmod u+w '{path}'"
        return header, bad("vault", "the file cannot be written", advice)
    return header, ok("vault", f"the file is whole, {max(1, size >> 10):,} KiB")


def _keychain(header: VaultHeader | None) -> Finding:
    from clisk import keychain

    try:
        says = keychain.describe()
        if header is not None and header.keyring:
            keychain.load_secret(header.vault_id, header.device_id)
            says += "; it holds the secret that this vault needs"
    except CliskError as err:
        if header is not None and header.keyring:
            return bad("keyring", str(err), err.advice)
        advice = "only --keychain and --with-keyring need one"
        return note("keyring", str(err), advice)
    return ok("keyring", says)


def _agent(home: Home) -> Iterator[Finding]:
    try:
        with AgentClient.connect(home) as agent:
            status = agent.call("status")
            yield _version(status)
            yield _hardening(agent.call("agent.facts"))
    except AgentAbsentError:
        yield note("agent", "not running", "it starts by itself: clisk unlock")
    except CliskError as err:
        yield bad("agent", str(err), err.advice or _RESTART)


def _version(status: Message) -> Finding:
    ours, theirs = version("clisk-vault"), status.get("version")
    if ours != theirs:
        return bad("agent", f"it is version {theirs}, this is {ours}", _RESTART)
    return ok("agent", f"answers; the vault is {status['state']}")


def _hardening(facts: Message) -> Finding:
    lacks = [
        says
        for key, says in (
            ("core_dumps_off", "its memory may be dumped to the disk"),
            ("debuggers_off", "programs of yours may look into it"),
        )
        if facts[key] is False
    ]
    if lacks:
        return bad("memory", "of the agent: " + "; ".join(lacks), _RESTART)
    says = "the agent leaves no core dump"
    return ok("memory", says + (", no debugger" if facts["debuggers_off"] else ""))


def _swap() -> Finding:
    try:
        lines = _SWAPS.read_text(encoding="ascii", errors="replace").splitlines()[1:]
    except OSError:
        return ok("swap", "not told by this system")
    # In memory itself (zram), or behind a device mapper, which is where dm-crypt is.
    plain = [each.split()[0] for each in lines if "zram" not in each.split()[0]]
    plain = [each for each in plain if not each.startswith("/dev/dm-")]
    if plain:
        return note(
            "swap",
            f"memory may be written to {', '.join(plain)}",
            "encrypt the swap space, or switch it off: swapoff -a",
        )
    return ok("swap", "none that is plainly on a disk")
