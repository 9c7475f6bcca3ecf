"""Everything sync refuses, sorted by what the catcher will do.

    SyncError
    ├── CallerError              fix the program
    ├── PeerError                stop, keep the evidence; never repair
    │   ├── RelayMisbehaved      the relay's answer breaks protocol/relay-api.md
    │   ├── MembershipError      a record that must not be believed (membership.md §5)
    │   │   ├── MembershipFork      two valid records at one height: evidence of both
    │   │   ├── MembershipRollback  the relay gives fewer records than before
    │   │   └── RecordsWithheld     a peer knows a record that the relay does not give
    │   ├── KitUsed              a recovery kit let a device in: told, not refused
    │   ├── ForeignEnvelope      another vault's envelope
    │   ├── NotAMember           signed by no member
    │   ├── FrontierError        what a relay did to the envelopes (envelope.md §6)
    │       ├── ReplayedEnvelope     seen before
    │       ├── GapError             one before it is missing
    │       ├── UnknownEpoch         sealed in an epoch that is not known here
    │       ├── PreviousMismatch     builds on another envelope than the one we hold
    │       ├── ForkDetected         two envelopes at one number
    │       ├── AfterTheCut          written after its author was revoked
    │       ├── StaleEpoch           sealed in an epoch that its author knew to be over
    │       ├── FrontierRegression   its author knew more before
    │       ├── RollbackDetected     the relay gives less than it gave before
    │       ├── Withheld             a peer has it, the relay does not give it
    │       ├── CloneDetected        the relay holds more of our own chain than we do
    │       └── CoveredEnvelope      a snapshot took its place here
    │   └── SnapshotError        a snapshot that must not be taken (snapshot.md §5)
    │       ├── SnapshotForged       signed by no active member, or other parts
    │       ├── SnapshotReplayed     an older one than was taken
    │       ├── SnapshotFork         two at one height: evidence of both
    │       ├── SnapshotContradicted covers another envelope than was verified
    │       ├── SnapshotUnproven     moves a chain that its device has not signed for
    │       ├── SnapshotInvents      a change that nobody sent
    │       ├── SnapshotDrops        lacks a change that it should have
    │       ├── SnapshotWithheld     a peer announced it, the relay does not give it
    │       └── DeletedEarly         envelopes went before this device had signed
    ├── RevokedError             this device is no member any more: it stops here
    ├── PairingError             this pairing is over, except for WrongDigits
    │   ├── PairingCodeError         not a pairing code
    │   ├── PairingExpired           too late
    │   ├── PairingFailed            not the other device, or not as promised
    │   ├── PairingAlreadyScanned    somebody used this code before
    │   ├── PairingClosed            refused, or too many wrong digits
    │   └── WrongDigits              try again; ``tries_left`` says how often
    ├── KitError                 what was typed or scanned is not a usable recovery kit
    │   └── KitNotMember             it is no member of that vault, or no longer
    ├── TransportError           no answer: retry later, nothing is known to be done
    └── RelayRefused             an answer: the relay says no, and ``code`` says why
        ├── AuthError            not signed in, or not a member
        ├── UnknownVaultError    the relay has no such vault
        ├── QuotaError           full: nothing was stored
        ├── RateError            too fast: retry after ``retry_after_seconds``
        ├── UnknownSnapshotError  no such snapshot, or no such part
        ├── SlotTakenError       something else stands in this mailbox slot
        └── ConflictError        the relay holds something else; its head says what
            ├── SnapshotConflictError another snapshot is the newest one
            ├── NumberTakenError      another envelope stands at this number: evidence
            └── RecordConflictError   the membership log has moved on

Messages say what was refused and where, never a value from the input and never
words of the relay's: a relay that may write into a person's terminal can ask
for a password there. ``advice`` is the next step for a person.
"""

from __future__ import annotations

from typing import ClassVar

from clisk_vault.ids import DeviceId, EnvelopeHash


