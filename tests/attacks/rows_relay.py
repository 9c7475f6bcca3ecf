"""attacks.md 3.1: rollback, fork and withholding by the relay; 3.3: pairing."""

# ruff: noqa: E501  # a table reads by its rows
from __future__ import annotations

from tests.attacks import ours, ours_history, ours_pairing, weak
from tests.attacks.stage import Row, Verdict, both

_R, _D, _A = Verdict.REFUSED, Verdict.DETECTED, Verdict.ABSENT

SYNC = (
    Row("3.1-rollback", "rollback of a device", "gives what there was before", ("rollback-all",), weak.rolls_back, _D, "RollbackDetected", ours.a_rollback_is_told_and_mended),
    Row("3.1-rollback-newcomer", "rollback towards a new device", "gives a newcomer what there was before", ("rollback-all",), weak.rolls_back_for_a_newcomer, _D, "Withheld", ours.a_rollback_towards_a_newcomer_is_told),
    Row("3.1-rollback-kit", "rollback where a recovery kit is all there is", "gives a person without devices an older copy", (), weak.rolls_back, Verdict.WARNED, "dates and a warning are shown", ours_history.an_older_relay_is_warned_of, slow=True, control="the same misdeed on the weak model; here the relay's database itself is an older copy"),
    Row("3.1-fork", "fork between devices", "shows two devices two histories", ("fork",), weak.forks, _D, "ForkDetected", ours.a_fork_is_told_after_one_exchange),
    Row("3.1-fork-code", "fork, compared on two screens", "shows two devices two histories", ("fork",), weak.forks, _D, "two safety codes", ours.a_fork_shows_in_the_safety_code),
    Row("3.1-withholding", "withholding", "freezes what one device sees", ("withhold-from",), weak.withholds, _D, "Withheld", ours.withholding_is_told_with_its_age),
    Row("3.1-equivocation", "a device that says two things", "gives two envelopes that a stolen key signed at one number", ("fork",), weak.equivocates, _D, "ForkDetected", ours.two_envelopes_at_one_number_are_both_kept),
    Row("3.1-replay", "replay into another vault or epoch", "gives what was written for another vault, or an epoch that is over", ("replay-old",), weak.replays, _R, "ForeignEnvelope", ours.another_vaults_envelope_is_foreign),
    Row("3.1-delay", "news that comes late", "keeps the newest back for a while", ("delay",), weak.delays, _D, "Withheld", ours_history.late_news_shows_its_age),
    Row("3.1-spliced", "a history made of two", "gives an envelope that a stolen key signed onto another past", ("fork",), weak.splices, _D, "PreviousMismatch", ours_history.a_spliced_history_is_told),
    Row("3.1-clone", "a backup that is put back", "shows a device what it wrote after the backup", (), weak.takes_a_copy_for_the_original, _D, "CloneDetected", ours_history.a_copy_that_is_put_back_stops, control="a second client of the weak model, with the same key; the relay is honest"),
    Row("3.5-revoked", "a revoked device that goes on", "gives a revoked device all there is, and others what it writes", ("fork",), weak.goes_on_after_it_was_removed, _R, "AfterTheCut", ours_history.a_revoked_device_gets_nothing),
    Row("3.1-time", "the wrong time", "says that it is another year", ("lie-about-time",), weak.lies_about_the_time, _A, "no time of a relay is used", ours_history.no_time_of_a_relay_is_used),
    Row("3.1-cut", "a connection cut while writing", "loses a request, or its answer", ("disconnect-mid-write",), weak.loses_or_doubles, _R, "TransportError", ours_history.a_cut_connection_neither_loses_nor_doubles),
    Row("3.5-sizes", "what sizes tell", "compares the sizes of what is sent", (), weak.tells_by_sizes, _R, "equal lengths are equal sizes, however they pack; short ones are all one size", both(ours_history.sizes_tell_nothing_of_a_secret, ours_history.sizes_tell_nothing_of_what_packs_well), control="ciphertexts of the weak model, and the same text compressed; the relay only listens"),
)  # fmt: skip

PAIRING = (
    Row("3.3-phished-replayed", "a code used twice", "knocks with a code that was used", ("thief's-bytes",), None, _R, "PairingFailed", ours_pairing.a_code_serves_one_newcomer),
    Row("3.3-phished-expired", "a code used late", "knocks after two minutes", ("thief's-bytes",), None, _R, "PairingExpired", ours_pairing.an_expired_code_is_refused_by_both),
    Row("3.3-phished-foreign", "a code of another vault", "lures the new device to records of its own", ("fork",), None, _R, "PairingFailed", ours_pairing.a_strangers_records_are_refused),
    Row("3.3-phished-photographed", "a photographed code", "knocks first, with its own keys", ("thief's-bytes",), None, _R, "WrongDigits", ours_pairing.a_photographed_code_gives_other_digits),
    Row("3.3-phished-two", "two devices scan one code", "knocks as the second", ("thief's-bytes",), None, _R, "PairingAlreadyScanned", ours_pairing.the_second_who_scans_is_told),
    Row("3.3-phished-closed", "no pairing screen is open", "knocks out of turn", ("thief's-bytes",), None, _R, "PairingFailed", ours_pairing.nobody_knocks_out_of_turn),
    Row("3.3-guessing", "guessing the digits", "tries 10,000 times", ("thief's-bytes",), None, _R, "PairingClosed", ours_pairing.ten_thousand_guesses_are_three),
    Row("3.3-nonce", "digits made to match", "picks its nonce after it has seen the member's", ("thief's-bytes",), None, _R, "PairingFailed", ours_pairing.a_nonce_is_not_picked_to_fit),
    Row("3.3-middle", "the relay in the middle", "swaps the newcomer's key on the way", ("substitute-key",), weak.pairs_by_the_server, _R, "PairingFailed", ours.a_swapped_key_while_pairing),
    Row("3.3-silent", "a silent new member", "adds a device that no member signed for", ("inject-unknown-member",), weak.takes_a_silent_member, _R, "TamperedError", ours.a_member_that_nobody_let_in),
)  # fmt: skip
