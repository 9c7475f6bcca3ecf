"""The guards that sync rests on, each by the words that a mutation takes out of it.

A guard is a place in a function: *old* stands there once, and *new* is what a
careless hand would leave. Whoever moves a guard moves its row here.
"""

# ruff: noqa: E501  # a table reads by its rows
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard, how it is taken out, and what must then go red.

    *where* is `module:qualified.name`. *rows* are of the scoreboard; *tests* are of
    tests/sync, as pytest names them.
    """

    name: str
    says: str
    where: str
    old: str
    new: str
    rows: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()


_SYNC = "tests/sync/"

GUARDS = (
    # What is sealed and signed
    Guard("associated data", "an envelope is sealed with its outside", "clisk_sync.envelope:_context", "cbor.encode(header.to_value())", 'b""', ("BW05",), ("test_envelope.py",)),
    Guard("envelope signature", "an envelope is signed by its author", "clisk_sync.envelope:UnverifiedEnvelope.verify", "self._signed.verify(public, label=Label.ENVELOPE, context=b\"\")", "pass", ("LP05", "BW04")),
    Guard("record signature", "a membership record is signed by its author", "clisk_sync.record:UnverifiedRecord.verify", "self._signed.verify(public, label=Label.MEMBERSHIP_RECORD, context=b\"\")", "pass", ("BW01", "BW02", "3.3-silent")),
    Guard("signer and author", "who signed is who is said to have written", "clisk_sync.envelope:parse_unverified_envelope", "if signed.kid != header.author:", "if False:", tests=("test_envelope.py",)),
    Guard("suite", "no suite is read but the one", "clisk_sync.suite:expect_suite", "!= SUITE", "< 0", ("BW11", "BW12", "DL05")),
    Guard("padding", "sizes come in buckets", "clisk_sync.padding:_padded_length", "max(floor, padme(content_length + 1))", "content_length + 1", ("3.5-sizes",), ("test_padding.py",)),
    # Envelopes in
    Guard("vault", "an envelope is of this vault", "clisk_sync.intake:Intake._believe", "if header.vault != self._vault.id:", "if False:", ("3.1-replay",)),
    Guard("gap", "an envelope is its author's next", "clisk_sync.frontier:Frontier.check_next", "if header.number > held.mark.number + 1:", "if False:", ("DL01", "1P02", "BW05")),
    Guard("previous", "an envelope builds on the one that is held", "clisk_sync.frontier:Frontier.check_next", "if header.previous != held.mark.hash:", "if False:", ("3.1-spliced",)),
    Guard("number taken", "one number has one envelope", "clisk_sync.frontier:Frontier.check_next", "if ours == envelope.hash:", "if True:", ("3.1-equivocation",)),
    Guard("own number", "nobody else writes in this device's name", "clisk_sync.frontier:Frontier.check_next", "if header.author == self.own:", "if False:", ("3.1-clone",)),
    Guard("epoch back", "no envelope goes back to an earlier epoch", "clisk_sync.frontier:Frontier.check_next", "if header.epoch < held.epoch:", "if False:", ("3.1-replay",)),
    Guard("epoch known", "an envelope is of an epoch that was begun", "clisk_sync.intake:Intake._check_epoch", "if header.epoch in self._vault.epochs.numbers():", "if True:", tests=("test_attacks.py::test_an_epoch_that_nobody_began_is_refused",)),
    Guard("cut", "nothing counts after a revocation", "clisk_sync.cuts:check_cut", "if departed is None or header.number <= held:", "if True:", ("3.5-revoked",)),
    Guard("read again", "a refused envelope stood in another's place", "clisk_sync.intake:Intake._refuse", "self._journal.set_state(State.RESCAN, 1)", "pass", ("3.5-revoked",), ("test_attacks.py::test_what_a_lie_stood_in_the_place_of_is_read",)),
    Guard("junk bound", "endless junk is not heard out", "clisk_sync.reading:Reader._take_in", "if tally.refused > _MAX_REFUSED:", "if False:", tests=("test_attacks.py::test_a_stream_that_never_ends_is_not_heard_out",)),
    Guard("anchor", "what was read last still stands", "clisk_sync.reading:_begins_with", "return position == anchor.position and sha256(data) == anchor.hash", "return True", ("3.1-rollback",)),
    Guard("no word of why", "what is asked for next does not depend on why junk was refused", "clisk_sync.intake:Intake._refuse", "self._journal.set_state(State.RESCAN, 1)", "self._journal.set_state(State.RESCAN, int(isinstance(found, PeerError)))", ("DL03",)),
    Guard("no word of the inside", "nobody is told that an inside did not open", "clisk_sync.intake:Intake._open", "tally.set_aside.append(aside)", "(tally.set_aside.append(aside), self._journal.set_state(State.RESCAN, 1))", ("DL03",)),
    # The frontier
    Guard("withheld", "what a peer has, and the relay does not give, is missed", "clisk_sync.frontier:Frontier.withheld", "for device, missing in self.missing.items()", "for device, missing in {}.items()", ("3.1-withholding", "3.1-rollback-newcomer")),
    Guard("claims compared", "another hash in a peer's claim is a fork", "clisk_sync.frontier:Frontier.hear", "elif held != mark.hash:", "elif False:", ("3.1-fork",)),
    Guard("claims kept", "a claim is held against what comes later", "clisk_sync.frontier:Frontier.disputes", "if mark.hash != envelope.hash:", "if False:", tests=("test_frontier.py",)),
    Guard("claim back", "a claim never goes back", "clisk_sync.frontier:Frontier._regressions", "if before is None:", "if True:", tests=("test_attacks.py::test_a_claim_that_goes_back_is_named",)),
    Guard("handover", "a newcomer knows what it has to find", "clisk_sync.frontier:Frontier.expecting", "if mark.number > self.chain(device).mark.number", "if False", ("3.1-rollback-newcomer",)),
    Guard("records claimed", "records that a peer knows are missed", "clisk_sync.frontier:Frontier.await_records", "if claimed <= membership.head.height:", "if True:", tests=("test_attacks.py::test_withheld_records_are_named_when_a_peer_knows_more",)),
    Guard("safety code", "the code on the screen names every chain", "clisk_sync.safety_code:safety_code", "for device, chain in frontier.chains.items()", "for device, chain in {}.items()", ("3.1-fork-code",)),
    Guard("records first", "nothing is sealed before the records are asked for", "clisk_sync.engine:SyncEngine._said_in_brief", "await self._reader.learn(tally)", "pass", tests=("test_following.py::test_a_change_is_not_sealed_for_a_device_that_is_gone",)),
    # Membership
    Guard("genesis", "the vault's name is the hash of its first record", "clisk_sync.membership:_found", "if VaultId(record.hash) != vault_id:", "if False:", tests=("test_membership.py",)),
    Guard("record chain", "a record builds on the one before it", "clisk_sync.membership:Membership._check_place", "if body.previous != self.head.hash:", "if False:", tests=("test_membership.py",)),
    Guard("record order", "a record is the next one", "clisk_sync.membership:Membership._check_place", "if body.height != self.head.height + 1 or body.height >= MAX_RECORDS:", "if False:", tests=("test_membership.py",)),
    Guard("records compared", "another record where one is held is a fork", "clisk_sync.membership:Membership.advance", "if ours != theirs:", "if False:", ("BW09",)),
    Guard("records kept", "fewer records than are held is a rollback", "clisk_sync.membership:Membership.advance", "if len(records) < len(self.records):", "if False:", tests=("test_attacks.py::test_a_relay_that_forgets_records_is_named",)),
    Guard("wraps", "a new secret is for all members and nobody else", "clisk_sync.membership:_begin_epoch", "if set(part.wraps) != set(membership.devices):", "if False:", tests=("test_membership_changes.py::test_an_epoch_that_leaves_a_member_out_is_refused",)),
    Guard("commitment", "everybody gets the secret that was committed to", "clisk_sync.epochs:check_commitment", "if not hmac.compare_digest(", "if False and not hmac.compare_digest(", tests=("test_membership.py::test_a_secret_that_was_not_committed_to_is_refused",)),
    Guard("one cosigner", "no two devices countersign with one key", "clisk_sync.membership:_add", "if body.device.cosign in membership.cosign_keys():", "if False:", tests=("test_membership.py",)),
    Guard("successor", "only a device itself says as what it goes on", "clisk_sync.membership:_add", "if body.succeeds is not None and body.succeeds != body.author:", "if False:", tests=("test_membership.py",)),
    # Snapshots
    Guard("snapshot signature", "a snapshot is signed by a member", "clisk_sync.snapshot:UnverifiedSnapshot.verify", "self._signed.verify(public, label=Label.SNAPSHOT, context=b\"\")", "pass", tests=("test_snapshot_attacks.py",)),
    Guard("snapshot and frontier", "a snapshot covers the envelopes that are held", "clisk_sync.snapshot_check:_is_ahead", "if wrong:", "if False:", tests=("test_snapshot_attacks.py",)),
    Guard("snapshot ahead", "no chain moves without the word of its device", "clisk_sync.snapshot_check:_check_ahead", "if device in against.membership.devices and device not in signed:", "if False:", tests=("test_snapshot_attacks.py::test_a_chain_moved_ahead_by_another_device_is_not_believed",)),
    Guard("snapshot order", "no snapshot is taken that is older, or another", "clisk_sync.snapshot_check:_check_height", "if taken is None:", "if True:", tests=("test_snapshot_attacks.py",)),
    Guard("snapshot complete", "a snapshot has all that is held", "clisk_sync.snapshot_check:missing_changes", "if here - there.keys() - set(excused) and not is_purged():", "if False:", tests=("test_snapshot_attacks.py",)),
    Guard("snapshot inventions", "a snapshot has nothing but what was written", "clisk_sync.snapshot_check:missing_changes", "if author not in authors and not is_purged():", "if False:", tests=("test_snapshot_attacks.py",)),
    Guard("acknowledgement read", "a device believes signed acknowledgements alone", "clisk_sync.snapshot_check:signers", "ack.verify(membership.member(ack.device).public.signing)", "pass", tests=("test_snapshot_attacks.py::test_a_forged_acknowledgement_moves_no_chain",)),
    Guard("acknowledgement's vault", "an acknowledgement counts in its own vault alone", "clisk_sync.snapshot_check:signers", "if ack.hash != snapshot or ack.vault != membership.vault_id:", "if ack.hash != snapshot:", tests=("test_snapshot_attacks.py::test_a_forged_acknowledgement_moves_no_chain",)),
    Guard("acknowledgement's snapshot", "an acknowledgement counts for its own snapshot alone", "clisk_sync.snapshot_check:signers", "if ack.hash != snapshot or ack.vault != membership.vault_id:", "if ack.vault != membership.vault_id:", tests=("test_snapshot_attacks.py::test_a_forged_acknowledgement_moves_no_chain",)),
    Guard("acknowledgement admitted", "the relay deletes on signed acknowledgements alone", "clisk_sync.snapshot_admission:admit_ack", "ack.verify(members.active(device))", "pass", tests=("test_relay_acceptance.py",)),
    Guard("acknowledged by all", "the relay deletes what all have signed for", "clisk_sync.snapshot_admission:is_complete", "all(", "any(", tests=("test_relay_acceptance.py", "test_snapshot_attacks.py::test_an_honest_relay_deletes_only_what_all_have_signed")),
    # Evidence that is handed on
    Guard("evidence: genesis", "a genesis is evidence in its own vault alone", "clisk_sync.evidence:_verified", "if body.vault is None and VaultId(record.hash) != membership.vault_id:", "if False:", tests=("test_evidence.py::test_nobody_is_framed_with_a_record_of_another_vault",)),
    Guard("evidence: record", "a record is evidence in its own vault alone", "clisk_sync.evidence:_verified", "if body.vault not in {None, membership.vault_id}:", "if False:", tests=("test_evidence.py::test_nobody_is_framed_with_a_record_of_another_vault",)),
    Guard("evidence: envelope", "an envelope is evidence in its own vault alone", "clisk_sync.evidence:_verified", "if header.vault != membership.vault_id:", "if False:", tests=("test_evidence.py::test_evidence_vector",)),
    Guard("evidence: signature", "an envelope that nobody signed is no evidence", "clisk_sync.evidence:_verified", "return unverified.verify(membership.known(header.author).public.signing)", "return Envelope(data, header, unverified.hash, unverified._sealed)", tests=("test_evidence.py::test_evidence_vector",)),
    # The relay's door
    Guard("admission: signature", "the relay takes signed envelopes alone", "clisk_sync.admission:admit_envelope", "envelope.verify(key)", "pass", tests=("test_relay_acceptance.py",)),
    Guard("admission: author", "a device writes in its own name", "clisk_sync.admission:admit_envelope", "if header.author != author:", "if False:", tests=("test_relay_acceptance.py",)),
    Guard("admission: order", "the relay takes an author's next alone", "clisk_sync.admission:place", "if envelope.number != head.number + 1 or envelope.previous != head.hash:", "if False:", tests=("test_relay_acceptance.py",)),
    Guard("admission: cut", "a revocation knows the newest envelope", "clisk_sync.admission:admit_record", "and body.cut.number < newest(body.cut.device).number", "and False", tests=("test_relay_acceptance.py",)),
    Guard("login address", "a login is for the relay that was dialled", "clisk_sync.relay.service:Relay.log_in", "login.origin not in self._origins", "False", tests=("test_relay_auth.py::test_a_login_signed_for_another_relay_is_refused",)),
    # What a relay answers
    Guard("answers", "an answer has no member that is not listed", "clisk_sync.relay_answers:parse_answer", "return model.model_validate_json(body)", "return model.model_validate_json(__import__('json').dumps({k: v for k, v in __import__('json').loads(body).items() if k in model.model_fields}))", ("BW03", "BW10", "BW07")),
    Guard("redirects", "no relay points a device elsewhere", "clisk_sync.http_transport:_refusal", "if 300 <= status < 400:", "if False:", tests=("test_http_transport.py::test_a_redirect_is_not_followed",)),
    # Pairing
    Guard("digits", "the digits are those that the newcomer shows", "clisk_sync.pairing:MemberPairing.enter", "if not hmac.compare_digest(plain.encode(), self._digits.encode()):", "if False:", ("3.3-guessing", "3.3-phished-photographed")),
    Guard("three tries", "three wrong entries end it", "clisk_sync.pairing:MemberPairing.enter", "if not self.tries_left:", "if False:", ("3.3-guessing",)),
    Guard("nonce commitment", "a nonce is fixed before the other is shown", "clisk_sync.pairing:MemberPairing._on_opening", "if not hmac.compare_digest(", "if False and not hmac.compare_digest(", ("3.3-nonce",)),
    Guard("code expiry, member", "the member looks at its own clock", "clisk_sync.pairing:MemberPairing._on_hello", "if self._clock() > self.code.expires_ms:", "if False:", ("3.3-phished-expired",)),
    Guard("code expiry, newcomer", "so does the newcomer", "clisk_sync.pairing:NewcomerPairing.start", "if self._clock() > self.code.expires_ms:", "if False:", ("3.3-phished-expired",)),
    Guard("turns of the member", "nothing is taken out of turn", "clisk_sync.pairing:MemberPairing.receive", "if rule is None:", "if rule is None and slot is Slot.WELCOME:", ("3.3-phished-closed", "3.3-phished-replayed")),
    Guard("code's vault", "the records are of the code's vault", "clisk_sync.pairing:NewcomerPairing.finish", "if membership.vault_id != self.code.vault:", "if False:", ("3.3-phished-foreign",)),
    Guard("code's device", "who showed the code admits", "clisk_sync.pairing:NewcomerPairing.finish", "if member.added_by != self.code.member:", "if False:", tests=("test_pairing.py::test_only_the_device_of_the_code_may_admit",)),
    Guard("mailbox slot", "a slot is written once", "clisk_sync.testing:MemoryMailboxTransport.post", "!= body:", "is None:", ("3.3-phished-two",)),
    # A member's poison, and the passphrase
    Guard("one spelling", "a change has one spelling", "clisk_vault.change_chunk:parse_change", "if data[_BODY_AT:] != _encode_hashed(", "if False and data[_BODY_AT:] != _encode_hashed(", ("3.2-spelling",)),
    Guard("checksum", "a change is what its checksum says", "clisk_vault.change_chunk:_open_chunk", "if name[:4] != checksum:", "if False:", ("3.2-spelling",)),
    Guard("session", "a device writes in its own sessions", "clisk_vault.document:EntryDocument._check", "if author_of(change.actor) != author:", "if False:", ("3.2-actor",)),
    Guard("equivocation", "one number of a session has one change", "clisk_vault.document:EntryDocument._check_place", "if change.seq <= session.seq:", "if False:", ("3.2-actor",)),
    Guard("what is lacking", "a change waits for what it builds on", "clisk_vault.document:EntryDocument._place", "if missing := frozenset(change.deps) - self._max_ops.keys():", "if missing := frozenset():", ("3.2-missing",)),
    Guard("room to wait", "what waits is bounded", "clisk_vault.replica:Replica._hold", 'if not self._has_room("orphan", each, MAX_ORPHANS):', "if False:", ("3.2-flood",)),
    Guard("want of memory", "want of memory is not taken for damage", "clisk_vault.document:_foreign", "except MemoryError:", "except ZeroDivisionError:", ("3.2-memory",)),
    Guard("run lengths", "a run is counted before it is expanded", "clisk_vault.change_chunk:_parse_columns", "if not 1 <= count <= MAX_CHANGE_ENTRIES:", "if False:", ("3.2-runs",)),
    Guard("cost floor", "no cheap stretching is taken", "clisk_vault.passphrase:CostLimits.check", "if value < getattr(self.floor, name):", "if False:", ("BW07", "LP04", "1P04", "DL04")),
)  # fmt: skip
