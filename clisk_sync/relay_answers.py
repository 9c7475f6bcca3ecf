"""The JSON bodies of the relay API, for both ends: protocol/relay-api.md.

Schema: protocol/schemas/relay-api.json, made from these models.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clisk_sync.errors import RelayMisbehaved

MAX_ANSWER_BYTES = 16 << 10
MAX_POSITION = (1 << 63) - 1
# On a page of the log: the newest position when the page was begun.
HEAD_HEADER = "clisk-head"
# On a page: how many membership records there were then.
RECORDS_HEADER = "clisk-records"
INVITE_HEADER = "clisk-invite"

HexHash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Position = Annotated[int, Field(ge=0, le=MAX_POSITION)]
Milliseconds = Annotated[int, Field(ge=0, le=MAX_POSITION)]


class Answer(BaseModel):
    """A body that one end writes and the other must read exactly."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True
    )


class Created(Answer):
    vault: HexHash
    created: bool


class Challenge(Answer):
    challenge: Annotated[str, Field(pattern=r"^([0-9a-f]{2}){16,128}$")]
    expires_at: Milliseconds


class Token(Answer):
    token: Annotated[str, Field(pattern=r"^[0-9A-Za-z._~+/-]{16,512}$")]
    expires_at: Milliseconds


class RecordIndex(Answer):
    index: Position


class Placed(Answer):
    position: Position


class Health(Answer):
    status: Annotated[str, Field(pattern=r"^ok$")]


class Head(Answer):
    number: Position
    hash: HexHash


class Refused(Answer):
    error: Annotated[str, Field(pattern=r"^[a-z-]{1,40}$")]
    message: Annotated[str, Field(max_length=1000)]
    advice: Annotated[str, Field(max_length=1000)]
    head: Head | None = None
    retry_after_seconds: Annotated[float, Field(ge=0)] | None = None


AnswerT = TypeVar("AnswerT", bound=Answer)


def parse_answer(model: type[AnswerT], body: bytes) -> AnswerT:
    """Return the answer that *body* spells.

    Raises:
        RelayMisbehaved: anything that the schema does not allow.
    """
    try:
        return model.model_validate_json(body)
    except (ValidationError, RecursionError):
        # The cause would quote what the relay wrote.
        raise RelayMisbehaved(
            f"the relay's answer is not a {model.__name__.lower()} answer"
        ) from None
