"""A link between two devices as weak as some were: the control of each pairing attack.

A code on the screen that names the vault, and a member that answers whoever knocks:
no end, no count, no screen that has to be open, digits that do not bind.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

from nacl.public import PrivateKey, SealedBox

from tests.attacks.evil_relay import EvilRelay
from tests.attacks.weak_model import WeakServer, WeakVault, fields_of, seal_to, unseal

_LOGIN = {"title": "bank", "uri": "https://bank.example", "password": "s3cret-Pa55"}
_DAY_SECONDS = 86_400
_CODES = 10_000


@dataclass
class WeakMember:
    """The device that is linked to."""

    server: WeakServer
    vault: WeakVault
    now: int = 0
    linked: list[bytes] = field(default_factory=list)

    def show(self) -> bytes:
        """Return what the picture on the screen says."""
        return hashlib.sha256(self.vault.user_key).digest()[:16]

    def answer(self, code: bytes, public: bytes) -> None:
        """Seal the vault's key to whoever knows the code."""
        if code == self.show():
            self.linked.append(public)
            self.server.send(seal_to(public, self.vault.user_key))

    def enter(self, digits: str) -> bool:
        """Take the digits, as often as somebody likes."""
        code = int.from_bytes(self.vault.user_key[:4]) % _CODES
        return digits == f"{code:04}"


def _member(server: WeakServer) -> WeakMember:
    vault = WeakVault(server)
    vault.write(_LOGIN)
    return WeakMember(server, vault)


def _knocks(member: WeakMember, code: bytes) -> str:
    """Link a device of the thief's, and read what it may."""
    mine = PrivateKey.generate()
    member.answer(code, bytes(mine.public_key))
    key = SealedBox(mine).decrypt(member.server.relay.transcript[-1])
    assert WeakVault(member.server, user_key=key).sync() == [_LOGIN]
    return "every item, on the thief's device"


def is_linked_twice(server: WeakServer) -> str:
    """The code that a phone has used serves the thief as well."""
    member = _member(server)
    code = member.show()
    member.answer(code, bytes(PrivateKey.generate().public_key))
    return _knocks(member, code)


def is_linked_late(server: WeakServer) -> str:
    """Yesterday's picture opens today."""
    member = _member(server)
    code = member.show()
    member.now += _DAY_SECONDS
    return _knocks(member, code)


def joins_the_thief(server: WeakServer) -> str:
    """The picture was the thief's: the phone writes into a vault of his."""
    thief = WeakMember(WeakServer(EvilRelay()), WeakVault(server))
    phone = PrivateKey.generate()
    thief.answer(thief.show(), bytes(phone.public_key))
    key = SealedBox(phone).decrypt(thief.server.relay.transcript[-1])
    victim = WeakVault(server, user_key=key)
    victim.write({"title": "bank", "password": "s3cret"})
    read = unseal(thief.vault.user_key, fields_of(server.rows[-1])["password"])
    assert read == b"s3cret"
    return "all that is written from then on"


def is_linked_by_a_photograph(server: WeakServer) -> str:
    """Who knocks first is in; the phone that comes after it is in as well."""
    member = _member(server)
    got = _knocks(member, member.show())
    phone = PrivateKey.generate()
    member.answer(member.show(), bytes(phone.public_key))
    assert SealedBox(phone).decrypt(server.relay.transcript[-1])
    return got


def links_two(server: WeakServer) -> str:
    """Two scan one code: both are in, and nobody is told."""
    member = _member(server)
    _knocks(member, member.show())
    got = _knocks(member, member.show())
    assert len(set(member.linked)) == 2
    return got


def links_unasked(server: WeakServer) -> str:
    """No screen is open: it answers all the same."""
    member = _member(server)
    # The code never changes, so it is known from a picture of long ago.
    return _knocks(member, hashlib.sha256(member.vault.user_key).digest()[:16])


def counts_no_guesses(server: WeakServer) -> str:
    """Four digits, and as many tries."""
    member = _member(server)
    tries = next(n for n in range(_CODES) if member.enter(f"{n:04}"))
    assert tries < _CODES
    return "the code, by trying all of them"


def links_by_digits_that_fit(server: WeakServer) -> str:
    """Digits of keys and nonces, the newcomer's nonce sent last and fixed by nothing.

    The one in the middle looks for one that makes both screens show the same.
    """
    ours, theirs = os.urandom(16), os.urandom(16)
    keys = {who: os.urandom(32) for who in ("phone", "thief", "member")}

    def digits(one: str, other: str, nonce: bytes, last: bytes) -> int:
        data = keys[one] + keys[other] + nonce + last
        return int.from_bytes(hashlib.sha256(data).digest()[:8]) % _CODES

    shown = digits("phone", "thief", os.urandom(16), theirs)
    tries = (at.to_bytes(16) for at in range(100 * _CODES))
    last = next(n for n in tries if digits("thief", "member", ours, n) == shown)
    assert digits("thief", "member", ours, last) == shown
    member = _member(server)
    return _knocks(member, member.show())
