"""attacks.md 3.1: rollback, fork and withholding by the relay; 3.3: pairing."""

# ruff: noqa: E501  # a table reads by its rows
from __future__ import annotations

from collections.abc import Callable

from clisk_sync.pairing_messages import Slot
from tests.attacks import ours, weak
from tests.attacks.given import one_device, phone_keys
from tests.attacks.stage import Row, Stage, Verdict, told
from tests.program import test_recovery
from tests.sync import test_pair, test_pairing

_R, _D = Verdict.REFUSED, Verdict.DETECTED


def _paired(test: Callable[..., None], **given: object) -> Callable[[Stage], None]:
    return told(test, vault=one_device, phone=phone_keys, **given)


SYNC = (
    Row("3.1-rollback", "rollback of a device", "gives what there was before", ("rollback-all",), weak.rolls_back, _D, "RollbackDetected", ours.a_rollback_is_told_and_mended),
    Row("3.1-rollback-newcomer", "rollback towards a new device", "gives a newcomer what there was before", ("rollback-all",), weak.rolls_back, _D, "Withheld", ours.a_rollback_towards_a_newcomer_is_told),
    Row("3.1-rollback-kit", "rollback where a recovery kit is all there is", "gives a person without devices an older copy", (), weak.rolls_back, Verdict.WARNED, "dates and a warning are shown", told(test_recovery.test_an_older_relay_is_not_recognised_and_that_is_said), slow=True),
    Row("3.1-fork", "fork between devices", "shows two devices two histories", ("fork",), weak.forks, _D, "ForkDetected", ours.a_fork_is_told_after_one_exchange),
    Row("3.1-fork-code", "fork, compared on two screens", "shows two devices two histories", ("fork",), weak.forks, _D, "two safety codes", ours.a_fork_shows_in_the_safety_code),
    Row("3.1-withholding", "withholding", "freezes what one device sees", ("withhold-from",), weak.withholds, _D, "Withheld", ours.withholding_is_told_with_its_age),
    Row("3.1-equivocation", "a device that says two things", "gives two envelopes that a stolen key signed at one number", (), weak.equivocates, _D, "ForkDetected", ours.two_envelopes_at_one_number_are_both_kept),
    Row("3.1-replay", "replay into another vault or epoch", "gives what was written for another vault, or an epoch that is over", ("replay-old",), weak.replays, _R, "ForeignEnvelope", ours.another_vaults_envelope_is_foreign),
)  # fmt: skip

PAIRING = (
    Row("3.3-phished-replayed", "a code used twice", "knocks with a code that was used", (), weak.links_whoever_scans, _R, "PairingFailed", _paired(test_pairing.test_a_code_serves_one_newcomer)),
    Row("3.3-phished-expired", "a code used late", "knocks after two minutes", (), weak.links_whoever_scans, _R, "PairingExpired", _paired(test_pairing.test_an_expired_code_is_refused_by_both)),
    Row("3.3-phished-foreign", "a code of another vault", "lures the new device to records of its own", (), weak.links_whoever_scans, _R, "PairingFailed", _paired(test_pairing.test_records_of_another_vault_are_refused)),
    Row("3.3-phished-photographed", "a photographed code", "knocks first, with its own keys", (), weak.links_whoever_scans, _R, "WrongDigits", _paired(test_pairing.test_photographed_code_an_attackers_device_gives_other_digits)),
    Row("3.3-phished-two", "two devices scan one code", "knocks as the second", (), weak.links_whoever_scans, _R, "PairingAlreadyScanned", told(test_pair.test_a_second_scan_is_refused_and_says_so)),
    Row("3.3-phished-closed", "no pairing screen is open", "knocks out of turn", (), weak.links_whoever_scans, _R, "PairingFailed", _paired(test_pairing.test_any_message_out_of_turn_ends_it, slot=Slot.OPENING)),
    Row("3.3-guessing", "guessing the digits", "tries 10,000 times", (), weak.counts_no_guesses, _R, "PairingClosed", _paired(test_pairing.test_a_guesser_of_ten_thousand_codes_gets_three_tries)),
    Row("3.3-middle", "the relay in the middle", "swaps the newcomer's key on the way", ("substitute-key",), weak.pairs_by_the_server, _R, "PairingFailed", ours.a_swapped_key_while_pairing),
    Row("3.3-nonce", "digits made to match", "picks its nonce after it has seen the member's", (), weak.pairs_by_the_server, _R, "PairingFailed", _paired(test_pairing.test_photographed_code_the_nonce_was_committed_to)),
    Row("3.3-silent", "a silent new member", "adds a device that no member signed for", ("inject-unknown-member",), weak.takes_a_silent_member, _R, "TamperedError", ours.a_member_that_nobody_let_in),
)  # fmt: skip
