"""Who is let in to a relay, and who is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from clisk_sync.login import sign_login
from clisk_sync.relay.auth import Authority, RelaySecret, now_ms
from clisk_sync.testing import Author
from clisk_vault.device import enrol
from clisk_vault.ids import DeviceId, VaultId
from tests.sync.relay_kit import Clock, Here, here, refusal_of


def _run(folder: Path, test: Callable[[Here], Awaitable[None]]) -> None:
    async def run() -> None:
        async with here(folder) as relay:
            await test(relay)

    asyncio.run(run())


def test_a_member_signs_in(tmp_path: Path) -> None:
    """A signed challenge gives a token that opens the member's vault."""

    async def test(relay: Here) -> None:
        family, token = await relay.found()
        answer = await relay.get(f"/v1/vaults/{family.vault.hex()}/records", token)
        assert answer.status_code == 200

    _run(tmp_path, test)


@pytest.mark.parametrize(
    "origin",
    ["http://impostor.example", "https://127.0.0.1:8470", "http://127.0.0.1:8471", ""],
)
def test_a_login_signed_for_another_relay_is_refused(
    tmp_path: Path, origin: str
) -> None:
    """An impostor who passes our challenge on gets a signature worth nothing here."""

    async def test(relay: Here) -> None:
        family, _ = await relay.found()
        answer = await relay.log_in(family.founder, origin=origin)
        assert (answer.status_code, refusal_of(answer)) == (401, "login-refused")

    _run(tmp_path, test)


def test_a_host_header_does_not_name_the_relay(tmp_path: Path) -> None:
    """An impostor who also sends its own Host header is refused just the same."""

    async def test(relay: Here) -> None:
        family, _ = await relay.found()
        founder = family.founder
        login = sign_login(
            founder.secrets.signing,
            device=founder.secrets.public.id,
            origin="http://impostor.example",
            vault=family.vault,
            challenge=await relay.challenge(),
        )
        answer = await relay.client.post(
            f"/v1/vaults/{family.vault.hex()}/tokens",
            content=login,
            headers={
                "Host": "impostor.example",
                "X-Forwarded-Host": "impostor.example",
                "Origin": "http://impostor.example",
            },
        )
        assert refusal_of(answer) == "login-refused"

    _run(tmp_path, test)


def test_a_challenge_is_answered_once(tmp_path: Path) -> None:
    """A login that was overheard cannot be played again."""

    async def test(relay: Here) -> None:
        family, _ = await relay.found()
        challenge = await relay.challenge()
        first = await relay.log_in(family.founder, challenge=challenge)
        second = await relay.log_in(family.founder, challenge=challenge)
        assert first.status_code == 200
        assert (second.status_code, refusal_of(second)) == (401, "login-refused")

    _run(tmp_path, test)


def test_an_old_challenge_is_refused(tmp_path: Path) -> None:
    """A challenge lives a minute."""

    async def run() -> None:
        clock = Clock()
        async with here(tmp_path, clock=clock) as relay:
            family, _ = await relay.found()
            challenge = await relay.challenge()
            clock.ms += 60_001
            answer = await relay.log_in(family.founder, challenge=challenge)
            assert refusal_of(answer) == "login-refused"

    asyncio.run(run())


def test_a_challenge_that_the_relay_did_not_make_is_refused(tmp_path: Path) -> None:
    """Made-up and changed challenges are refused, whoever signs them."""

    async def test(relay: Here) -> None:
        family, _ = await relay.found()
        good = await relay.challenge()
        for challenge in (bytes(56), good[:-1], bytes([good[0] ^ 1]) + good[1:]):
            answer = await relay.log_in(family.founder, challenge=challenge)
            assert refusal_of(answer) == "login-refused"

    _run(tmp_path, test)


def test_a_stranger_cannot_sign_in(tmp_path: Path) -> None:
    """A device that never was a member is refused, in its own or another's name."""

    async def test(relay: Here) -> None:
        family, _ = await relay.found()
        stranger = Author(enrol()[0], family.vault, family.epoch_secret)
        own = await relay.log_in(stranger)
        borrowed = await relay.log_in(stranger, device=family.founder.secrets.public.id)
        assert refusal_of(own) == "not-a-member"
        assert (borrowed.status_code, refusal_of(borrowed)) == (403, "bad-signature")

    _run(tmp_path, test)


def test_a_login_for_another_vault_is_refused(tmp_path: Path) -> None:
    """What was signed for one vault opens no other of the same device."""

    async def test(relay: Here) -> None:
        family, _ = await relay.found()
        answer = await relay.log_in(family.founder, vault=VaultId(bytes(32)))
        assert refusal_of(answer) == "login-refused"

    _run(tmp_path, test)


