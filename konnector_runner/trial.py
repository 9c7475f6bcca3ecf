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
from konnector_runner.errors import FormatError, KonnectorError
from konnector_runner.events import OnEvent, RunReport
from konnector_runner.konnector import (
    BUNDLE_NAME,
    MANIFEST_NAME,
    Konnector,
    load_konnector,
)
from konnector_runner.limits import RunLimits
from konnector_runner.mock_site import (
    MOCK_FOLDER,
    Expectation,
    MockSite,
    load_mock_site,
)
from konnector_runner.origin import origin_of
from konnector_runner.run import run_konnector

_CLEAR = {"login", "email", "username", "identifier"}
# Where it may be: as it is published, or where authors' tools leave what they build.
_PLACES = (".", "build", "dist", "konnector")


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
    # Names of the credentials that the konnector wants to have kept.
    proposed: tuple[str, ...] = ()

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
    places = [folder / place for place in _PLACES]
    built = [each for each in places if (each / BUNDLE_NAME).is_file()]
    if not built:
        raise KonnectorError(
            f"there is no {BUNDLE_NAME} in {folder.name}/",
            advice="a konnector as it is built: main.js and manifest.konnector, in the "
            "folder itself or in build/",
        )
    # An author's project has the manifest at the top, and a built one again.
    inside = next((p for p in built if (p / MANIFEST_NAME).is_file()), None)
    if inside is not None:
        return load_konnector(inside), load_mock_site(folder / MOCK_FOLDER)
    konnector = load_konnector(built[0], manifest=folder)
    return konnector, load_mock_site(folder / MOCK_FOLDER)


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
    origins = [*site.origins, *_vendor(konnector)]
    source = TrialSource(site.account, origins, site.expect.plaintext)
    with tempfile.TemporaryDirectory(prefix="clisk-trial-") as folder:
        report = await run_konnector(
            konnector,
            source,
            folder=Path(folder),
            browser=choice,
            account=site.known_account,
            limits=limits,
            trace=trace,
            on_event=on_event,
        )
    proposed = tuple(sorted(source.proposed))
    return Trial(
        konnector.manifest.slug,
        report,
        tuple(_faults(report, site.expect, proposed)),
        tuple(site.unknown),
        proposed,
    )


def _vendor(konnector: Konnector) -> list[str]:
    """Return the origin of the site that the manifest names, if it names one."""
    try:
        return [origin_of(konnector.manifest.vendor_link)]
    except FormatError:
        return []


def _faults(
    report: RunReport, expect: Expectation, proposed: Sequence[str]
) -> list[str]:
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
    if expect.proposed is not None:
        compared.append(("proposed", list(proposed), sorted(expect.proposed)))
    return [
        f"{what}: {found!r} where {wanted!r} was expected"
        for what, found, wanted in compared
        if found != wanted
    ]
