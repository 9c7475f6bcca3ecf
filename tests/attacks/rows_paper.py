"""The 31 attacks of "Zero Knowledge (About) Encryption" (ePrint 2026/058, Aug. 2026).

BW Bitwarden, LP LastPass, DL Dashlane, 1P 1Password; the names are the paper's.
"""

# ruff: noqa: E501  # a table reads by its rows
from __future__ import annotations

from tests.attacks import ours, ours_oracle, weak
from tests.attacks.stage import Row, Verdict, both

_R, _D, _A = Verdict.REFUSED, Verdict.DETECTED, Verdict.ABSENT
_KEY, _JOIN, _BOX = (
    "substitute-key",
    "inject-unknown-member",
    "inject-valid-ciphertext-to-pubkey",
)

PAPER = (
    Row("BW01", "Malicious auto-enrolment", "answers that the client is to be enrolled, with a key of its own", (_JOIN,), weak.enrols, _R, "TamperedError", ours.a_member_that_nobody_let_in),
    Row("BW02", "Malicious key rotation", "lists a stranger among those who get the new key, leaves a member out, swaps its keys", (_JOIN,), weak.rotates_to_all_listed, _R, "TamperedError", ours.rotation_wraps_to_members_alone),
    Row("BW03", "Malicious Key Connector conversion", "says that the master key is to be sent to an address of its own", ("downgrade",), weak.sends_its_key_away, _A, "no answer has a place for a command", ours.nothing_in_an_answer_commands),
    Row("LP01", "Malicious password reset", "lists an administrator of its own at login", (_JOIN,), weak.wraps_to_admins, _A, "unlocking asks nobody", ours.unlocking_asks_nobody),
    Row("1P01", "Malicious recovery group", "puts its key into the recovery group whenever a vault is made", (_JOIN,), weak.wraps_to_the_recovery_group, _A, "there is no recovery group", ours.new_vaults_wrap_to_their_founder),
    Row("BW04", "Unprotected item metadata", "reads types and dates, and turns the reprompt flag off", ("bitflip",), weak.shows_and_takes_metadata, _R, "TamperedError", ours.metadata_is_sealed_or_signed),
    Row("BW05", "Item field swapping", "exchanges two ciphertexts", ("swap",), weak.swaps_fields, _R, "GapError", ours.swapping_is_refused),
    Row("BW06", "Icon URL item decryption", "puts the password's ciphertext where the address stands", ("swap",), weak.fetches_the_password, _A, "no content leads to a request", ours.opening_fetches_nothing),
    Row("BW07", "Remove KDF iterations", "says that one iteration is enough", ("downgrade",), weak.stretches_once, _R, "CostLimitError", ours.cost_is_not_the_relays),
    Row("LP02", "Item field swapping", "exchanges two ciphertexts that bear no tag", ("swap",), weak.swaps_fields_without_tag, _R, "GapError", ours.swapping_is_refused),
    Row("LP03", "Icon URL item decryption", "as BW06, with any text for an address", ("swap",), weak.fetches_the_password, _A, "no content leads to a request", ours.opening_fetches_nothing),
    Row("LP04", "Remove KDF iterations", "as BW07", ("downgrade",), weak.stretches_once, _R, "CostLimitError", ours.cost_is_not_the_relays),
    Row("LP05", "Malleable vault", "flips bits of a ciphertext", ("bitflip",), weak.flips_a_letter, _R, "TamperedError", ours.every_bit_counts),
    Row("LP06", "Unprotected metadata", "as BW04", ("bitflip",), weak.shows_and_takes_metadata, _R, "TamperedError", ours.metadata_is_sealed_or_signed),
    Row("DL01", "Transaction replay", "repeats, reorders and drops transactions", ("drop", "duplicate", "reorder"), weak.drops_and_repeats, _D, "GapError", ours.dropping_and_repeating_is_told),
    Row("1P02", "Item dropping and duplication", "leaves an item out, gives another twice", ("drop", "duplicate"), weak.drops_and_repeats, _D, "GapError", ours.dropping_and_repeating_is_told),
    Row("1P03", "Vault injection", "encrypts a vault key of its own to the user", (_BOX,), weak.takes_any_vault_key, _R, "NotAMember", ours.what_anybody_can_encrypt_is_refused),
    Row("1P04", "Remove KDF iterations", "as BW07", ("downgrade",), weak.stretches_once, _R, "CostLimitError", ours.cost_is_not_the_relays),
    Row("BW08", "Organisation injection", "encrypts an organisation's key of its own to the user", (_BOX,), weak.takes_any_vault_key, _R, "NotAMember", ours.what_anybody_can_encrypt_is_refused),
    Row("BW09", "Organisation overwrite", "replaces a new key before it is read back", (_BOX,), weak.reads_another_key_back, _D, "MembershipFork", ours.a_replaced_epoch_is_told),
    Row("LP07", "Sharing key overwrite", "serves its own key as the recipient's", (_KEY,), weak.shares_with_the_server, _R, "TamperedError", ours.another_key_for_a_member_is_refused),
    Row("DL02", "Sharing key overwrite", "as LP07", (_KEY,), weak.shares_with_the_server, _R, "TamperedError", ours.another_key_for_a_member_is_refused),
    Row("1P05", "Sharing key overwrite", "as LP07, while a device is added", (_KEY,), weak.pairs_by_the_server, _R, "PairingFailed", ours.a_swapped_key_while_pairing),
    Row("1P06", "Vault substitution", "serves another vault key on the next start", (_BOX,), weak.takes_any_vault_key, _R, "MembershipError", ours.another_vault_is_not_this_one),
    Row("BW10", "Disable per-item keys", "reports an old server version", ("downgrade",), weak.uses_one_key, _A, "no version changes a byte that is sent", ours.a_version_changes_no_byte),
    Row("BW11", "User-key overwriting", "gives no user key at all", ("downgrade",), weak.takes_a_null_key, _R, "UnsupportedError", ours.another_suite_is_refused),
    Row("BW12", "Downgrade to legacy encryption", "gives a key that means: without a tag", ("downgrade",), weak.decrypts_without_tag, _R, "UnsupportedError", ours.another_suite_is_refused),
    Row("DL03", "Item injection", "asks the client thousands of times whether a padding is right", ("bitflip",), weak.is_a_padding_oracle, _R, "RelayMisbehaved", both(ours_oracle.is_no_oracle, ours_oracle.no_inside_is_answered)),
    Row("DL04", "Remove KDF iterations", "forges the setting that says how often", ("downgrade",), weak.stretches_once, _R, "CostLimitError", ours.cost_is_not_the_relays),
    Row("DL05", "CBC-only downgrade", "forges the setting that says which cipher", ("downgrade",), weak.writes_without_tag, _R, "UnsupportedError", ours.another_suite_is_refused),
    Row("DL06", "Lucky 64", "relies on 64 characters being taken for a key", (), weak.takes_64_letters_for_a_key, _A, "every length is stretched", ours.every_length_is_stretched, control="a login of the weak model: its relay has no part in it", silent="a passphrase is stretched on the device, and nothing is sent"),
)  # fmt: skip