class SyncError(Exception):
    """Root of every error that this package raises."""

    default_advice: ClassVar[str] = ""

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        super().__init__(message)
        self.advice = self.default_advice if advice is None else advice


class CallerError(SyncError):
    """The program asked for something that makes no sense."""

    default_advice = "the program that asked is at fault: please report it"


class PeerError(SyncError):
    """Something another party sent breaks the protocol."""


class RelayMisbehaved(PeerError):
    """The relay's answer is not one that the protocol allows."""

    default_advice = "check that the address is a clisk relay, and who runs it"


class TransportError(SyncError):
    """The relay gave no answer; nothing is known to have happened. Retry."""

    default_advice = "your changes are kept on this device; sync again later"


class RelayRefused(SyncError):
    """The relay answered no."""

    default_advice = "see protocol/relay-api.md for what this refusal means"

    def __init__(self, message: str, *, code: str, advice: str | None = None) -> None:
        super().__init__(message, advice=advice)
        self.code = code


class AuthError(RelayRefused):
    """The relay does not take this device for a member."""

    default_advice = "ask another device whether this one has been revoked"


class UnknownVaultError(RelayRefused):
    """The relay has never heard of this vault, or has lost it."""

    default_advice = "check the relay's address, or create the vault there again"


class QuotaError(RelayRefused):
    """The relay is full for us. Nothing was stored; nothing here is lost."""

    default_advice = "ask who runs the relay for more room; changes stay queued here"


class RateError(RelayRefused):
    """Too many requests."""

    default_advice = "wait a little and sync again; changes stay queued here"

    def __init__(
        self,
        message: str,
        *,
        code: str,
        retry_after_seconds: float,
        advice: str | None = None,
    ) -> None:
        super().__init__(message, code=code, advice=advice)
        self.retry_after_seconds = retry_after_seconds


class ConflictError(RelayRefused):
    """The relay holds something else than the caller believed.

    *head_number* and *head_hash* are what the relay says it holds: an untrusted
    claim, to be checked by reading the log.
    """

    default_advice = "read the news from the relay, then try again"

    def __init__(
        self,
        message: str,
        *,
        code: str,
        head_number: int,
        head_hash: bytes,
        advice: str | None = None,
    ) -> None:
        super().__init__(message, code=code, advice=advice)
        self.head_number = head_number
        self.head_hash = head_hash


class NumberTakenError(ConflictError):
    """Another envelope of this device stands at this number: a fork or a clone."""

    default_advice = "this device may have been restored from a backup"

    @property
    def stored(self) -> EnvelopeHash:
        """The hash of the envelope that the relay holds at the number."""
        return EnvelopeHash(self.head_hash)


class RecordConflictError(ConflictError):
    """Another membership record was appended first; build on it and try again."""


class SnapshotConflictError(ConflictError):
    """Another snapshot is the newest one on the relay: look at that first."""


class UnknownSnapshotError(RelayRefused):
    """The relay does not have this snapshot, or this part of one."""


class SlotTakenError(RelayRefused):
    """Something else already stands in this mailbox slot."""

    default_advice = "somebody used this code already: make a new one"


class MembershipError(PeerError):
    """A membership record that must not be believed; *height* says which."""

    default_advice = "the relay may be lying about your devices: do not pair over it"

    def __init__(self, message: str, *, height: int) -> None:
        super().__init__(f"membership record {height}: {message}")
        self.height = height


class MembershipFork(MembershipError):
    """Two records at one height, each believed by a device.

    *ours* is the record believed here; *theirs* the other one, or the envelope
    in which its author names it.
    """

    default_advice = "compare the safety code of your devices; keep the evidence"

    def __init__(self, *, height: int, ours: bytes, theirs: bytes) -> None:
        super().__init__("another one is believed elsewhere", height=height)
        self.ours = ours
        self.theirs = theirs


