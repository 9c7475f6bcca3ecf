"""Everything the vault refuses, sorted by what the catcher will do.

    VaultError
    ├── CallerError            fix the program
    │   └── LockedError        unlock first
    ├── PassphraseError        ask again
    ├── ReadRefused            tell the person; the refusal is in the access log
    │   ├── PassphraseNeededError  have it typed once more, then ask again
    │   └── UnrecordedError    the record could not be written, so nothing was read
    ├── UntrustedInputError    stop, never repair
    │   ├── CrowdedError       too many changes of one device wait already
    │   ├── FormatError        not the one accepted spelling
    │   ├── TamperedError      authentic once, changed since (or the wrong key)
    │   │   └── WrongKeyError  sealed under another key; a passphrase may be wrong
    │   ├── LogDamagedError    the access log is not as this device left it
    │   ├── LogForked          a log was shown in two ways: evidence is kept
    │   ├── LogRestored        this device's own log went on elsewhere
    │   ├── LogUntrue          what a device told of a log is not so
    │   ├── CostLimitError     asks for more, or less, work than the reader allows
    │   ├── EquivocationError  one author said two things in one place
    │   └── RollbackError      older than what this device has already seen
    ├── UnsupportedError       upgrade
    ├── NotHereError           wait for another device
    └── StoreError             disk or memory; maybe retry
        ├── DiskFullError      make room
        ├── ReadOnlyError      make it writable
        ├── DiskFaultError     save what can be saved
        └── OutOfMemoryError   close other programs

Messages say what was refused and where, never a value from the input beyond a
length, an offset or a field name. ``advice`` is the next step for a person.
"""

from __future__ import annotations

from typing import ClassVar


class VaultError(Exception):
    """Root of every error that this package raises."""

    default_advice: ClassVar[str] = ""

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        super().__init__(message)
        self.advice = self.default_advice if advice is None else advice


class CallerError(VaultError):
    """The program asked for something that makes no sense."""

    default_advice = "the program that asked is at fault: please report it"


class LockedError(CallerError):
    """The vault is locked."""

    default_advice = "unlock the vault first: clisk unlock"

    def __init__(self, message: str = "the vault is locked") -> None:
        super().__init__(message)


class PassphraseError(VaultError):
    """The passphrase does not open this vault."""

    default_advice = "check the keyboard layout and caps lock, then try again"

    def __init__(
        self, message: str = "wrong passphrase", *, advice: str | None = None
    ) -> None:
        super().__init__(message, advice=advice)


class ReadRefused(VaultError):
    """A read of a secret was not allowed; the refusal was recorded."""

    default_advice = "look at `clisk grants` for what is allowed"

    def __init__(
        self, message: str, *, advice: str | None = None, nearest: bytes | None = None
    ) -> None:
        super().__init__(message, advice=advice)
        self.nearest = nearest
        """The id of the grant that came nearest to covering it, for the record."""


class PassphraseNeededError(ReadRefused):
    """The item asks for the passphrase again, before it says or asks less."""

    default_advice = (
        "type it when you are asked, or give it: --passphrase-fd; a program that has"
        " neither gets nothing from such an item"
    )

    def __init__(self, message: str = "the item asks for the passphrase again") -> None:
        super().__init__(message)


class UnrecordedError(ReadRefused):
    """A read was refused because its record could not be written."""


class UntrustedInputError(VaultError):
    """Bytes from a disk, a peer or a person that must not be used."""


class CrowdedError(UntrustedInputError):
    """A device's changes fill the room for what waits: this one is not kept waiting."""

    default_advice = (
        "something of that device is missing, or it floods the vault:"
        " look at clisk sync status"
    )


class FormatError(UntrustedInputError):
    """Bytes that are not the one accepted spelling of anything."""

    default_advice = "the data is damaged, or was not made by this program"

    def __init__(
        self, message: str, *, at: int | None = None, advice: str | None = None
    ) -> None:
        super().__init__(
            message if at is None else f"{message} at byte {at}", advice=advice
        )
        self.at = at


class TamperedError(UntrustedInputError):
    """Authentication failed: changed bytes, another context, or another key."""

    default_advice = "restore the file from a device or a backup that you trust"


class WrongKeyError(TamperedError):
    """Sealed under another key: its commitment, checked first, is not this key's."""


class LogDamagedError(UntrustedInputError):
    """The access log is not as this device left it: nothing is signed, or read."""

    default_advice = "see what is wrong with: clisk log verify"


class LogUntrue(UntrustedInputError):
    """What another device told of a log is not so; nothing of it was kept."""

    default_advice = "if it happens again, look at that device: clisk log verify"


class LogForked(UntrustedInputError):
    """One log was shown in two ways; what shows it is kept for ever."""

    default_advice = (
        "that device was restored from an older copy, cloned, or its keys are in "
        "other hands: clisk log verify --all-devices"
    )


class LogRestored(UntrustedInputError):
    """This device's log went on elsewhere: the file is an older copy of itself."""

    default_advice = (
        "this device seems to have been restored from a backup; its log was begun "
        "anew, and says so"
    )


class CostLimitError(UntrustedInputError):
    """Work outside the bounds that this reader allows, refused before any of it."""

    default_advice = "the file asks for key derivation that is not safe to run"


class EquivocationError(UntrustedInputError):
    """Something else by the same author stands in this place already."""

    default_advice = "a device was cloned or is broken: look at `clisk devices`"


class RollbackError(UntrustedInputError):
    """State older than what this device has already seen."""


class UnsupportedError(VaultError):
    """A version, suite or kind that this program does not know."""

    default_advice = "upgrade clisk-vault on this device"


class NotHereError(VaultError):
    """It is known of, and its bytes have not come yet."""

    default_advice = "fetch the rest: clisk sync"


class StoreError(VaultError):
    """The disk refused: nothing was half-written."""

    default_advice = "check free space and permissions of the vault's folder"


class DiskFullError(StoreError):
    """There is no room left on the disk."""

    default_advice = "make room on the disk, then try again"


class ReadOnlyError(StoreError):
    """The vault's file, folder or disk may not be written to."""

    default_advice = "make the vault's folder writable again, then try again"


class DiskFaultError(StoreError):
    """The disk reports that reading or writing failed."""

    default_advice = "copy the vault's folder to another disk, and check this one"


class OutOfMemoryError(StoreError):
    """There was no memory left for it: that says nothing of what was read."""

    default_advice = "close other programs, then try again: nothing is lost"
