"""protocol/log-bundle.md: each published case, by our verifier and by the one in Go."""

from __future__ import annotations

from pathlib import Path

import pytest

from clisk_vault.access_record import encode_content
from clisk_vault.errors import TamperedError
from clisk_vault.log_bundle import encode_opening, parse_keys, parse_opening
from clisk_vault.log_bundle_read import read_bundle
from clisk_vault.log_bundle_verify import verify_bundle
from clisk_vault.log_leaf import Leaf
from clisk_vault.log_proof import UnverifiedProof
from clisk_vault.verdict import Found
from scripts import go_programs
from tests.vectors import Vector, check_cddl, load_vectors, refusal

PAGE = "log-bundle"
CASES = load_vectors(PAGE)
BUNDLES = load_vectors(PAGE, where=lambda case: case["kind"] == "bundle")


def _lay_out(case: Vector, folder: Path) -> Path:
    """Write the files of a bundle."""
    for path, data in case["files"].items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(bytes.fromhex(data))
    return folder


def _bundle(case: Vector, folder: Path) -> None:
    bundle = read_bundle(_lay_out(case, folder))
    outcome = verify_bundle(bundle, parse_keys(case["keys"]))
    verdict = outcome.verdict
    assert list(map(_words, verdict.findings)) == case["findings"]
    assert verdict.level.value == case["level"]
    assert verdict.witnessed_size == case["witnessed_size"]
    assert [one.index for one in outcome.shown] == case["shown"]
    for index in bundle.openings:
        opening = bytes.fromhex(case["files"][f"opening/{index}"])
        check_cddl(opening, page=PAGE, rule="opening")
    if verdict.findings:
        raise TamperedError("; ".join(map(str, verdict.findings)))


def _words(found: Found) -> str:
    run = "" if found.first == found.last else f"-{found.last}"
    return f"{found.kind.value} {found.first}{run}"


def _proof(case: Vector, _folder: Path) -> None:
    proof = UnverifiedProof.parse(case.raw("proof"))
    assert proof.index == case["index"]
    assert [one.hex() for one in proof.path] == case["path"]
    assert proof.head == case.raw("head")
    assert proof.encode() == case.raw("proof")


def _opening(case: Vector, _folder: Path) -> None:
    opening = parse_opening(case.raw("opening"))
    content = opening.check(Leaf.parse(case.raw("leaf")).commitment)
    assert encode_content(content) == case.raw("content")
    assert encode_opening(opening) == case.raw("opening")
    check_cddl(case.raw("opening"), page=PAGE, rule="opening")


KINDS = {"bundle": _bundle, "proof": _proof, "opening": _opening}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_case_gives_its_result(case: Vector, tmp_path: Path) -> None:
    """The program accepts, refuses and finds what another implementation does."""
    run = KINDS[case["kind"]]
    if case.result == "ok":
        run(case, tmp_path)
    else:
        with pytest.raises(refusal(case.result)):
            run(case, tmp_path)


@pytest.mark.go
@pytest.mark.parametrize("case", BUNDLES, ids=str)
def test_the_verifier_in_go_gives_the_same_result(case: Vector, tmp_path: Path) -> None:
    """Result, level, how much is witnessed and what is shown are the same."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    keys = tmp_path / "keys"
    keys.write_text(case["keys"])

    answer = go_programs.verify_bundle(_lay_out(case, folder), keys)

    assert answer.result == case.result, answer.fields
    if answer.accepted:
        assert answer.fields["level"] == case["level"]
        assert answer.fields["witnessed_size"] == case["witnessed_size"]
        assert [one["index"] for one in answer.fields["shown"]] == case["shown"]


def test_bad_cases_outnumber_good_ones() -> None:
    """A page is known by what it refuses."""
    good = sum(case.result == "ok" for case in CASES)
    assert 0 < good < len(CASES) / 3
