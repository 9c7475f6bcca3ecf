"""What one entry of the access log says: protocol/access-log.md §6.

Who asked, for what, why, for which origin, and what came of it. Knows nothing
of trees, keys or storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias, TypeVar

from clisk_vault import cbor
from clisk_vault.errors import CallerError, FormatError, UnsupportedError
from clisk_vault.ids import (
    DEVICE_ID_LENGTH,
    GRANT_ID_LENGTH,
    HASH_LENGTH,
    ITEM_ID_LENGTH,
    DeviceId,
    GrantId,
    ItemId,
)

MAX_TEXT_CHARS = 512
MAX_CONTENT_BYTES = 4094  # with two bytes of length: 16 buckets of 256
_MAX_TIME_MS = (1 << 48) - 1

(
    _OUTCOME,
    _WHO,
    _ITEM,
    _FIELD,
    _PURPOSE,
    _ORIGIN,
    _GRANT,
    _DEVICE,
    _TIME,
    _USE,
    _POLICY,
) = range(1, 12)
_DAYS, _ENTRIES = range(1, 3)
_MAX_KEPT = (1 << 32) - 1
_KIND, _NAME, _DIGEST = range(1, 4)
_MARK = {_DEVICE, _TIME, _POLICY}
_RECORD = {
    _OUTCOME: int,
    _WHO: dict,
    _PURPOSE: str,
    _DEVICE: bytes,
    _TIME: int,
    _USE: int,
}
_RECORD_MAY = {_ITEM: bytes, _FIELD: str, _ORIGIN: str, _GRANT: bytes}
_REQUESTER = {_KIND: int, _NAME: str}
_REQUESTER_MAY = {_DIGEST: bytes}


class Outcome(IntEnum):
    """What came of a request. Granted means released: it is written before."""

    GRANTED = 1
    REFUSED = 2
    FAILED = 3


class RequesterKind(IntEnum):
    """On whose behalf a request is made."""

    PERSON = 1
    DASHBOARD = 2
    PROGRAM = 3
    KONNECTOR = 4
    EXPORT = 5
    RECOVERY = 6
    VAULT = 7
    """The program by itself, with nobody asking: a check that runs by the clock."""


class Use(IntEnum):
    """What is done with the value: protocol/access-log.md §6.1 says each in words."""

    SHOW = 1
    COPY = 2
    TOTP = 3
    FILL = 4
    HAND_OVER = 5
    HISTORY = 6
    COMPARE = 7
    EXPORT = 8
    BACKUP = 9
    GIT_CREDENTIAL = 10
    DOCKER_CREDENTIAL = 11
    SSH_SIGN = 12
    INJECT = 13
    HEALTH = 14
    DUPLICATES = 15
    OPEN_LOG = 16
    RECOVERY = 17
    ATTACHMENT = 18
    PASSKEY_SIGN = 19
    EDIT = 20
    UNLOCK = 21

    @property
    def word(self) -> str:
        """Return how it is written in lists and filters: `git-credential`."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def of(cls, word: str) -> Use:
        """Return the use that *word* names.

        Raises:
            CallerError: it names none.
        """
        for use in cls:
            if use.word == word:
                return use
        raise CallerError(
            "no such use of a value",
            advice=f"one of: {', '.join(use.word for use in cls)}",
        )


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks: a kind, a name to show, and for code the digest of it."""

    kind: RequesterKind
    name: str
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """One request to read a secret. ``time_ms`` is informative: never an order."""

    outcome: Outcome
    who: Requester
    purpose: str
    device: DeviceId
    time_ms: int
    item: ItemId | None = None
    field: str | None = None
    origin: str | None = None
    grant: GrantId | None = None
    use: Use = Use.SHOW

    def __post_init__(self) -> None:
        """Refuse what would not be read back.

        Raises:
            CallerError: a text too long, an id of another length, a time out of range.
        """
        for text in (self.who.name, self.purpose, self.field, self.origin):
            if text is not None and len(text) > MAX_TEXT_CHARS:
                raise CallerError(
                    f"access record: a text over {MAX_TEXT_CHARS} characters",
                    advice="use fewer words",
                )
        for raw, length in (
            (self.device, DEVICE_ID_LENGTH),
            (self.item, ITEM_ID_LENGTH),
            (self.grant, GRANT_ID_LENGTH),
            (self.who.digest, HASH_LENGTH),
        ):
            if raw is not None and len(raw) != length:
                raise CallerError(f"access record: an id is not {length} bytes")
        if not 0 <= self.time_ms <= _MAX_TIME_MS:
            raise CallerError("access record: time out of range")

    def to_json(self) -> dict[str, str | int | None]:
        """Return the record as `clisk log list --json` shows it."""
        return {
            "outcome": self.outcome.name.lower(),
            "kind": self.who.kind.name.lower(),
            "name": self.who.name,
            "digest": _hex(self.who.digest),
            "item": _hex(self.item),
            "field": self.field,
            "use": self.use.word,
            "purpose": self.purpose,
            "origin": self.origin,
            "grant": _hex(self.grant),
            "device": self.device.hex(),
            "time_ms": self.time_ms,
        }


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what entries say is kept: an entry stays if either limit keeps it."""

    keep_days: int | None
    keep_entries: int | None

    def __post_init__(self) -> None:
        """Refuse what would not be read back; raises CallerError."""
        limits = (self.keep_days, self.keep_entries)
        if limits == (None, None):
            raise CallerError(
                "retention policy: keeps nothing by any rule",
                advice="clisk log retention --help says what is allowed",
            )
        if any(one is not None and not 1 <= one <= _MAX_KEPT for one in limits):
            raise CallerError(
                "retention policy: a limit out of range",
                advice="clisk log retention --help says what is allowed",
            )

    def __str__(self) -> str:
        rules = []
        if self.keep_days is not None:
            rules.append(f"what is younger than {self.keep_days} days")
        if self.keep_entries is not None:
            rules.append(f"the newest {self.keep_entries} entries")
        return f"keep {' and '.join(rules)}"

    def to_cbor(self) -> dict[int, cbor.Encodable]:
        """Return the policy as it stands in an entry."""
        return _present({_DAYS: self.keep_days, _ENTRIES: self.keep_entries})

    @classmethod
    def parse(cls, value: cbor.Value) -> Retention:
        """Return the policy that *value* spells.

        Raises:
            FormatError: not a policy. CallerError: one that keeps nothing.
        """
        fields: dict[int, Any] = dict(
            cbor.expect_map(
                value, {}, optional={_DAYS: int, _ENTRIES: int}, what="retention policy"
            )
        )
        return cls(fields.get(_DAYS), fields.get(_ENTRIES))


