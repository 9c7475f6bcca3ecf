"""Tokens for scripts: what they may read, how often, until when: protocol/token.md."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from clisk.errors import CliskError, HomeError
from clisk_vault.access_record import Requester, RequesterKind, Use
from clisk_vault.errors import ReadRefused, VaultError
from clisk_vault.ids import ItemId
from clisk_vault.keys import SecretText
from clisk_vault.local_seal import TableSeal
from clisk_vault.vault import Vault

PREFIX = "clisk-token-"
MAX_TOKENS = 200
_FILE = "tokens"
_TABLE = "tokens"
_BYTES = 32
OUTSIDE = "the token is for another item or field"
_CLOSED = ConfigDict(
    frozen=True, strict=True, extra="forbid", hide_input_in_errors=True
)


class TokenError(CliskError):
    """A token that is not valid here."""

    default_advice = "look at: clisk token list; make another: clisk token create"


class TokenRow(BaseModel):
    """One token; *digest* is the SHA-256 of its bytes, in hex."""

    model_config = _CLOSED
    name: str
    digest: str
    item: str
    fields: tuple[str, ...]
    uses_left: int
    made_ms: int
    expires_ms: int
    used_ms: int | None = None
    revoked: bool = False

    @property
    def requester(self) -> Requester:
        """Who asks, for the records."""
        return Requester(RequesterKind.PROGRAM, f"token {self.name}")

    def state(self, now_ms: int) -> str:
        """Return valid, revoked, expired or used-up."""
        if self.revoked:
            return "revoked"
        if now_ms >= self.expires_ms:
            return "expired"
        return "valid" if self.uses_left > 0 else "used-up"


class Book(BaseModel):
    """The whole file."""

    model_config = _CLOSED
    version: Literal[1] = 1
    tokens: tuple[TokenRow, ...] = ()


class Tokens:
    """Reads and changes the tokens of one vault; used on the vault's thread."""

    def __init__(self, folder: Path, vault: Vault) -> None:
        self._path = folder / _FILE
        self._seal = TableSeal(vault.secrets.storage, vault.id, _TABLE)
        self._clock = vault.session.clock

    def rows(self) -> tuple[TokenRow, ...]:
        """Return every token that is kept; raises HomeError."""
        try:
            sealed = self._path.read_bytes()
        except FileNotFoundError:
            return ()
        try:
            return Book.model_validate_json(self._seal.open(b"book", sealed)).tokens
        except (VaultError, ValidationError):
            raise HomeError(
                "the list of tokens cannot be read",
                advice=f"remove the file {_FILE} from the home folder: all tokens end",
            ) from None

    def add(self, row: TokenRow) -> None:
        """Keep a new token.

        Raises:
            TokenError: the name is in use, or too many are valid.
        """
        now = self._clock()
        rows = self.rows()
        valid = tuple(each for each in rows if each.state(now) == "valid")
        if any(each.name == row.name for each in valid):
            raise TokenError("a valid token has this name", advice="choose another")
        if len(valid) >= MAX_TOKENS:
            raise TokenError(
                f"at most {MAX_TOKENS} tokens", advice="revoke one: clisk token revoke"
            )
        kept = rows if len(rows) < MAX_TOKENS else valid
        kept = tuple(each for each in kept if each.name != row.name)
        self._write((*kept, row))

    def revoke(self, name: str) -> None:
        """End a token; raises TokenError where there is none by that name."""
        if all(each.name != name for each in self.rows()):
            raise TokenError("there is no token by this name")
        self._change(name, lambda row: row.model_copy(update={"revoked": True}))

    def find(self, digest: str) -> TokenRow:
        """Return the token of *digest*; raises TokenError: unknown or revoked."""
        for row in self.rows():
            if hmac.compare_digest(row.digest, digest) and not row.revoked:
                return row
        raise TokenError("not a token that is valid here")

    def admitted(self, vault: Vault, digest: str) -> TokenRow:
        """Return what find() does; a refusal is recorded."""
        try:
            return self.find(digest)
        except TokenError:
            ended = next((one for one in self.rows() if one.digest == digest), None)
            if ended is None:
                record_unknown(vault)
            else:
                why = "the token was revoked"
                vault.record_refusal(ended.requester, why, use=Use.SHOW)
            raise

    def bar(self, row: TokenRow, item: ItemId, field: str) -> str:
        """Return why *row* does not cover a read now; empty: it does."""
        now = self._clock()
        if now < max(row.made_ms, row.used_ms or 0):
            return "the clock was set back since the token was made or used"
        if now >= row.expires_ms:
            return "the token has expired"
        if row.uses_left < 1:
            return "the token is used up"
        if item.hex() != row.item or field not in row.fields:
            return OUTSIDE
        return ""

    def take_use(self, row: TokenRow) -> None:
        """Take one use off, on disk."""
        now = self._clock()
        self._change(
            row.name,
            lambda row: row.model_copy(
                update={"uses_left": row.uses_left - 1, "used_ms": now}
            ),
        )

    def _change(self, name: str, work: Callable[[TokenRow], TokenRow]) -> None:
        self._write(
            tuple(work(row) if row.name == name else row for row in self.rows())
        )

    def _write(self, rows: tuple[TokenRow, ...]) -> None:
        # Late: the runner's package is no part of a plain read.
        from konnector_runner import atomic

        text = Book(tokens=rows).model_dump_json()
        atomic.replace(self._path, self._seal.seal(b"book", text.encode()))


