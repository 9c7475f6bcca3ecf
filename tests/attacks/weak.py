"""Each attack on the weak model: what the attacker does, and what it gets."""

from __future__ import annotations

import hashlib
import json
import zlib
from contextlib import suppress

from nacl.public import PrivateKey, SealedBox

from clisk_sync.errors import TransportError
from tests.attacks.evil_relay import EvilRelay, says
from tests.attacks.weak_model import (
    CBC,
    PASSWORD,
    WeakServer,
    WeakVault,
    fields_of,
    padding_oracle,
    seal_to,
    unseal,
    with_fields,
)

_LOGIN = {"title": "bank", "uri": "https://bank.example", "password": "s3cret-Pa55"}


def _vault(server: WeakServer, *items: dict[str, str]) -> WeakVault:
    vault = WeakVault(server)
    for item in items or (_LOGIN,):
        vault.write(item)
    assert vault.sync() == [*(items or (_LOGIN,))]
    return vault


def _opens(server: WeakServer, mine: PrivateKey) -> bytes:
    """Return the key that the client encrypted to the attacker's."""
    return SealedBox(mine).decrypt(server.relay.transcript[-1])


def _reads_all(server: WeakServer, key: bytes) -> str:
    sealed = fields_of(server.rows[0])["password"]
    assert unseal(key, sealed).decode() == _LOGIN["password"]
    return "every item read"


def enrols(server: WeakServer) -> str:
    """BW01."""
    vault, mine, relay = _vault(server), PrivateKey.generate(), server.relay
    relay.lie("auto-enrol", says(b"true"))
    relay.lie("org key", relay.inject_member(bytes(mine.public_key)), lambda r: r[1:])
    vault.accept_invitation()
    return _reads_all(server, _opens(server, mine))


def rotates_to_all_listed(server: WeakServer) -> str:
    """BW02."""
    vault, mine, relay = _vault(server), PrivateKey.generate(), server.relay
    relay.lie("records", relay.inject_member(bytes(mine.public_key)))
    vault.rotate()
    assert _opens(server, mine) == vault.user_key
    return "the new key"


def sends_its_key_away(server: WeakServer) -> str:
    """BW03."""
    vault, relay = _vault(server), server.relay
    relay.lie("key connector", relay.downgrade(says(b"https://evil.example")))
    master = vault.log_in()
    assert vault.fetched[-1] == "https://evil.example"
    assert relay.transcript[-1] == master
    return "the master key"


def wraps_to_admins(server: WeakServer) -> str:
    """LP01."""
    vault, mine, relay = _vault(server), PrivateKey.generate(), server.relay
    relay.lie("admins", relay.inject_member(bytes(mine.public_key)), lambda r: r[1:])
    vault.log_in()
    return _reads_all(server, _opens(server, mine))


def wraps_to_the_recovery_group(server: WeakServer) -> str:
    """1P01."""
    vault, mine, relay = _vault(server), PrivateKey.generate(), server.relay
    key = bytes(mine.public_key)
    relay.lie("recovery group", relay.inject_member(key), lambda rows: rows[1:])
    vault.create_vault()
    # The last word of the client is the item, the one before it the wrapped key.
    opened = SealedBox(mine).decrypt(relay.transcript[-2])
    title = unseal(opened, fields_of(server.rows[-1])["title"])
    assert title == b"in the new vault"
    return "the new vault"


def shows_and_takes_metadata(server: WeakServer) -> str:
    """BW04, LP06."""
    vault, relay = _vault(server), server.relay
    seen = json.loads(server.rows[0])
    assert (seen["type"], seen["date"]) == ("login", "2024-05-01")
    at = server.rows[0].index(b"2024")
    relay.lie("envelopes", relay.bitflip(0, at))
    assert b"3024-05-01" in server.list()[0]
    assert vault.sync() == [_LOGIN], "and nothing is noticed"
    return "types and dates read, dates changed"


def swaps_fields(server: WeakServer) -> str:
    """BW05."""
    other = {"title": "other", "uri": "https://o.example", "password": "0ther"}
    vault, relay = _vault(server, _LOGIN, other), server.relay
    # Whole items, and then two fields of one.
    relay.lie("envelopes", relay.swap(0, 1))
    assert vault.sync() == [other, _LOGIN]
    fields = fields_of(server.rows[0])
    server.rows[0] = with_fields(
        server.rows[0], title=fields["password"], password=fields["title"]
    )
    assert vault.sync()[1]["title"] == _LOGIN["password"]
    return "a password shown as a title"


