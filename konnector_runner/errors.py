"""Everything the runner refuses, sorted by what the catcher will do.

    RunnerError
    ├── CallerError            fix the program
    ├── KonnectorError         the konnector cannot be used as it is
    │   ├── ManifestError      its manifest.konnector is not one
    │   ├── NotInstalledError  no konnector has that name
    │   └── ArchiveError       the file that should hold it can not be trusted
    ├── MockSiteError          the site for a test is not one
    ├── BrowserError           the browser; see the advice
    │   └── BrowserMissingError   install one
    ├── FormatError            a message that breaks the protocol
    ├── DocumentGone           the page moved on; whatever was to be sent was not
    ├── RunFailed              the run ended without success; ``code`` says why
    │   └── NeedsScreen           a person has to see the page
    ├── SessionError           a kept browser session that does not open
    └── CollectError           what was collected could not be written

Messages say what was refused and where, never a value that came out of a page,
a konnector or a vault. ``advice`` is the next step for a person.
"""

from __future__ import annotations

from typing import ClassVar


class RunnerError(Exception):
    """Root of every error that this package raises."""

    default_advice: ClassVar[str] = ""

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        super().__init__(message)
        self.advice = self.default_advice if advice is None else advice


class CallerError(RunnerError):
    """The program asked for something that makes no sense."""

    default_advice = "the program that asked is at fault: please report it"


class KonnectorError(RunnerError):
    """The folder is not a konnector that can be run."""

    default_advice = "a konnector is a folder with manifest.konnector and main.js"


class ManifestError(KonnectorError):
    """The manifest breaks protocol/konnector-bridge.md §2."""

    default_advice = "see protocol/schemas/manifest.json for what a manifest holds"


class NotInstalledError(KonnectorError):
    """No konnector is installed by that name."""

    default_advice = "clisk konnector list shows those that are"


class ArchiveError(KonnectorError):
    """A file that should hold a konnector, and holds something else or too much."""

    default_advice = (
        "a konnector's archive is a .zip, .tgz or .tar.gz with manifest.konnector and"
        " main.js in it"
    )


class MockSiteError(RunnerError):
    """A folder that should hold a site for a test, and does not."""

    default_advice = "docs/test-konnectors.md says what a mock site is"


class BrowserError(RunnerError):
    """The browser did not do what it was asked."""

    default_advice = "run again; if it stays, try another browser with CLISK_BROWSER"


class BrowserMissingError(BrowserError):
    """No browser can be started."""

    default_advice = (
        "install Chromium (Debian: apt install chromium), or set CLISK_BROWSER to the"
        " program of one that is installed"
    )


class FormatError(RunnerError):
    """A message that breaks protocol/konnector-bridge.md §3."""

    default_advice = "the konnector or the site does not speak the CLISK protocol"

    def __init__(
        self, message: str, *, at: int | None = None, advice: str | None = None
    ) -> None:
        super().__init__(
            message if at is None else f"{message} at character {at}", advice=advice
        )
        self.at = at


class DocumentGone(RunnerError):
    """The document was left before the message was sent, so nothing was sent."""


class RunFailed(RunnerError):
    """A run that ends without success: *code* is one of the protocol's, §8."""

    def __init__(self, code: str, message: str, *, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.code = code


class NeedsScreen(RunFailed):
    """The konnector wants the person to see the page, and it is not on a screen."""

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__("USER_ACTION_NEEDED", message, advice=advice)


class SessionError(RunnerError):
    """What was kept of a browser's session can not be used."""

    default_advice = "forget it, and log in anew: clisk konnector forget NAME"


class CollectError(RunnerError):
    """A collected file or index could not be written, or is not what we wrote."""

    default_advice = "check free space and permissions of the folder for the data"