class MembershipRollback(MembershipError):
    """The relay gives fewer records than this device has verified."""

    default_advice = "the relay was set back; this device gives it the records again"


class RecordsWithheld(MembershipError):
    """Another device knows a record that the relay does not give to this one."""

    default_advice = "compare the safety code of both devices, or use another relay"

    def __init__(self, *, height: int, since_ms: int) -> None:
        super().__init__("another device has it, the relay does not", height=height)
        self.since_ms = since_ms


class KitUsed(PeerError):
    """A recovery kit let a device in. Not a fault; the person is to know."""

    default_advice = (
        "if that was not you: revoke it and the kit, then change every password"
    )

    def __init__(self, *, device: DeviceId, height: int, record: bytes) -> None:
        super().__init__(f"device {device.hex()[:8]} came in by a recovery kit")
        self.device = device
        self.height = height
        self.record = record


class ForeignEnvelope(PeerError):
    """An envelope of another vault."""

    default_advice = "the relay mixes up vaults: check who runs it"


class NotAMember(PeerError):
    """Signed by a device that is no member."""

    default_advice = "nothing of it was read; the relay let a stranger write"


class FrontierError(PeerError):
    """A fault in one device's chain of envelopes. *evidence*: what shows it."""

    def __init__(
        self,
        message: str,
        *,
        device: DeviceId,
        number: int,
        evidence: tuple[bytes, ...] = (),
    ) -> None:
        super().__init__(f"device {device.hex()[:8]}, envelope {number}: {message}")
        self.device = device
        self.number = number
        self.evidence = evidence


class ReplayedEnvelope(FrontierError):
    """The relay sent again what it had sent before. Nothing changed."""

    default_advice = "nothing to do: it was left out"


class GapError(FrontierError):
    """An envelope before this one is missing."""

    default_advice = "the relay keeps something back; it is asked again at each sync"


class UnknownEpoch(FrontierError):
    """Sealed under an epoch whose membership record the relay does not give."""

    default_advice = "the relay keeps something back; it is asked again at each sync"


class PreviousMismatch(FrontierError):
    """Builds on another envelope than the one held: its author has two histories."""

    default_advice = "that device may have been copied: look at `clisk sync status`"


class ForkDetected(FrontierError):
    """Two envelopes of one device bear one number."""

    default_advice = "that device may have been copied: look at `clisk sync status`"


class AfterTheCut(FrontierError):
    """Written by a revoked device behind the last envelope of it that counts."""

    default_advice = "look through what changed lately; that device is no member"


class StaleEpoch(FrontierError):
    """Sealed in an epoch that its author knew to be over: a revoked one may read it."""

    default_advice = "upgrade that device; change what it has stored since"


class FrontierRegression(FrontierError):
    """The author says that it knows less than it said before."""

    default_advice = "that device may have been restored from an old backup"


class RollbackDetected(FrontierError):
    """The relay no longer gives what it gave before. Nothing here is lost."""

    default_advice = "the relay was set back; this device sends its own part again"


class Withheld(FrontierError):
    """Another device has verified an envelope that the relay does not give."""

    default_advice = "compare the safety code of both devices, or use another relay"

    def __init__(
        self, message: str, *, device: DeviceId, number: int, since_ms: int
    ) -> None:
        super().__init__(message, device=device, number=number)
        self.since_ms = since_ms


class CloneDetected(FrontierError):
    """The relay holds more of this device's chain than this device does."""

    default_advice = (
        "this vault was restored from a backup or copied; nothing is sent until it"
        " goes on as a new device: clisk devices renew"
    )


class CoveredEnvelope(FrontierError):
    """Not verified here before a snapshot took its place: to be looked into."""

    default_advice = "nothing to do: the snapshot has it"


