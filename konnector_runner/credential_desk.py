"""Credentials in a run: who gets a handle, who gets a value, and where.

The konnector's code gets clear fields and handles. A handle becomes its value
only in a call to the worker page, after the source has granted and recorded
that read for the page's origin. Each attempt is in the run's report.

Spec: protocol/konnector-bridge.md §5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clisk_vault.errors import ReadRefused
from clisk_vault.keys import SecretText
from konnector_runner.credentials import (
    CredentialField,
    KonnectorSource,
    Release,
)
from konnector_runner.handles import Handles
from konnector_runner.redaction import Redactor
from konnector_runner.strict_json import Json, encode_json

TO_KONNECTOR = "handed to the konnector's code"
# A secret, by a grant that says so: the log is to show that it was this one.
IN_PLAIN = "handed to the konnector's code as plain text"
# The name that an origin-less page has in JavaScript; no grant names it.
NO_ORIGIN = "null"
# Konnectors call the same thing by either name.
_ALIASES = {"login": "email", "email": "login"}
_MAX_FIELDS = 64
_MAX_VALUE = 64 * 1024


class CredentialDesk:
    """Stands between the source and the konnector's code for one run."""

    def __init__(
        self,
        source: KonnectorSource,
        handles: Handles,
        redactor: Redactor,
        *,
        note: Callable[[Release], None],
    ) -> None:
        self._source = source
        self._handles = handles
        self._redactor = redactor
        self._note = note
        self._given: dict[str, SecretText] = {}

    async def fields(self) -> Sequence[CredentialField]:
        """Return what the account has."""
        return await self._source.fields()

    async def hand_out(self) -> dict[str, Json] | None:
        """Return what getCredentials answers; None when there is no account.

        Raises:
            ReadRefused: the konnector may not have a clear field.
        """
        fields = await self._source.fields()
        if not fields:
            return None
        given: dict[str, Json] = {}
        for field in fields:
            if field.secret and not field.plaintext:
                given[field.name] = self._handles.issue(field.name)
                continue
            purpose = IN_PLAIN if field.secret else TO_KONNECTOR
            value = await self._release(field.name, None, purpose)
            self._given[field.name] = value
            given[field.name] = value.expose()
        for name, alias in _ALIASES.items():
            if name in given:
                given.setdefault(alias, given[name])
        return given

    async def fill(
        self, args: list[Json], *, origin: str | None, method: str
    ) -> list[Json]:
        """Return *args* with each handle's value, released for *origin*.

        All of the call's fields are released, or none is filled in.

        Raises:
            ReadRefused: the source does not grant one of them there.
        """
        released: dict[str, SecretText] = {}
        purpose = f"filled in by {method}"
        for field in sorted(self._handles.fields_in(args)):
            released[field] = await self.release_for(
                field, origin=origin, purpose=purpose
            )
        return [self._handles.fill(arg, released) for arg in args]

    async def release_for(
        self, field: str, *, origin: str | None, purpose: str, secret: bool = True
    ) -> SecretText:
        """Return a value for a page of *origin*; a *secret* is taken back from now on.

        Raises:
            ReadRefused: the source does not grant it there.
        """
        value = await self._release(field, origin or NO_ORIGIN, purpose)
        if origin is None:
            # Whatever the source said: such a page can not be told apart.
            raise ReadRefused("a page without an origin gets no credential")
        if secret:
            self._handles.remember(field, value)
        return value

    async def keep(self, name: str, text: str) -> None:
        """Keep *text*, a secret of the konnector's own making, for later runs."""
        value = SecretText(text)
        self._redactor.add(value)
        await self._source.keep(name, value)

    async def kept(self, name: str) -> str | None:
        """Return what keep() was given for *name*, in this run or an earlier one.

        Raises:
            ReadRefused: the source does not give it.
        """
        value = await self._source.kept(name, purpose=TO_KONNECTOR)
        if value is None:
            return None
        self._redactor.add(value)
        self._note(Release(name, None, TO_KONNECTOR, granted=True))
        return value.expose()

    async def propose(self, values: dict[str, Json]) -> bool:
        """Pass on what the konnector wants saved; say whether anything was new."""
        if len(values) > _MAX_FIELDS:
            values = dict(list(values.items())[:_MAX_FIELDS])
        proposed = {
            name: SecretText(text)
            for name, value in values.items()
            if value is not None and not self._handles.fields_in(value)
            for text in [value if isinstance(value, str) else encode_json(value)]
            if 0 < len(text) <= _MAX_VALUE
        }
        for value in proposed.values():
            self._redactor.add(value)
        new = {
            name: value
            for name, value in proposed.items()
            if not self._is_known(name, value)
        }
        if new:
            await self._source.propose(new)
        return bool(new)

    def _is_known(self, name: str, value: SecretText) -> bool:
        known = self._given.get(name) or self._given.get(_ALIASES.get(name, name))
        return known is not None and known == value

    async def _release(
        self, field: str, origin: str | None, purpose: str
    ) -> SecretText:
        try:
            value = await self._source.release(field, origin=origin, purpose=purpose)
        except ReadRefused:
            self._note(Release(field, origin, purpose, granted=False))
            raise
        self._redactor.add(value)
        self._note(Release(field, origin, purpose, granted=True))
        return value
