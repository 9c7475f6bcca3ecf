"""protocol/recovery.md and safety-code.md: what is printed, typed and compared."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from clisk_sync import qr
from clisk_sync.envelope_content import Mark
from clisk_sync.errors import CallerError, KitError, NotAMember
from clisk_sync.founding import add_record, unwrap_epochs
from clisk_sync.frontier import Chain, Frontier
from clisk_sync.kit_page import KitPage, draw_pdf, draw_png
from clisk_sync.membership import Head, Membership
from clisk_sync.recovery_kit import Anchor, Kit, kit_device, parse_kit
from clisk_sync.recovery_words import (
    check_line,
    parse_printed_vault_id,
    parse_words,
    print_vault_id,
    secret_words,
)
from clisk_sync.safety_code import safety_code
from clisk_sync.testing import Family
from clisk_vault import cbor
from clisk_vault.ids import DeviceId, EnvelopeHash, RecordHash, VaultId
from clisk_vault.keys import RecoverySecret
from tests.vectors import Vector, check_cddl, load_vectors


def _kind(kind: str) -> list[Vector]:
    return load_vectors("recovery", where=lambda case: case["kind"] == kind)


def _kit() -> Kit:
    mark = Mark(7, EnvelopeHash(os.urandom(32)))
    return Kit(
        "https://relay.example",
        VaultId(os.urandom(32)),
        RecoverySecret(os.urandom(32)),
        Anchor(DeviceId(os.urandom(16)), mark),
    )


@pytest.mark.parametrize("case", _kind("text"), ids=str)
def test_text_vector(case: Vector) -> None:
    """Each published text is a kit or refused as published."""
    if case.result != "ok":
        with pytest.raises(KitError):
            parse_kit(case["text"])
        return
    kit = parse_kit(case["text"])
    assert kit.text() == case["text"]
    assert (kit.vault, kit.secret.expose()) == (case.raw("vault"), case.raw("secret"))
    check_cddl(case.raw("payload"), page="recovery", rule="recovery-kit")


@pytest.mark.parametrize("case", _kind("words"), ids=str)
def test_words_vector(case: Vector) -> None:
    """Each published list of words is the secret, or refused."""
    if case.result != "ok":
        with pytest.raises(KitError):
            parse_words(case["text"])
        return
    secret = parse_words(case["text"])
    assert secret.expose() == case.raw("secret")
    assert " ".join(secret_words(secret)) == case["written"]


@pytest.mark.parametrize("case", _kind("number"), ids=str)
def test_number_vector(case: Vector) -> None:
    """Each published vault number is the vault id, or refused."""
    if case.result != "ok":
        with pytest.raises(KitError):
            parse_printed_vault_id(case["text"])
        return
    vault = parse_printed_vault_id(case["text"])
    assert vault == case.raw("vault")
    assert print_vault_id(vault) == case["written"]


@pytest.mark.parametrize("case", _kind("keys"), ids=str)
def test_keys_vector(case: Vector) -> None:
    """A secret makes the device that another implementation makes of it."""
    secret = RecoverySecret(case.raw("secret"))
    public = kit_device(secret, VaultId(case.raw("vault"))).public
    assert cbor.encode(public.to_value()) == case.raw("keys")
    assert public.id == case.raw("device")


@pytest.mark.parametrize("case", load_vectors("safety-code"), ids=str)
def test_safety_code_vector(case: Vector) -> None:
    """A view has the published code, and each changed view another."""
    family = Family.found()
    chains = {
        DeviceId(bytes.fromhex(device)): Chain(
            Mark(number, EnvelopeHash(bytes.fromhex(digest))), 1, 0, 0
        )
        for device, number, digest in case["marks"]
    }
    head = Head(case["height"], RecordHash(case.raw("record")))
    member = family.membership.devices[family.founder.secrets.public.id]
    membership = Membership(
        VaultId(case.raw("vault")),
        family.membership.records,
        head,
        dict.fromkeys(chains, member),
        {},
        family.membership.epochs,
        {},
        family.membership._proof,
    )
    frontier = Frontier(DeviceId(bytes(16)), chains)
    assert (safety_code(membership, frontier) == case["code"]) is (case.result == "ok")


@given(st.binary(min_size=32, max_size=32))
def test_words_come_back(raw: bytes) -> None:
    """Every secret has 24 words that give it back, cut to four letters too."""
    secret = RecoverySecret(raw)
    words = secret_words(secret)
    assert parse_words(" ".join(words)) == secret
    assert parse_words("\t".join(word[:4].upper() for word in words)) == secret


@given(
    st.text(max_size=60) | st.text(max_size=60).map(lambda text: f"clisk:kit#{text}")
)
def test_any_text_is_a_kit_in_one_spelling_or_refused(text: str) -> None:
    """Nothing but KitError escapes."""
    try:
        assert parse_kit(text).text() == text
    except KitError:
        return


def test_a_refusal_repeats_no_word() -> None:
    """What was typed may be the secret: errors name its place and not the word."""
    words = secret_words(RecoverySecret(os.urandom(32)))
    misspelt = [*words[:11], "plantedword", *words[12:]]
    # Reversed, 255 of 256 lists fail; the odd one is tried again.
    turned = next(
        list(reversed(words))
        for words in iter(lambda: secret_words(RecoverySecret(os.urandom(32))), [])
        if _refused(" ".join(reversed(words)))
    )
    for text, says in (
        (" ".join(misspelt), "word 12 is not on the list"),
        (" ".join(turned), "the checksum does not fit"),
        (" ".join(words[:23]), "23 words, 24 are needed"),
    ):
        err = _refused(text)
        assert err is not None
        assert says in str(err)
        told = f"{err} {err.advice} {err.__cause__!r} {err.__suppress_context__}"
        assert "plantedword" not in told
        assert err.__suppress_context__ or err.__context__ is None


def _refused(text: str) -> KitError | None:
    try:
        parse_words(text)
    except KitError as err:
        return err
    return None


def test_a_line_is_checked_as_it_is_typed() -> None:
    """A misread word is told at once, by its place on the page."""
    assert check_line("ABANdon abil", first=7) == "abandon ability"
    with pytest.raises(KitError, match="word 8 is not on the list"):
        check_line("abandon zzzz", first=7)


def test_a_kit_prints_itself_nowhere() -> None:
    """Neither repr nor format of a kit or of its secret holds a word or a byte."""
    kit = _kit()
    told = f"{kit!r} {kit} {kit.secret:>10}"
    assert kit.secret.expose().hex() not in told
    assert repr(kit.secret.expose()) not in told
    assert not set(secret_words(kit.secret)) & set(told.split())


def test_a_typed_kit_has_no_text() -> None:
    """Without its mark it would be another page than the one that was printed."""
    kit = _kit()
    with pytest.raises(CallerError):
        Kit(kit.relay, kit.vault, kit.secret).text()


def test_the_page_is_read_back_from_its_picture(tmp_path: Path) -> None:
    """The code on the page holds the kit, also turned, darker and half the size."""
    kit = _kit()
    page = KitPage(kit, "recovery kit", "12345 " * 6, 1_800_000_000_000)
    drawn = draw_png(page)
    picture = tmp_path / "page.png"
    picture.write_bytes(drawn)
    assert qr.read_picture(picture) == kit.text()
    with Image.open(io.BytesIO(drawn)) as image:
        assert image.size == (2480, 3508)
        small = image.rotate(7, expand=True, fillcolor=255).reduce(2)
        small.point(lambda grey: grey * 0.7 + 20).save(picture)
    assert qr.read_picture(picture) == kit.text()


def test_the_page_is_one_sheet_of_pdf() -> None:
    """The PDF is a PDF of one A4 page that names neither words nor text."""
    kit = _kit()
    pdf = draw_pdf(KitPage(kit, "recovery kit", "12345 " * 6, 1_800_000_000_000))
    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") == 1
    assert b"/MediaBox [ 0 0 595.2 841.92 ]" in pdf
    assert kit.text().encode() not in pdf


def test_a_kit_opens_every_epoch_and_lets_a_device_in() -> None:
    """By the secret and the records alone."""
    family = Family.found()
    secret = RecoverySecret(os.urandom(32))
    keys = kit_device(secret, family.vault)
    record = add_record(
        family.membership,
        family.founder.secrets,
        family.epoch_secret,
        keys.public,
        "recovery kit",
        dormant=True,
    )
    membership = family.membership.extend(record)

    again = kit_device(secret, family.vault)
    epochs = unwrap_epochs(membership, again)
    assert epochs == {1: family.epoch_secret}
    assert membership.member(again.public.id).dormant
    family.membership, family.founder.secrets = membership, again
    newcomer, phone = family.add()
    added = membership.extend(newcomer).member(phone.secrets.public.id)
    assert (added.added_by, added.dormant) == (again.public.id, False)


def test_a_kit_of_another_vault_opens_nothing() -> None:
    """The vault id is in the keys: a swapped page is no member anywhere."""
    family, other = Family.found(), Family.found()
    secret = RecoverySecret(os.urandom(32))
    record = family.record_adding(kit_device(secret, family.vault))
    membership = family.membership.extend(record)

    with pytest.raises(NotAMember):
        unwrap_epochs(membership, kit_device(secret, other.vault))