def record_unknown(vault: Vault) -> None:
    """Record that something was shown that is not a token here."""
    who = Requester(RequesterKind.PROGRAM, "a token")
    vault.record_refusal(who, "not a token that is valid here", use=Use.SHOW)


def spell_token(raw: bytes) -> SecretText:
    """Return the text of a token."""
    spelled = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return SecretText(PREFIX + spelled)


def token_digest(text: SecretText) -> str:
    """Return the hash by which a token is known.

    Raises:
        TokenError: not the one spelling of a token (protocol/token.md §1).
    """
    given = text.expose()
    body = given.removeprefix(PREFIX)
    try:
        raw = base64.b64decode(body + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise TokenError("not a token that is valid here") from None
    if len(raw) != _BYTES or spell_token(raw).expose() != given:
        raise TokenError("not a token that is valid here")
    return hashlib.sha256(raw).hexdigest()


class TokenReads:
    """What judges and counts the reads of one connection that showed a token."""

    def __init__(self, folder: Path, digest: str) -> None:
        self._folder = folder
        self._digest = digest

    def who(self, vault: Vault) -> Requester:
        """Return who asks; raises TokenError if it was revoked meanwhile."""
        tokens = Tokens(self._folder, vault)
        return tokens.admitted(vault, self._digest).requester

    def admit(
        self, vault: Vault, item: ItemId, field: str, *, seed: bool = False
    ) -> tuple[Requester, str]:
        """Return who asks, and why it is barred; takes a use where it is not.

        *seed*: it would be the seed of one-time codes that is given out.

        Raises:
            TokenError: it was revoked meanwhile.
        """
        tokens = Tokens(self._folder, vault)
        row = tokens.admitted(vault, self._digest)
        barred = tokens.bar(row, item, field)
        if not barred and vault.view(item).asks_passphrase:
            barred = "the item asks for the passphrase again, which no token can give"
        if seed and not barred:
            barred = "a token gives one-time codes, and never their seed"
        if not barred:
            tokens.take_use(row)
        return row.requester, barred


@contextmanager
def unseen(token: TokenReads | None) -> Iterator[None]:
    """Refuse names that mean nothing as if they meant something of somebody else.

    Otherwise who has a token could ask which items there are.
    """
    try:
        yield
    except CliskError:
        if token is None:
            raise
        raise ReadRefused(OUTSIDE) from None
