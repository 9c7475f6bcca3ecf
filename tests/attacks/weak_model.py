"""A vault as weak as those of 2024 were: the positive control of each attack.

One key, fields sealed one by one without their place, keys, parameters, policies
and versions from the server, an icon fetched for each address. Each weakness is
one that the study of 2026 (ePrint 2026/058) describes; nothing here is ours.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from nacl.public import PrivateKey, PublicKey, SealedBox

from tests.attacks.evil_relay import EvilRelay

CBC, CBC_HMAC = 0, 2
PASSWORD = "hunter2"
_NULL_KEY = bytes(32)


class PaddingError(Exception):
    """Told apart from a wrong tag: that is the oracle."""


def seal(key: bytes, text: bytes, *, kind: int = CBC_HMAC) -> bytes:
    """Return kind, vector, ciphertext and tag: bound to no place."""
    iv = os.urandom(16)
    padder = padding.PKCS7(128).padder()
    padded = padder.update(text) + padder.finalize()
    worker = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    body = iv + worker.update(padded) + worker.finalize()
    tag = hmac.digest(key, body, "sha256") if kind == CBC_HMAC else b""
    return bytes([kind]) + body + tag


def unseal(key: bytes, sealed: bytes) -> bytes:
    """Open in whatever way the first byte asks for.

    Raises:
        PaddingError, ValueError: told apart.
    """
    kind, body = sealed[0], sealed[1:]
    if kind == CBC_HMAC:
        body, tag = body[:-32], body[-32:]
        if hmac.digest(key, body, "sha256") != tag:
            raise ValueError("tag")
    worker = Cipher(algorithms.AES(key), modes.CBC(body[:16])).decryptor()
    padded = worker.update(body[16:]) + worker.finalize()
    unpadder = padding.PKCS7(128).unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise PaddingError from None


def seal_to(public: bytes, text: bytes) -> bytes:
    """Encrypt to a public key: anybody can, and nobody is named."""
    return SealedBox(PublicKey(public)).encrypt(text)


@dataclass
class WeakServer:
    """What a server keeps for such a client, given out by an evil relay."""

    relay: EvilRelay
    rows: list[bytes] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)

    def ask(self, name: str) -> bytes:
        """Return the server's answer."""
        (answer,) = self.relay.give(name, [self.answers.get(name, b"")])
        return answer

    def list(self, name: str = "envelopes") -> list[bytes]:
        """Return the rows there are."""
        return self.relay.give(name, list(self.rows) if name == "envelopes" else [])

    def send(self, data: bytes) -> None:
        """Hear what the client says."""
        self.relay.hear(data)

    def store(self, row: bytes) -> None:
        """Keep one more row; the connection may be cut before it, or after."""
        self.relay.hear(row, "append")
        self.rows.append(row)
        self.relay.heard("append")


