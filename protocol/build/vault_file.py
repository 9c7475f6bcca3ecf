"""Vectors of protocol/vault-file.md: headers, device secrets, sealed rows."""

from __future__ import annotations

import hashlib

from argon2.low_level import Type, hash_secret_raw

from protocol.build.common import Cases, Cbor, Randomness, cases, cbor, flipped, head
from protocol.build.hpke import wrap_public
from protocol.build.suite import derive, ed25519_public, encrypt0

# As cheap as the reader of these vectors is told to allow.
_CHEAP = [64, 1, 1]
_LIMITS = {"floor": _CHEAP, "ceiling": [1024, 4, 4]}
_TYPED = "clé de voûte"


def build() -> None:
    """Write every case of the page."""
    with cases("vault-file") as write:
        _headers(write)
        _secrets(write)
        _rows(write)


class _World:
    """A device, its vault, and the header of its file."""

    def __init__(self) -> None:
        random = Randomness("vault-file")
        self.signing, self.wrapping, self.log = random(32), random(96), random(32)
        self.storage, self.salt, self.nonce = random(32), random(16), random(24)
        self.cosign = random(32)
        self.keyring = random(32)
        self.keys: dict[int, Cbor] = {
            1: ed25519_public(self.signing),
            2: wrap_public(self.wrapping),
            3: ed25519_public(self.log),
            4: ed25519_public(self.cosign),
        }
        named = hashlib.sha256(b"clisk/1/device-id" + cbor(self.keys)).digest()
        self.device = named[:16]
        self.header: dict[int, Cbor] = {
            1: 1,
            2: 1,
            3: random(32),
            4: self.device,
            5: _CHEAP,
            6: self.salt,
            7: False,
        }
        self.secrets: dict[int, Cbor] = {
            1: self.signing,
            2: self.wrapping,
            3: self.storage,
            4: self.keys,
            5: self.cosign,
        }

    def unlock_key(self, passphrase: str, *, keyring: bytes = b"") -> bytes:
        """Return the key that opens the device secrets."""
        memory, passes, lanes = _CHEAP
        stretched = hash_secret_raw(
            passphrase.encode(), self.salt, passes, memory, lanes, 32, Type.ID
        )
        return derive(stretched, "clisk/1/unlock-key", keyring)

    def seal(self, key: bytes, header: bytes, plaintext: bytes) -> bytes:
        """Return the device secrets sealed under *key* for *header*."""
        return encrypt0(
            key,
            plaintext,
            label="clisk/1/device-secrets",
            context=header,
            nonce=self.nonce,
        )


def _headers(write: Cases) -> None:
    world = _World()

    def case(name: str, says: str, header: bytes, result: str) -> None:
        write(
            f"header-{name}",
            spec="vault-file.md §2.1",
            says=says,
            kind="header",
            header=header,
            limits=_LIMITS,
            result=result,
        )

    def changed(name: str, says: str, change: dict[int, Cbor], result: str) -> None:
        case(name, says, cbor({**world.header, **change}), result)

    whole = cbor(world.header)
    case("whole", "a header as this version writes it", whole, "ok")
    changed("keyring", "a keyring secret takes part", {7: True}, "ok")
    changed("ceiling", "the dearest profile allowed", {5: [1024, 4, 4]}, "ok")
    changed("format", "a format that nobody knows yet", {1: 2}, "unsupported")
    changed("suite", "another suite: nothing is negotiated", {2: 2}, "unsupported")
    later = cbor({1: 2, 2: 1, 99: b"other keys"})
    case("later", "a later format, whatever its keys", later, "unsupported")
    changed("suite-0", "no suite below the first", {2: 0}, "unsupported")
    changed("format-text", "a format number as text", {1: "1"}, "malformed")
    changed("unknown", "a key that format 1 does not have", {8: 1}, "malformed")
    changed("short-vault", "a vault id of 31 bytes", {3: bytes(31)}, "malformed")
    changed("short-device", "a device id of 15 bytes", {4: bytes(15)}, "malformed")
    changed("short-salt", "a salt of 8 bytes", {6: bytes(8)}, "malformed")
    changed("profile-two", "a profile of two numbers", {5: [64, 1]}, "malformed")
    changed(
        "profile-four", "a profile of four numbers", {5: [64, 1, 1, 1]}, "malformed"
    )
    changed("negative", "a negative cost", {5: [64, -1, 1]}, "malformed")
    changed("huge-number", "a cost of 2³²", {5: [1 << 32, 1, 1]}, "malformed")
    changed("flag", "a flag that is a number", {7: 0}, "malformed")
    without = cbor({key: v for key, v in world.header.items() if key != 6})
    case("no-salt", "a header without a salt", without, "malformed")
    case("cut", "a header one byte short", whole[:-1], "malformed")
    case("more", "a byte after the header", whole + b"\0", "malformed")
    case("empty", "no header at all", b"", "malformed")
    case("not-a-map", "an array", cbor([1, 1]), "malformed")
    # {1: 1, …} with the first value in two bytes.
    wide = whole[:2] + head(0, 1, width=1) + whole[3:]
    case("wide", "a number not in its shortest spelling", wide, "malformed")
    for name, cost in (
        ("memory-low", [63, 1, 1]),
        ("passes-none", [64, 0, 1]),
        ("lanes-none", [64, 1, 0]),
        ("memory-high", [1025, 1, 1]),
        ("passes-high", [64, 5, 1]),
        ("lanes-high", [64, 1, 5]),
    ):
        says = "a profile outside the reader's limits"
        changed(name, says, {5: list(cost)}, "too costly")