def swaps_fields_without_tag(server: WeakServer) -> str:
    """LP02."""
    server.answers["suite"] = b"cbc"
    return swaps_fields(server)


def fetches_the_password(server: WeakServer) -> str:
    """BW06, LP03."""
    vault, relay = _vault(server, _LOGIN, _LOGIN), server.relay
    server.rows[0] = with_fields(
        server.rows[0], uri=fields_of(server.rows[0])["password"]
    )
    relay.lie("envelopes", relay.swap(0, 1))
    vault.sync()
    assert vault.fetched[-1] == _LOGIN["password"]
    return "the password in a request for an icon"


def stretches_once(server: WeakServer) -> str:
    """BW07, LP04, 1P04, DL04."""
    vault, relay = _vault(server), server.relay
    relay.lie("kdf", relay.downgrade(says(b"1")))
    vault.log_in()
    heard = relay.transcript[-1]

    def hashed(guess: str) -> bytes:
        raw = guess.encode()
        master = hashlib.pbkdf2_hmac("sha256", raw, b"salt", 1)
        return hashlib.sha256(master + raw).digest()

    guesses = (f"hunter{number}" for number in range(1000))
    assert next(guess for guess in guesses if hashed(guess) == heard) == PASSWORD
    return "the password, at one iteration a guess"


def flips_a_letter(server: WeakServer) -> str:
    """LP05."""
    server.answers["suite"] = b"cbc"
    vault, relay = _vault(server), server.relay
    # The hex of the vector of the title: what is flipped there flips the text.
    title = fields_of(server.rows[0])["title"].hex().encode()
    at = server.rows[0].index(title) + 3
    digit = server.rows[0][at : at + 1]
    mask = digit[0] ^ f"{int(digit, 16) ^ 1:x}".encode()[0]
    relay.lie("envelopes", relay.bitflip(0, at, mask))
    assert vault.sync()[0]["title"] == "cank"
    return "another title"


def drops_and_repeats(server: WeakServer) -> str:
    """DL01, 1P02."""
    items = [dict(_LOGIN, title=title) for title in "abc"]
    vault, relay = _vault(server, *items), server.relay
    a, b, c = items
    relay.lie("envelopes", relay.drop(1))
    assert vault.sync() == [a, c]
    relay.lie("envelopes", relay.duplicate(0))
    assert vault.sync() == [a, a, b, c]
    relay.lie("envelopes", relay.reorder())
    assert vault.sync() == [c, b, a]
    return "items gone and doubled, in silence"


def takes_any_vault_key(server: WeakServer) -> str:
    """1P03, 1P06, BW08."""
    vault, relay, mine = _vault(server), server.relay, bytes(range(32))
    forged = seal_to(bytes(vault.secret.public_key), mine)
    relay.lie("vault keys", relay.inject_ciphertext(forged))
    vault.take_keys()
    vault.write({"title": "written later"})
    title = unseal(mine, fields_of(server.rows[-1])["title"])
    assert title == b"written later"
    return "all that is written from then on"


def reads_another_key_back(server: WeakServer) -> str:
    """BW09."""
    return takes_any_vault_key(server)


def shares_with_the_server(server: WeakServer) -> str:
    """LP07, DL02, 1P05."""
    vault, mine, relay = _vault(server), PrivateKey.generate(), server.relay
    theirs = bytes(PrivateKey.generate().public_key)
    server.answers["key of bob"] = theirs
    relay.lie("key of bob", relay.substitute_key(theirs, bytes(mine.public_key)))
    vault.share_with("bob")
    return _reads_all(server, _opens(server, mine))


def uses_one_key(server: WeakServer) -> str:
    """BW10."""
    vault, relay = _vault(server), server.relay
    before = vault.per_item_keys
    relay.lie("version", relay.downgrade(says(b"2023.1.0")))
    vault.write(_LOGIN)
    assert (before, vault.per_item_keys) == (True, False)
    return "no item has a key of its own any more"


def takes_a_null_key(server: WeakServer) -> str:
    """BW11."""
    vault, relay = _vault(server), server.relay
    relay.lie("user key", relay.downgrade(says(b"null")))
    vault.log_in()
    vault.write({"title": "written later"})
    title = unseal(bytes(32), fields_of(server.rows[-1])["title"])
    assert title == b"written later"
    return "all that is written from then on"


