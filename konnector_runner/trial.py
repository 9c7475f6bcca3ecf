"""A trial: one run of a konnector against the mock site beside it, and a verdict.

Spec: docs/test-konnectors.md.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from clisk_vault.errors import ReadRefused
from clisk_vault.keys import SecretText
from konnector_runner.browser_choice import BrowserChoice, Screen
from konnector_runner.credentials import CredentialField
from konnector_runner.events import OnEvent, RunReport
from konnector_runner.konnector import Konnector, load_konnector
from konnector_runner.limits import RunLimits
from konnector_runner.mock_site import (
    MOCK_FOLDER,
    Expectation,
    MockSite,
    load_mock_site,
)
from konnector_runner.run import run_konnector

_CLEAR = {"login", "email", "username", "identifier"}
# Where authors' tools leave what they build.
_BUILD = "build"


class TrialSource:
    """The account of a mock site: made-up values, granted on its own origins."""

    def __init__(
        self,
        account: Mapping[str, str],
        origins: Sequence[str],
        plaintext: Sequence[str],
    ) -> None:
        self._account = account
        self._origins = frozenset(origins)
        self._plaintext = frozenset(plaintext)
        self._kept: dict[str, SecretText] = {}
        self.proposed: set[str] = set()

    async def fields(self) -> Sequence[CredentialField]:
        """Return the account's fields; all but names for a person are secret."""
        return [
            CredentialField(name, name not in _CLEAR, name in self._plaintext)
            for name in self._account
        ]

    async def release(
        self,
        field: str,
        *,
        origin: str | None,
        purpose: str,  # noqa: ARG002
    ) -> SecretText:
        """Return a value for one of the site's origins.

        Raises:
            ReadRefused: for another origin, or in clear where a handle is to do.
        """
        if origin is None and field not in _CLEAR | self._plaintext:
            raise ReadRefused("the trial does not hand this field's plaintext over")
        if origin is not None and origin not in self._origins:
            raise ReadRefused("the mock site has no such origin")
        return SecretText(self._account[field])

    async def keep(self, name: str, value: SecretText) -> None:
        """Keep a value until the trial ends."""
        self._kept[name] = value

    async def kept(self, name: str, *, purpose: str) -> SecretText | None:  # noqa: ARG002
        """Return what was kept."""
        return self._kept.get(name)

    async def propose(self, values: Mapping[str, SecretText]) -> None:
        """Note which names are proposed."""
        self.proposed |= values.keys()


@dataclass(frozen=True, slots=True)
class Trial:
    """What a run came to, and why that is not what was expected, if it is not."""

    konnector: str
    report: RunReport
    faults: tuple[str, ...]
    # Requests that the mock site had no answer for.
    unanswered: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the run was as expected."""
        return not self.faults


def load_trial(folder: Path) -> tuple[Konnector, MockSite]:
    """Return the konnector in *folder*, or in its `build`, and its mock site.

    Raises:
        KonnectorError, ManifestError: no konnector.
        MockSiteError: no mock site.
    """
    built = folder / _BUILD
    inside = built if (built / "main.js").is_file() else folder
    return load_konnector(inside), load_mock_site(folder / MOCK_FOLDER)


async def try_konnector(
    konnector: Konnector,
    site: MockSite,
    *,
    browser: BrowserChoice | None = None,
    limits: RunLimits | None = None,
    trace: Path | None = None,
    on_event: OnEvent = lambda _event: None,
) -> Trial:
    """Run *konnector* once against *site*, offline, in a folder that is then removed.

    *trace* is as run_konnector() has it.

    Raises:
        as run_konnector().
    """
    choice = replace(
        browser or BrowserChoice(), site=site, screen=Screen.STAND_IN, profile=None
    )
    source = TrialSource(site.account, site.origins, site.expect.plaintext)
    with tempfile.TemporaryDirectory(prefix="clisk-trial-") as folder:
        report = await run_konnector(
            konnector,
            source,
            folder=Path(folder),
            browser=choice,
            limits=limits,
            trace=trace,
            on_event=on_event,
        )
    faults = tuple(_faults(report, site.expect))
    return Trial(konnector.manifest.slug, report, faults, tuple(site.unknown))


def _faults(report: RunReport, expect: Expectation) -> list[str]:
    error = None if report.error is None else report.error.message
    saved = sorted(file.path for file in report.saved)
    compared: list[tuple[str, object, object]] = [
        ("outcome", report.outcome.value, expect.outcome)
    ]
    if expect.error is not None or expect.outcome == "done":
        compared.append(("error", error, expect.error))
    if expect.account is not None:
        compared.append(("account", report.account, expect.account))
    if expect.saved is not None:
        compared.append(("saved", saved, sorted(expect.saved)))
    if expect.bills is not None:
        compared.append(("bills", len(report.bills), expect.bills))
    return [
        f"{what}: {found!r} where {wanted!r} was expected"
        for what, found, wanted in compared
        if found != wanted
    ]