def _secrets(write: Cases) -> None:
    world = _World()
    header, plaintext = cbor(world.header), cbor(world.secrets)
    key = world.unlock_key(_TYPED)
    sealed = world.seal(key, header, plaintext)

    def case(name: str, says: str, result: str, **over: bytes | str) -> None:
        write(
            name,
            spec="vault-file.md §2.2",
            says=says,
            kind="secrets",
            header=over.get("header", header),
            passphrase=over.get("passphrase", _TYPED),
            keyring=over.get("keyring", b""),
            sealed=over.get("sealed", sealed),
            limits=_LIMITS,
            unlock_key=over.get("unlock_key", key) if result == "ok" else b"",
            secrets=plaintext if result == "ok" else b"",
            result=result,
        )

    case("unlocks", "the passphrase opens the device secrets", "ok")
    with_keyring = cbor({**world.header, 7: True})
    key2 = world.unlock_key(_TYPED, keyring=world.keyring)
    over: dict[str, bytes | str] = {
        "header": with_keyring,
        "keyring": world.keyring,
        "sealed": world.seal(key2, with_keyring, plaintext),
    }
    case(
        "unlocks-with-keyring", "passphrase and keyring", "ok", unlock_key=key2, **over
    )
    over["keyring"] = bytes(32)
    case("wrong-keyring", "another keyring secret", "wrong key", **over)
    typo: dict[str, bytes | str] = {"passphrase": "Clé de voûte"}
    case("wrong-passphrase", "another passphrase", "wrong key", **typo)
    salted = cbor({**world.header, 6: bytes(16)})
    case("changed-salt", "a changed salt makes another key", "wrong key", header=salted)
    dearer = cbor({**world.header, 5: [64, 2, 1]})
    case("changed-profile", "so does a changed profile", "wrong key", header=dearer)
    elsewhere = cbor({**world.header, 3: bytes(32)})
    says = "a header moved to another vault"
    case("changed-vault", says, "tampered", header=elsewhere)
    renamed = cbor({**world.header, 4: bytes(16)})
    case("changed-device", "a header of another device", "tampered", header=renamed)
    flip = flipped(sealed, -1)
    case("flipped", "one bit of the sealed secrets changed", "tampered", sealed=flip)
    case("cut", "sealed secrets one byte short", "malformed", sealed=sealed[:-1])
    case("empty", "no sealed secrets", "malformed", sealed=b"")
    foreign = world.seal(key, renamed, plaintext)
    says = "secrets of another device than the header names"
    case("other-device", says, "tampered", header=renamed, sealed=foreign)
    for name, says, change in (
        (
            "other-signing-key",
            "a signing key that is not the public one's",
            {1: bytes(32)},
        ),
        (
            "other-wrapping-key",
            "a wrapping key that is not the public one's",
            {2: bytes(96)},
        ),
        (
            "other-cosign-key",
            "a cosign key that is not the public one's",
            {5: bytes(32)},
        ),
        ("unknown-secret", "a key that format 1 does not have", {6: b""}),
        ("short-storage-key", "a storage key of 31 bytes", {3: bytes(31)}),
    ):
        spoilt = world.seal(key, header, cbor({**world.secrets, **change}))
        case(name, says, "malformed", sealed=spoilt)


def _rows(write: Cases) -> None:
    world = _World()
    vault, plaintext = Randomness("row")(32), b"an epoch secret, of 32 bytes...."
    nonce, row = world.nonce, (1).to_bytes(4)
    key = derive(world.storage, "clisk/1/local-key", b"epoch")
    context = cbor([vault, "epoch", row])
    sealed = encrypt0(
        key, plaintext, label="clisk/1/local-row", context=context, nonce=nonce
    )

    def case(name: str, says: str, result: str, **over: bytes | str) -> None:
        write(
            f"row-{name}",
            spec="vault-file.md §4",
            says=says,
            kind="row",
            storage_key=over.get("storage_key", world.storage),
            vault=over.get("vault", vault),
            table=over.get("table", "epoch"),
            row=over.get("row", row),
            sealed=over.get("sealed", sealed),
            plaintext=plaintext if result == "ok" else b"",
            result=result,
        )

    case("opens", "a row in its own place", "ok")
    case("other-row", "a row moved to another", "tampered", row=(2).to_bytes(4))
    case("other-table", "a row moved to another table", "tampered", table="item")
    case("other-vault", "a row moved to another vault", "tampered", vault=bytes(32))
    says = "a row of another device"
    case("other-device", says, "tampered", storage_key=bytes(32))
    flip = flipped(sealed, -1)
    case("flipped", "one bit of a row changed", "tampered", sealed=flip)
    case("cut", "a row one byte short", "malformed", sealed=sealed[:-1])