@dataclass
class WeakVault:
    """A client that keeps nothing between two runs and believes its server."""

    server: WeakServer
    password: str = PASSWORD
    user_key: bytes = field(default_factory=lambda: os.urandom(32))
    secret: PrivateKey = field(default_factory=PrivateKey.generate)
    per_item_keys: bool = True
    # Where else it has been: hosts of icons, addresses that keys were sent to.
    fetched: list[str] = field(default_factory=list)

    def log_in(self) -> bytes:
        """Send a hash of the password, made as the server says; return the key."""
        rounds = int(self.server.ask("kdf") or b"300000")
        raw = self.password.encode()
        if len(raw) == 64 or self.server.ask("suite") == b"noderivation":
            master = raw.ljust(64, b"\0")[:32]
        else:
            master = hashlib.pbkdf2_hmac("sha256", raw, b"salt", rounds)
        self.server.send(hashlib.sha256(master + raw).digest())
        for admin in _keys(self.server.ask("admins")):
            self.server.send(seal_to(admin, self.user_key))
        if address := self.server.ask("key connector"):
            self.fetched.append(address.decode())
            self.server.send(master)
        sealed = self.server.ask("user key")
        if sealed == b"null":
            self.user_key = _NULL_KEY
        return master

    def accept_invitation(self) -> None:
        """Join an organisation, and enrol where its policy says so."""
        if self.server.ask("auto-enrol") == b"true":
            self.server.send(seal_to(self.server.ask("org key"), self.user_key))

    def rotate(self) -> None:
        """Begin a new key, for everybody whom the server lists."""
        self.user_key = os.urandom(32)
        for public in self.server.list("records") or []:
            self.server.send(seal_to(public, self.user_key))

    def deauthorize(self) -> None:
        """End all other sessions, as far as the server is asked to."""
        self.server.send(b"deauthorize sessions")

    def create_vault(self) -> None:
        """Make a further vault, with the recovery group able to open it."""
        key = os.urandom(32)
        self.server.send(seal_to(self.server.ask("recovery group"), key))
        self.write({"title": "in the new vault"}, key=key)

    def take_keys(self) -> None:
        """Use the newest key that is encrypted to this client."""
        for row in self.server.list("vault keys"):
            self.user_key = SealedBox(self.secret).decrypt(row)

    def share_with(self, name: str) -> None:
        """Share with somebody whose key the server knows."""
        self.server.send(seal_to(self.server.ask(f"key of {name}"), self.user_key))

    def write(
        self, fields: dict[str, str], *, reprompt: bool = True, key: bytes = b""
    ) -> None:
        """Store an item."""
        kind = CBC if self.server.ask("suite") == b"cbc" else CBC_HMAC
        self.per_item_keys = self.server.ask("version") in {b"", b"2024.2.0"}
        key = key or self.user_key
        row = {
            "type": "login",
            # The server's clock is the client's.
            "date": self.server.ask("time").decode() or "2024-05-01",
            "reprompt": reprompt,
            "fields": {
                name: seal(key, text.encode(), kind=kind).hex()
                for name, text in fields.items()
            },
        }
        data = json.dumps(row).encode()
        self.server.store(data)

    def newest(self) -> dict[str, str]:
        """Return the item that is dated last: what a conflict is settled by."""
        dates = [json.loads(row)["date"] for row in self.server.list()]
        return self.sync()[dates.index(max(dates))]

    def sync(self) -> list[dict[str, str]]:
        """Return all items as the server has them; say what went wrong."""
        items = []
        for row in self.server.list():
            try:
                item = json.loads(row)
                items.append(
                    {
                        name: unseal(self.user_key, bytes.fromhex(sealed)).decode(
                            errors="replace"
                        )
                        for name, sealed in item["fields"].items()
                    }
                )
            except PaddingError:
                self.server.send(b"error: padding")
            except ValueError:
                self.server.send(b"error: other")
            else:
                if "uri" in items[-1]:
                    self.fetched.append(items[-1]["uri"])
        return items


def fields_of(row: bytes) -> dict[str, bytes]:
    """Return the sealed fields of a row, as its server sees them."""
    return {
        name: bytes.fromhex(sealed)
        for name, sealed in json.loads(row)["fields"].items()
    }


def with_fields(row: bytes, **changed: bytes) -> bytes:
    """Return the row with other sealed fields: what a server may always do."""
    item = json.loads(row)
    item["fields"] |= {name: sealed.hex() for name, sealed in changed.items()}
    return json.dumps(item).encode()


def padding_oracle(block: bytes, ask: Callable[[bytes], bool]) -> bytes:
    """Return what *block* decrypts to before chaining (Vaudenay, 2002).

    *ask* tells whether vector and block have a right padding.
    """
    known = bytearray(16)
    for at in range(15, -1, -1):
        pad = 16 - at
        tail = bytes(each ^ pad for each in known[at + 1 :])
        for guess in range(256):
            head = os.urandom(at)
            if ask(head + bytes([guess]) + tail + block) and (
                at < 15 or ask(bytes(15) + bytes([guess]) + block)
            ):
                known[at] = guess ^ pad
                break
    return bytes(known)


def _keys(answer: bytes) -> list[bytes]:
    return [answer[at : at + 32] for at in range(0, len(answer), 32)]
