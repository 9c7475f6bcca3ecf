"""A newcomer's vault, from the first moment at which it is on the disk."""

from __future__ import annotations

from pathlib import Path

from clisk.agent.joining import Admitted, Joining
from clisk_sync.errors import Withheld
from clisk_sync.founding import add_record, clock_ms, found
from clisk_sync.frontier_store import load_frontier
from clisk_sync.membership import Membership
from clisk_sync.pairing import MemberPairing
from clisk_vault.device import enrol
from clisk_vault.ids import EnvelopeHash
from clisk_vault.keys import SecretText


def test_a_relay_rolled_back_after_the_pairing_is_noticed(tmp_path: Path) -> None:
    """What the member had verified is in the newcomer's file before it first syncs."""
    laptop, _ = enrol()
    genesis, vault_id, epoch = found(laptop, "laptop")
    founded = Membership.verify(vault_id, [genesis])
    member = MemberPairing(
        relay="http://127.0.0.1:8470",
        vault=vault_id,
        member=laptop.public.id,
        clock=clock_ms,
    )
    joining = Joining(member.code.url(), "phone")
    phone = joining._device.secrets.public  # what it would send in its hello
    record = add_record(founded, laptop, epoch, phone, "phone")
    newest = {laptop.public.id: (3, EnvelopeHash(bytes(32)))}

    vault = joining.make_vault(
        tmp_path / "vault.sqlite",
        Admitted(founded.extend(record), newest),
        SecretText("passphrase"),
        unlock_seconds=0,
    )

    alerts = load_frontier(vault.storage, vault.device_id).withheld()
    vault.lock()
    assert [type(each) for each in alerts] == [Withheld]
    assert isinstance(alerts[0], Withheld)
    assert (alerts[0].device, alerts[0].number) == (laptop.public.id, 3)
