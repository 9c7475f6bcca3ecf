"""The table of what the agent can be asked: protocol/agent.md §4."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, PlainValidator, WithJsonSchema

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk_vault.keys import SecretText

# Unknown names are refused: they may be misspelt. Inputs stay out of errors: a
# rejected value may be a passphrase.
_CLOSED = ConfigDict(
    frozen=True,
    extra="forbid",
    strict=True,
    hide_input_in_errors=True,
)


class Params(BaseModel):
    """What a request carries."""

    model_config = _CLOSED


class Answer(BaseModel):
    """What the agent answers."""

    model_config = _CLOSED


def _take_secret(value: object) -> SecretText:
    if not isinstance(value, str):
        raise ValueError("not text")  # noqa: TRY004 - pydantic turns ValueError into its own
    return SecretText(value)


Secret = Annotated[
    SecretText,
    PlainValidator(_take_secret),
    WithJsonSchema({"type": "string", "writeOnly": True}),
]
"""A secret in a request: it becomes a SecretText before anything else sees it."""


class NoParams(Params):
    """Nothing is asked for beyond the operation itself."""


class Done(Answer):
    """It is done, and there is nothing to add."""


ParamsT = TypeVar("ParamsT", bound=Params)
AnswerT = TypeVar("AnswerT", bound=Answer)
Handler = Callable[[Agent, Caller, ParamsT], Awaitable[AnswerT]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row: its name, its two models, and what runs it."""

    name: str
    params: type[Params]
    answer: type[Answer]
    run: Callable[[Agent, Caller, Any], Awaitable[Answer]]
    counts_as_use: bool

    @property
    def says(self) -> str:
        """What it does, in the first paragraph of its handler's docstring."""
        return (inspect.getdoc(self.run) or "").split("\n\n")[0].replace("\n", " ")


OPERATIONS: dict[str, Operation] = {}


def operation(
    name: str,
    params: type[ParamsT],
    answer: type[AnswerT],
    *,
    counts_as_use: bool = True,
) -> Callable[[Handler[ParamsT, AnswerT]], Handler[ParamsT, AnswerT]]:
    """Enter a handler in the table.

    *counts_as_use* puts off the automatic lock: a person, or a konnector that
    a person started, is at work.
    """

    def enter(run: Handler[ParamsT, AnswerT]) -> Handler[ParamsT, AnswerT]:
        OPERATIONS[name] = Operation(name, params, answer, run, counts_as_use)
        return run

    return enter
