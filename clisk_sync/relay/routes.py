"""The routes of the relay API: protocol/relay-api.md §2. One function each.

Each checks in the order token, rate, size, body, content: cheap before dear.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from clisk_sync.login import MAX_LOGIN_BYTES
from clisk_sync.refusals import Code, refuse
from clisk_sync.relay.auth import Caller
from clisk_sync.relay.metrics import CONTENT_TYPE
from clisk_sync.relay.pages import SEQUENCE_TYPE, GoingAnswer, page_answer
from clisk_sync.relay.requests import (
    address_of,
    after_of,
    answer,
    body_of,
    caller_of,
    hex_of,
    length_of,
    may_see_metrics,
    records_of,
    relay_of,
    seconds_of,
    uint_of,
    until_gone,
    vault_of,
)
from clisk_sync.relay.service import Reading
from clisk_sync.relay.store_snapshots import Kept
from clisk_sync.relay_answers import (
    INVITE_HEADER,
    Challenge,
    Created,
    Health,
    Placed,
    RecordIndex,
    Token,
)
from clisk_sync.sequence import (
    ACK_ITEM,
    SNAPSHOT_ITEM,
    encode_entry,
    encode_record_item,
)
from clisk_sync.snapshot import MAX_ACK_BYTES
from clisk_sync.transport import MAX_SNAPSHOT_BYTES
from clisk_vault.ids import HASH_LENGTH, PartHash

_MAILBOX_ID_BYTES = 32
_OCTETS = "application/octet-stream"


async def health(request: Request) -> Response:
    """Say that the process runs and its database answers."""
    await relay_of(request).store.ping()
    return answer(Health(status="ok"))


async def metrics(request: Request) -> Response:
    """GET the counts of this process, for Prometheus on this machine."""
    if not may_see_metrics(request):
        raise refuse(Code.NO_SUCH_ROUTE)
    return Response(relay_of(request).metrics.text(), media_type=CONTENT_TYPE)


async def create_vault(request: Request) -> Response:
    """POST a genesis record: anybody may, so often."""
    relay = relay_of(request)
    relay.creations.take(address_of(request))
    genesis = await body_of(request, at_most=relay.limits.record_bytes)
    vault, created = await relay.create(genesis, request.headers.get(INVITE_HEADER, ""))
    status = 201 if created else 200
    return answer(Created(vault=vault.hex(), created=created), status=status)


async def challenge(request: Request) -> Response:
    """POST: a challenge to sign."""
    relay = relay_of(request)
    relay.logins.take(address_of(request))
    made, expires = relay.authority.new_challenge()
    return answer(Challenge(challenge=made.hex(), expires_at=expires))


async def log_in(request: Request) -> Response:
    """POST a signed challenge: a token."""
    relay, vault = relay_of(request), vault_of(request)
    relay.logins.take(address_of(request))
    login = await body_of(request, at_most=MAX_LOGIN_BYTES)
    token, expires = await relay.log_in(vault, login)
    return answer(Token(token=token, expires_at=expires))


async def append_record(request: Request) -> Response:
    """POST a membership record."""
    relay, caller = relay_of(request), await caller_of(request)
    relay.check_append(caller, 0)
    record = await body_of(request, at_most=relay.limits.record_bytes)
    return answer(RecordIndex(index=await relay.append_record(caller, record)))


async def list_records(request: Request) -> Response:
    """GET the membership records, a sequence of byte strings."""
    records = await relay_of(request).records(await caller_of(request))
    return StreamingResponse(_record_items(records), media_type=SEQUENCE_TYPE)


async def append_envelope(request: Request) -> Response:
    """POST an envelope of the caller's."""
    relay, caller = relay_of(request), await caller_of(request)
    most = relay.limits.envelope_bytes
    relay.check_append(caller, length_of(request, at_most=most))
    envelope = await body_of(request, at_most=most)
    return answer(Placed(position=await relay.append(caller, envelope)))


async def read_envelopes(request: Request) -> Response:
    """GET one page above `after`, a sequence of [position, envelope]."""
    relay, caller = relay_of(request), await caller_of(request)
    return page_answer(await relay.read(caller, after_of(request)))


async def wait_for_news(request: Request) -> Response:
    """GET that page once there is one, and what follows; 204 if there is none."""
    readings = _news(request, await caller_of(request))
    try:
        first = await anext(readings, None)
        if first is None:
            return Response(status_code=204)
        return GoingAnswer(first, readings)
    except BaseException:
        await readings.aclose()
        raise


async def _news(request: Request, caller: Caller) -> AsyncGenerator[Reading, None]:
    after, seconds = after_of(request), seconds_of(request)
    with until_gone(request) as gone:
        readings = relay_of(request).follow(
            caller, after, seconds, records=records_of(request), gone=gone
        )
        async with aclosing(readings):
            async for reading in readings:
                yield reading