def writes_without_tag(server: WeakServer) -> str:
    """DL05."""
    vault, relay = _vault(server), server.relay
    relay.lie("suite", relay.downgrade(says(b"cbc")))
    vault.write({"title": "bank"})
    assert fields_of(server.rows[-1])["title"][0] == CBC
    return "items whose bits can be flipped"


def decrypts_without_tag(server: WeakServer) -> str:
    """BW12."""
    vault, relay = _vault(server), server.relay
    sealed = fields_of(server.rows[0])["password"]
    untagged = with_fields(server.rows[0], password=bytes([CBC]) + sealed[1:-32])
    relay.lie("envelopes", relay.downgrade(says(untagged)))
    assert vault.sync() == [_LOGIN], "the first byte says which check is left out"
    return "a padding oracle for every field"


def is_a_padding_oracle(server: WeakServer) -> str:
    """DL03: thousands of syncs, and the password is known without any key."""
    vault, relay = _vault(server), server.relay
    relay.lie("envelopes", relay.bitflip(0, 0))
    vault.sync()
    assert relay.transcript[-1] == b"error: other"
    relay.behave()
    row, sealed = server.rows[0], fields_of(server.rows[0])["password"][1:-32]

    def ask(body: bytes) -> bool:
        server.rows[0] = with_fields(row, password=bytes([CBC]) + body)
        heard = len(relay.transcript)
        vault.sync()
        return b"error: padding" not in relay.transcript[heard:]

    plain = padding_oracle(sealed[16:32], ask)
    text = bytes(one ^ other for one, other in zip(plain, sealed[:16], strict=True))
    assert text[: len(_LOGIN["password"])].decode() == _LOGIN["password"]
    return "the password, without a key"


def takes_64_letters_for_a_key(server: WeakServer) -> str:
    """DL06."""
    vault = WeakVault(server, password="correct horse battery staple " + "x" * 35)
    assert len(vault.password) == 64
    assert vault.log_in() == vault.password.encode()[:32]
    return "half of the password is the key"


# attacks.md 3.1: these clients keep nothing, so nothing can disagree


def rolls_back(server: WeakServer) -> str:
    """Any older state is the newest."""
    items = [dict(_LOGIN, title=title) for title in "ab"]
    vault, relay = _vault(server, *items), server.relay
    relay.lie("envelopes", relay.roll_back(1))
    assert vault.sync() == items[:1]
    return "the older state, in silence"


def rolls_back_for_a_newcomer(server: WeakServer) -> str:
    """A new client knows of nothing that it should find."""
    items = [dict(_LOGIN, title=title) for title in "ab"]
    vault, relay = _vault(server, *items), server.relay
    relay.lie("envelopes", relay.roll_back(1))
    assert WeakVault(server, user_key=vault.user_key).sync() == items[:1]
    return "the older state, in silence"


def delays(server: WeakServer) -> str:
    """News comes when the server likes, and looks new then."""
    items = [dict(_LOGIN, title=title) for title in "ab"]
    vault, relay = _vault(server, *items), server.relay
    relay.lie("envelopes", relay.delay(1))
    assert vault.sync() == items[:1]
    relay.behave()
    assert vault.sync() == items
    return "yesterday's password, taken for today's"


def lies_about_the_time(server: WeakServer) -> str:
    """An old value that the server dated 9999 is the newest for ever."""
    vault, relay = WeakVault(server), server.relay
    relay.lie("time", relay.lie_about_time())
    vault.write({"title": "bank", "password": "old"})
    relay.behave()
    vault.write({"title": "bank", "password": "changed"})
    assert vault.newest()["password"] == "old"
    return "an old password that no edit replaces"


def loses_or_doubles(server: WeakServer) -> str:
    """A client that tries again without saying that it does."""
    vault, relay = _vault(server), server.relay
    for lost, count in (("request", 1), ("answer", 3)):
        relay.disconnect_mid_write("append", lost=lost)
        with suppress(TransportError):
            vault.write({"title": "new"})
        if lost == "answer":
            vault.write({"title": "new"})
        assert len(vault.sync()) == count
    return "an item lost, another one twice"


def splices(server: WeakServer) -> str:
    """Nothing says what an item builds on: any row fits behind any other."""
    vault, relay = _vault(server), server.relay
    thief = WeakVault(WeakServer(EvilRelay()), user_key=vault.user_key)
    thief.write({"title": "from another history"})
    relay.lie("envelopes", relay.fork(1, thief.server.rows[0]))
    assert vault.sync() == [_LOGIN, {"title": "from another history"}]
    return "two histories made into one, in silence"