@dataclass(frozen=True, slots=True)
class LogMark:
    """An event of the log itself (genesis, heartbeat, ...): where and when.

    ``policy``: by which contents were erased, where that is the event.
    """

    device: DeviceId
    time_ms: int
    policy: Retention | None = None

    def __post_init__(self) -> None:
        """Refuse what would not be read back; raises CallerError."""
        if len(self.device) != DEVICE_ID_LENGTH:
            raise CallerError(f"log mark: device id is not {DEVICE_ID_LENGTH} bytes")
        if not 0 <= self.time_ms <= _MAX_TIME_MS:
            raise CallerError("log mark: time out of range")

    def to_json(self) -> dict[str, str | int | None]:
        """Return the mark as `clisk log list --json` shows it."""
        return {"device": self.device.hex(), "time_ms": self.time_ms}


Content: TypeAlias = AccessRecord | LogMark
_Known = TypeVar("_Known", Outcome, RequesterKind, Use)


def encode_content(content: Content) -> bytes:
    """Return the one encoding of what an entry says (protocol/access-log.md §6).

    Raises:
        CallerError: longer than an entry may be.
    """
    if isinstance(content, LogMark):
        policy = None if content.policy is None else content.policy.to_cbor()
        mark: dict[int, cbor.Encodable] = {
            _DEVICE: content.device,
            _TIME: content.time_ms,
            _POLICY: policy,
        }
        return cbor.encode(_present(mark))
    who: dict[int, cbor.Encodable] = {
        _KIND: int(content.who.kind),
        _NAME: content.who.name,
        _DIGEST: content.who.digest,
    }
    value: dict[int, cbor.Encodable] = {
        _OUTCOME: int(content.outcome),
        _WHO: _present(who),
        _ITEM: content.item,
        _FIELD: content.field,
        _PURPOSE: content.purpose,
        _ORIGIN: content.origin,
        _GRANT: content.grant,
        _DEVICE: content.device,
        _TIME: content.time_ms,
        _USE: int(content.use),
    }
    data = cbor.encode(_present(value))
    if len(data) > MAX_CONTENT_BYTES:
        raise CallerError(f"access record: longer than {MAX_CONTENT_BYTES} bytes")
    return data


def parse_content(data: bytes) -> Content:
    """Return what *data* says.

    Raises:
        FormatError: not a record or a mark, or not its one spelling.
        UnsupportedError: an outcome, a kind of requester or a use not known here.

    Spec: protocol/access-log.md §6. Vectors: access-log/content/.
    """
    what = "access record"
    value = cbor.parse(data, max_bytes=MAX_CONTENT_BYTES, what=what)
    try:
        if isinstance(value, dict) and value.keys() <= _MARK:
            return _parse_mark(value)
        return _parse_access(value, what)
    except CallerError as err:
        raise FormatError(str(err)) from None


def _parse_mark(value: cbor.Value) -> LogMark:
    mark = cbor.expect_map(
        value, {_DEVICE: bytes, _TIME: int}, optional={_POLICY: dict}, what="log mark"
    )
    device, time = mark[_DEVICE], mark[_TIME]
    assert isinstance(device, bytes)
    assert isinstance(time, int)
    policy = Retention.parse(mark[_POLICY]) if _POLICY in mark else None
    return LogMark(DeviceId(device), time, policy)


def _parse_access(value: cbor.Value, what: str) -> AccessRecord:
    fields: dict[int, Any] = cbor.expect_map(
        value, _RECORD, optional=_RECORD_MAY, what=what
    )
    who: dict[int, Any] = cbor.expect_map(
        fields[_WHO],
        _REQUESTER,
        optional=_REQUESTER_MAY,
        what="access record: requester",
    )
    return AccessRecord(
        outcome=_known(Outcome, fields[_OUTCOME], "outcome"),
        who=Requester(
            _known(RequesterKind, who[_KIND], "kind of requester"),
            who[_NAME],
            who.get(_DIGEST),
        ),
        purpose=fields[_PURPOSE],
        device=fields[_DEVICE],
        time_ms=fields[_TIME],
        item=fields.get(_ITEM),
        field=fields.get(_FIELD),
        origin=fields.get(_ORIGIN),
        grant=fields.get(_GRANT),
        use=_known(Use, fields[_USE], "use"),
    )


def _known(kind: type[_Known], number: int, what: str) -> _Known:
    try:
        return kind(number)
    except ValueError:
        raise UnsupportedError(f"access record: {what} {number} is not known") from None


def _present(fields: Mapping[int, cbor.Encodable]) -> dict[int, cbor.Encodable]:
    return {key: value for key, value in fields.items() if value is not None}


def _hex(raw: bytes | None) -> str | None:
    return None if raw is None else raw.hex()
