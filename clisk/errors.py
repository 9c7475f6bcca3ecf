"""What the program itself refuses. The packages below have trees of their own.

CliskError
├── UsageError          call the program in another way (exit code 2)
├── InputError          something to be typed or read did not come
│   └── NoTerminalError nobody can be asked here
├── HomeError           the folder is not fit to hold a vault
├── KeychainError       this system keeps no secrets for us
├── AgentAbsentError    no agent listens
├── NotFilledError      a page asked for nothing that may be filled
├── LogFaultError       a log that was checked is not as it was written
├── WireError           the other end does not speak protocol/agent.md
└── AgentRefusal        the agent said no, and why

Kept free of imports: every start of the program pays for this file.
"""

from __future__ import annotations


class CliskError(Exception):
    """Root of every error that this package raises."""

    default_advice = ""

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        super().__init__(message)
        self.advice = self.default_advice if advice is None else advice


class UsageError(CliskError):
    """The command line asks for something that makes no sense."""

    default_advice = "the command with --help shows how it is meant"


class InputError(CliskError):
    """What should have been typed, or read from a descriptor, did not come."""


class NoTerminalError(InputError):
    """There is no terminal, so nobody can be asked."""


class HomeError(CliskError):
    """The home folder cannot hold a vault safely."""


class KeychainError(CliskError):
    """The operating system's keychain did not answer, or there is none."""


class AgentAbsentError(CliskError):
    """No agent listens in this home folder."""

    default_advice = "start one by unlocking the vault: clisk unlock"

    def __init__(
        self, message: str = "no agent is running", *, advice: str | None = None
    ) -> None:
        super().__init__(message, advice=advice)


class LogFaultError(CliskError):
    """A log that was checked is not as it was written."""

    default_advice = "keep a copy of what was checked as it is; do not repair it"


class NotFilledError(CliskError):
    """Nothing was written into the page; the message says why."""


class WireError(CliskError):
    """Bytes on the agent's socket that protocol/agent.md does not allow."""

    default_advice = "both ends must be the same version: clisk agent stop, then retry"


class AgentRefusal(CliskError):
    """The agent refused; *name* is the class of its error."""

    def __init__(self, name: str, message: str, *, advice: str) -> None:
        super().__init__(message, advice=advice)
        self.name = name