def takes_a_copy_for_the_original(server: WeakServer) -> str:
    """A backup that is put back writes on as if nothing had happened."""
    vault = _vault(server)
    copy = WeakVault(server, user_key=vault.user_key)
    vault.write({"title": "by the original"})
    copy.write({"title": "by the copy"})
    assert len(vault.sync()) == 3
    return "two devices that pass for one"


def goes_on_after_it_was_removed(server: WeakServer) -> str:
    """Clients issue 14919: sessions are deauthorized, and the key is what it was."""
    vault = _vault(server)
    removed = WeakVault(server, user_key=vault.user_key)
    vault.deauthorize()
    vault.write({"title": "after the removal"})
    assert removed.sync()[-1] == {"title": "after the removal"}
    elsewhere = WeakVault(WeakServer(EvilRelay()), user_key=removed.user_key)
    elsewhere.write({"title": "by the removed device"})
    relay = server.relay
    relay.lie("envelopes", relay.fork(len(server.rows), *elsewhere.server.rows))
    assert vault.sync()[-1] == {"title": "by the removed device"}
    return "all that is written from then on, and a pen"


def forks(server: WeakServer) -> str:
    """Two clients are shown two histories."""
    items = [dict(_LOGIN, title=title) for title in "ab"]
    first, relay = _vault(server, *items), server.relay
    second = WeakVault(server, user_key=first.user_key)
    assert first.sync() == items
    relay.lie("envelopes", relay.fork(1))
    assert second.sync() == items[:1]
    return "two histories, in silence"


def withholds(server: WeakServer) -> str:
    """What is kept back was never there."""
    items = [dict(_LOGIN, title=title) for title in "ab"]
    vault, relay = _vault(server, *items), server.relay
    relay.lie("envelopes", relay.withhold(1))
    for _ in range(3):
        assert vault.sync() == items[:1]
    return "old news for ever, in silence"


def replays(server: WeakServer) -> str:
    """What was deleted, or replaced, comes back."""
    vault, relay = _vault(server), server.relay
    old = server.rows[0]
    server.rows.clear()
    vault.write({"title": "bank", "password": "changed"})
    relay.lie("envelopes", relay.old_instead(0, old))
    assert vault.sync() == [_LOGIN]
    return "the old password, as the newest"


def equivocates(server: WeakServer) -> str:
    """A thief of the key writes two items for one place; each client gets one."""
    vault, relay = _vault(server), server.relay
    elsewhere = WeakServer(EvilRelay())
    thief = WeakVault(elsewhere, user_key=vault.user_key)
    for title in ("for one", "for the other"):
        thief.write({"title": title})
    told = []
    for row in elsewhere.rows:
        relay.lie("envelopes", relay.fork(1, row))
        told.append(WeakVault(server, user_key=vault.user_key).sync()[1]["title"])
    assert told == ["for one", "for the other"]
    return "two truths, in silence"


def tells_by_sizes(server: WeakServer) -> str:
    """A ciphertext is as long as what is in it, to sixteen bytes."""
    lengths = []
    for password in ("short", "a much longer password than that one"):
        WeakVault(server).write({"password": password})
        lengths.append(len(fields_of(server.rows[-1])["password"]))
    assert lengths[1] - lengths[0] == 32
    # Compressed first, a text that repeats a secret is shorter: guesses are checked.
    secret = "s3cret-Pa55word"
    right, wrong = (
        len(zlib.compress(f"{secret} {guess}".encode()))
        for guess in (secret, "another-guess-1")
    )
    assert right < wrong
    return "how long each password is, and with compression what it is"


# attacks.md 3.3, by what the server says; the rest is in weak_pairing.py


def pairs_by_the_server(server: WeakServer) -> str:
    """Who answers in the newcomer's place gets the key."""
    vault, mine, relay = _vault(server), PrivateKey.generate(), server.relay
    theirs = bytes(PrivateKey.generate().public_key)
    server.answers["key of newcomer"] = theirs
    relay.lie("key of newcomer", relay.substitute_key(theirs, bytes(mine.public_key)))
    vault.share_with("newcomer")
    return _reads_all(server, _opens(server, mine))


def takes_a_silent_member(server: WeakServer) -> str:
    """BW02 again: whom the server lists is a member."""
    return rotates_to_all_listed(server)