class SnapshotError(PeerError):
    """A snapshot that must not be taken. *height* says which; *evidence* shows it."""

    default_advice = "nothing was taken from it, and nothing is deleted because of it"

    def __init__(
        self, message: str, *, height: int, evidence: tuple[bytes, ...] = ()
    ) -> None:
        super().__init__(f"snapshot {height}: {message}")
        self.height = height
        self.evidence = evidence


class SnapshotForged(SnapshotError):
    """Not signed by a member as it must be, or its parts are not those it names."""


class SnapshotReplayed(SnapshotError):
    """The relay gives an older snapshot than this device has taken."""

    default_advice = "the relay was set back, or lies; nothing here is lost"


class SnapshotFork(SnapshotError):
    """Two snapshots bear one height: devices were shown different ones."""

    default_advice = "compare the safety code of your devices; keep the evidence"


class SnapshotContradicted(SnapshotError):
    """It covers another envelope than the one verified here."""

    default_advice = "its author may have been shown a fork: look at its device"


class SnapshotUnproven(SnapshotError):
    """It moves a device's chain forward, and that device has not signed for it."""

    default_advice = "it is looked at again at each sync, until that device has signed"


class SnapshotInvents(SnapshotError):
    """It holds a change that is in no envelope."""

    default_advice = "its author is not to be trusted: look at `clisk devices`"


class SnapshotDrops(SnapshotError):
    """It lacks a change that it says it covers."""

    default_advice = "its author is not to be trusted: look at `clisk devices`"


class SnapshotWithheld(SnapshotError):
    """Another device announced it, and the relay does not give it."""

    default_advice = "the relay keeps something back; it is asked again at each sync"

    def __init__(self, *, height: int, since_ms: int) -> None:
        super().__init__("announced, and not given by the relay", height=height)
        self.since_ms = since_ms


class DeletedEarly(SnapshotError):
    """The relay deleted envelopes before this device had signed that it has them."""

    default_advice = "the snapshot was taken instead; ask who runs the relay"


class RevokedError(SyncError):
    """This device was revoked, or has left. *by* is who signed that, and *when*."""

    default_advice = (
        "nothing new is read or sent; what is here stays, also what was not sent."
        " To come back, join as a new device: clisk join"
    )

    def __init__(self, message: str, *, by: DeviceId, revoked_ms: int) -> None:
        super().__init__(message)
        self.by = by
        self.revoked_ms = revoked_ms


class KitError(SyncError):
    """What was scanned or typed is not a recovery kit. Nothing was changed."""

    default_advice = "take the page that `clisk recovery create` made, all of it"


class KitNotMember(KitError):
    """A kit in good order, of a device that does not belong to the vault (now)."""

    default_advice = (
        "take the newest kit; or use a device that is still a member: clisk pair"
    )


class PairingError(SyncError):
    """A pairing did not happen. No device was added."""

    default_advice = "make a new code with `clisk pair` and scan that"


class PairingCodeError(PairingError):
    """What was scanned or pasted is not a pairing code."""

    default_advice = "scan the picture that `clisk pair` shows on your other device"


class PairingExpired(PairingError):
    """A code lives two minutes, and a person has ten to type the digits."""

    default_advice = (
        "make a new code with `clisk pair`; if it is new, check both devices' clocks"
    )


class PairingFailed(PairingError):
    """What came was not made by the other device with this code."""

    default_advice = (
        "somebody may be in between: make a new code where nobody sees the screen"
    )


class PairingAlreadyScanned(PairingError):
    """Another device answered this code first."""

    default_advice = "if that was not you, refuse it there and make a new code"


class PairingClosed(PairingError):
    """The member device ended the pairing."""


class WrongDigits(PairingError):
    """The digits typed are not those that the new device shows."""

    def __init__(self, tries_left: int) -> None:
        super().__init__(
            f"those are not the digits that the new device shows; {tries_left}"
            f" {'try' if tries_left == 1 else 'tries'} left",
            advice="type the six digits on the new device's screen",
        )
        self.tries_left = tries_left