async def put_part(request: Request) -> Response:
    """PUT a sealed part of a snapshot, under its hash."""
    relay, caller = relay_of(request), await caller_of(request)
    name = PartHash(hex_of(request, "part", length=HASH_LENGTH))
    relay.check_append(caller, 0)
    part = await body_of(request, at_most=relay.limits.part_bytes)
    await relay.put_part(caller, name, part)
    return Response(status_code=204)


async def get_part(request: Request) -> Response:
    """GET a part by its hash."""
    relay, caller = relay_of(request), await caller_of(request)
    name = PartHash(hex_of(request, "part", length=HASH_LENGTH))
    return Response(await relay.part(caller, name), media_type=_OCTETS)


async def append_snapshot(request: Request) -> Response:
    """POST a snapshot of the caller's, whose parts are here."""
    relay, caller = relay_of(request), await caller_of(request)
    relay.check_append(caller, 0)
    snapshot = await body_of(request, at_most=MAX_SNAPSHOT_BYTES)
    await relay.append_snapshot(caller, snapshot)
    return Response(status_code=204)


async def list_snapshots(request: Request) -> Response:
    """GET snapshots and acknowledgements, a sequence of [kind, bytes]."""
    relay, caller = relay_of(request), await caller_of(request)
    kept = await relay.snapshots(caller)
    return StreamingResponse(_offer(kept), media_type=SEQUENCE_TYPE)


async def acknowledge(request: Request) -> Response:
    """POST an acknowledgement of the caller's."""
    relay, caller = relay_of(request), await caller_of(request)
    relay.check_append(caller, 0)
    await relay.acknowledge(caller, await body_of(request, at_most=MAX_ACK_BYTES))
    return Response(status_code=204)


async def post_slot(request: Request) -> Response:
    """PUT a mailbox slot, once. Whoever knows the id may."""
    relay = relay_of(request)
    relay.mailbox_calls.take(address_of(request))
    mailbox, slot = _slot_of(request)
    body = await body_of(request, at_most=relay.limits.mailbox_body_bytes)
    await relay.post(mailbox, slot, body)
    return Response(status_code=204)


async def fetch_slot(request: Request) -> Response:
    """GET a mailbox slot, waiting up to `wait_ms` for it."""
    relay = relay_of(request)
    relay.mailbox_calls.take(address_of(request))
    mailbox, slot = _slot_of(request)
    seconds = seconds_of(request)
    with until_gone(request) as gone:
        body = await relay.fetch(mailbox, slot, seconds, gone=gone)
    if body is None:
        return Response(status_code=204)
    return Response(body, media_type=_OCTETS)


def _slot_of(request: Request) -> tuple[bytes, int]:
    mailbox = hex_of(request, "mailbox", length=_MAILBOX_ID_BYTES)
    last = relay_of(request).limits.mailbox_slots - 1
    return mailbox, uint_of(request.path_params, "slot", at_most=last)


def _offer(kept: list[Kept]) -> Iterator[bytes]:
    for each in kept:
        yield encode_entry(SNAPSHOT_ITEM, each.body)
        for ack in each.acks:
            yield encode_entry(ACK_ITEM, ack)


def _record_items(records: list[bytes]) -> Iterator[bytes]:
    for record in records:
        yield encode_record_item(record)


ROUTES = [
    # What is asked most is found first.
    Route("/v1/vaults/{vault}/news", wait_for_news, methods=["GET"]),
    Route("/v1/vaults/{vault}/envelopes", append_envelope, methods=["POST"]),
    Route("/v1/vaults/{vault}/envelopes", read_envelopes, methods=["GET"]),
    Route("/healthz", health, methods=["GET"]),
    Route("/metrics", metrics, methods=["GET"]),
    Route("/v1/vaults", create_vault, methods=["POST"]),
    Route("/v1/challenges", challenge, methods=["POST"]),
    Route("/v1/vaults/{vault}/tokens", log_in, methods=["POST"]),
    Route("/v1/vaults/{vault}/records", append_record, methods=["POST"]),
    Route("/v1/vaults/{vault}/records", list_records, methods=["GET"]),
    Route("/v1/vaults/{vault}/parts/{part}", put_part, methods=["PUT"]),
    Route("/v1/vaults/{vault}/parts/{part}", get_part, methods=["GET"]),
    Route("/v1/vaults/{vault}/snapshots", append_snapshot, methods=["POST"]),
    Route("/v1/vaults/{vault}/snapshots", list_snapshots, methods=["GET"]),
    Route("/v1/vaults/{vault}/acks", acknowledge, methods=["POST"]),
    Route("/v1/mailboxes/{mailbox}/{slot}", post_slot, methods=["PUT"]),
    Route("/v1/mailboxes/{mailbox}/{slot}", fetch_slot, methods=["GET"]),
]