def test_a_token_opens_one_vault(tmp_path: Path) -> None:
    """A token of one vault is refused at another."""

    async def test(relay: Here) -> None:
        _, token = await relay.found()
        other, _ = await relay.found()
        answer = await relay.get(f"/v1/vaults/{other.vault.hex()}/records", token)
        assert (answer.status_code, refusal_of(answer)) == (401, "not-signed-in")

    _run(tmp_path, test)


def test_a_token_lives_ten_minutes(tmp_path: Path) -> None:
    """After ten minutes a device signs in anew."""

    async def run() -> None:
        clock = Clock()
        async with here(tmp_path, clock=clock) as relay:
            family, token = await relay.found()
            path = f"/v1/vaults/{family.vault.hex()}/records"
            clock.ms += 599_000
            assert (await relay.get(path, token)).status_code == 200
            clock.ms += 2_000
            assert refusal_of(await relay.get(path, token)) == "not-signed-in"

    asyncio.run(run())


def test_a_made_up_token_is_refused(tmp_path: Path) -> None:
    """No token, junk, a changed token, and a challenge in a token's place."""

    async def test(relay: Here) -> None:
        family, token = await relay.found()
        path = f"/v1/vaults/{family.vault.hex()}/records"
        challenge = (await relay.challenge()).hex()
        changed = ("0" if token[0] != "0" else "1") + token[1:]
        for bad in ("", "x", "00", changed, token[:-2], challenge, token + "00"):
            assert refusal_of(await relay.get(path, bad)) == "not-signed-in"

    _run(tmp_path, test)


def test_a_token_does_not_outlive_membership(tmp_path: Path) -> None:
    """A valid token of a device that is not a member opens nothing any more."""

    async def test(relay: Here) -> None:
        family, _ = await relay.found()
        record, phone = family.add()
        token, _ = await relay.relay.sessions.begin(
            await relay.challenge(),
            family.vault,
            phone.secrets.public.id,
            now=now_ms(),
        )
        vault = f"/v1/vaults/{family.vault.hex()}"
        answers = [
            await relay.get(f"{vault}/envelopes", token),
            await relay.get(f"{vault}/news?wait_ms=60000", token),
            await relay.get(f"{vault}/records", token),
            await relay.append(phone, token, phone.write()),
            await relay.post(f"{vault}/records", record, token),
        ]
        for answer in answers:
            assert (answer.status_code, refusal_of(answer)) == (403, "not-a-member")

    _run(tmp_path, test)


def test_a_token_of_another_relay_is_refused(tmp_path: Path) -> None:
    """Each database has a key of its own: what another relay gave opens nothing."""

    async def run() -> None:
        (tmp_path / "other").mkdir()
        async with here(tmp_path) as relay, here(tmp_path / "other") as other:
            family, token = await relay.found()
            await other.post("/v1/vaults", family.genesis)
            path = f"/v1/vaults/{family.vault.hex()}/records"
            assert refusal_of(await other.get(path, token)) == "not-signed-in"

    asyncio.run(run())


def test_a_token_outlives_a_restart(tmp_path: Path) -> None:
    """Another process on the same database knows the token that one gave."""

    async def run() -> None:
        async with here(tmp_path) as relay:
            family, token = await relay.found()
        async with here(tmp_path) as restarted:
            path = f"/v1/vaults/{family.vault.hex()}/records"
            assert (await restarted.get(path, token)).status_code == 200

    asyncio.run(run())


def test_a_thief_of_the_database_cannot_make_a_token(tmp_path: Path) -> None:
    """The key that seals tokens is there; one that was never given opens nothing."""

    async def test(relay: Here) -> None:
        family, _ = await relay.found()
        device = family.founder.secrets.public.id
        key = RelaySecret(await relay.relay.store.key())
        thief = Authority(key, challenge_seconds=60, token_seconds=600)
        forged, _ = thief.new_token(family.vault, device)
        path = f"/v1/vaults/{family.vault.hex()}/records"
        caller, _ = relay.relay.authority.check_token(forged)
        assert caller.device == device
        assert refusal_of(await relay.get(path, forged)) == "not-signed-in"

    _run(tmp_path, test)


def test_two_tokens_of_one_moment_differ() -> None:
    """A token is not computed from what the database says of it."""
    key = RelaySecret(bytes(32))
    authority = Authority(key, challenge_seconds=60, token_seconds=600, clock=lambda: 1)
    made = {authority.new_token(VaultId(bytes(32)), DeviceId(bytes(16))) for _ in "ab"}

    assert len(made) == 2


def test_the_database_holds_nothing_that_lets_in(tmp_path: Path) -> None:
    """A stolen relay database holds no token and no answered challenge."""

    async def run() -> tuple[bytes, str]:
        async with here(tmp_path) as relay:
            family, _ = await relay.found()
            challenge = await relay.challenge()
            answer = await relay.log_in(family.founder, challenge=challenge)
            return challenge, str(answer.json()["token"])

    challenge, token = asyncio.run(run())

    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"used_challenge" in held
    for secret in (challenge, bytes.fromhex(token), token.encode()):
        assert secret not in held
