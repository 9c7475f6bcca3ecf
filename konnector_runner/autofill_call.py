"""autofill: the launcher's own eyes and hands, for a konnector that asks for them.

No other launcher has this method, and there the call is answered as any unknown one.
It gives nothing that fillText does not: values go to granted origins alone, each
recorded before. Spec: protocol/konnector-bridge.md §4.8.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from clisk_vault.keys import SecretText
from konnector_runner.arguments import Method, argument
from konnector_runner.credential_desk import CredentialDesk
from konnector_runner.credentials import CredentialField
from konnector_runner.errors import DocumentGone
from konnector_runner.link import Link
from konnector_runner.method_error import MethodError
from konnector_runner.strict_json import Json

if TYPE_CHECKING:
    from konnector_runner.autofill.fill import FillReport, FillRequest

NAME = "autofill"
_PURPOSE = f"filled in by {NAME}"
_SUBMIT, _TIMEOUT = "submit", "timeout"
_DEFAULT_MS = 5_000
_MAX_MS = 60_000
_WATCH_MS = 1_000
# The names that konnectors have for who logs in, the likeliest first.
_USER_NAMES = ("login", "email", "username", "identifier")
_PASSWORD = "password"  # noqa: S105 - the name of a field


class AutofillCall:
    """Fills the login of the worker's page as `clisk fill` does."""

    def __init__(
        self,
        worker: Link,
        desk: CredentialDesk,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worker = worker
        self._desk = desk
        self._clock = clock

    def methods(self) -> dict[str, Method]:
        """Return the methods of the pilot's that are answered here."""
        return {NAME: self._autofill}

    async def _autofill(self, args: list[Json]) -> Json:
        submit, seconds = _options(argument(args, 0))
        await self._worker.ready()
        document = self._worker.document
        if document is None or document.origin is None:
            return _answer_none("no-origin")
        fields = await self._desk.fields()
        request = _request(document.origin, fields, submit=submit)
        values = _Values(self._desk, fields)
        try:
            # The person's keys may be kept off the page, and ours are like theirs.
            async with self._worker.page.front.input_allowed():
                report = await self._fill(
                    request, values, until=self._clock() + seconds
                )
        except DocumentGone:
            # As with runInWorker: the page went, and nothing is done twice.
            await self._worker.ready()
            return False
        return _answer(report)

    async def _fill(
        self, request: FillRequest, values: _Values, *, until: float
    ) -> FillReport:
        from konnector_runner.autofill.fill import fill
        from konnector_runner.autofill.follow import change

        page = self._worker.page
        while True:
            report = await fill(page, request, values)
            left = int(1000 * (until - self._clock()))
            if report.filled or left <= 0:
                return report
            await change(page, min(left, _WATCH_MS))


class _Values:
    """The desk as the engine asks it: a release is for the origin of a frame."""

    def __init__(self, desk: CredentialDesk, fields: Sequence[CredentialField]) -> None:
        self._desk = desk
        # What the konnector's code gets as it is may stay readable to it in the page.
        self._secret = {f.name for f in fields if f.secret and not f.plaintext}

    async def release(
        self, field: str, *, origin: str | None, purpose: str
    ) -> SecretText:
        return await self._desk.release_for(
            field, origin=origin, purpose=purpose, secret=field in self._secret
        )


def _request(
    origin: str, fields: Sequence[CredentialField], *, submit: bool
) -> FillRequest:
    # Late: the matcher is large, and few konnectors ask for it.
    from konnector_runner.autofill.fill import FillRequest
    from konnector_runner.autofill.matching import Site
    from konnector_runner.autofill.plan import Role

    has = {field.name for field in fields}
    name = next((each for each in _USER_NAMES if each in has), None)
    roles = {} if name is None else {Role.USERNAME: name}
    if _PASSWORD in has:
        roles[Role.CURRENT_PASSWORD] = _PASSWORD
    # Where the page is decides nothing: the source grants its origin or does not.
    return FillRequest([Site(origin)], roles, purpose=_PURPOSE, submit=submit)


def _options(given: Json) -> tuple[bool, float]:
    """Return whether to send the form, and the seconds that it may take to come."""
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise MethodError(f"{NAME}: argument 1 is not an object")
    if unknown := sorted(given.keys() - {_SUBMIT, _TIMEOUT}):
        # Silence would leave an author to believe in a misspelt option.
        raise MethodError(f"{NAME}: no such option: {unknown[0][:64]}")
    submit = given.get(_SUBMIT, False)
    timeout = given.get(_TIMEOUT, _DEFAULT_MS)
    if not isinstance(submit, bool):
        raise MethodError(f"{NAME}: submit is not true or false")
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise MethodError(f"{NAME}: timeout is not a number")
    return submit, min(max(timeout, 0), _MAX_MS) / 1000


def _answer(report: FillReport) -> Json:
    refusal = report.refusal
    return {
        "kind": report.kind.value,
        "filled": [role.value for role in report.filled],
        "altered": [role.value for role in report.altered],
        "submitted": report.submitted,
        "refusal": None if refusal is None else refusal.name.lower().replace("_", "-"),
    }


def _answer_none(refusal: str) -> Json:
    return {
        "kind": "nothing",
        "filled": [],
        "altered": [],
        "submitted": False,
        "refusal": refusal,
    }
