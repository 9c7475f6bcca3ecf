"""What a run tells the outside: every text goes through the redactor first."""

from __future__ import annotations

from collections.abc import Iterable

from konnector_runner.credentials import Release
from konnector_runner.events import EventKind, OnEvent, RunEvent
from konnector_runner.file_index import SavedFile
from konnector_runner.limits import RunLimits
from konnector_runner.redaction import Redactor
from konnector_runner.strict_json import Json
from konnector_runner.trace import Trace

_LEVELS = {"debug", "info", "warn", "error"}


class Journal:
    """Collects the log and the releases of one run, and reports them as events."""

    def __init__(
        self,
        redactor: Redactor,
        *,
        on_event: OnEvent,
        limits: RunLimits,
        trace: Trace | None = None,
    ) -> None:
        self._redactor = redactor
        self._on_event = on_event
        self._limits = limits
        self._trace = trace
        self.lines: list[str] = []
        self.releases: list[Release] = []

    def step(self, text: str) -> None:
        """Tell what the run does now."""
        self._emit(EventKind.STEP, text)

    def attention(self, text: str) -> None:
        """Tell the person that something waits for them."""
        self._emit(EventKind.ATTENTION, text)

    def log(self, level: str, text: str) -> None:
        """Keep one line; beyond the limit of lines none is kept or told."""
        if len(self.lines) >= self._limits.log_lines:
            return
        line = self.clean(f"{level}: {text}")
        self.lines.append(line)
        self._on_event(RunEvent(EventKind.LOG, line))

    def konnector_log(self, role: str, payload: Json) -> None:
        """Keep what the konnector's code logged, if that is what it is."""
        if not isinstance(payload, dict):
            return
        level, text = payload.get("level"), payload.get("msg")
        if isinstance(level, str) and level in _LEVELS and isinstance(text, str):
            self.log(level, f"{role}: {text}")

    def wire(self, role: str, text: str, *, sent: bool) -> None:
        """Keep one message for the trace, if there is one."""
        if self._trace is not None:
            self._trace.message(role, text, sent=sent)

    def document(self, role: str, origin: str | None) -> None:
        """Keep for the trace that *role* has a new document."""
        if self._trace is not None:
            self._trace.page(role, origin or "about:blank")

    def write_trace(self) -> None:
        """Write the trace, if there is one; what was released is known by now."""
        if self._trace is not None:
            self._trace.write(self._redactor)

    def visit(self, origin: str) -> None:
        """Tell which site the worker is sent to."""
        self._emit(EventKind.VISIT, origin)

    def release(self, release: Release) -> None:
        """Keep and tell one read of a credential."""
        self.releases.append(release)
        kind = EventKind.RELEASED if release.granted else EventKind.REFUSED
        where = "" if release.origin is None else f" on {release.origin}"
        self._emit(kind, f"{release.field}{where}: {release.purpose}")

    def proposed(self) -> None:
        """Tell that the konnector wants other credentials to be saved."""
        self._emit(EventKind.PROPOSED, "credentials that differ from what is stored")

    def saved(self, files: Iterable[SavedFile]) -> None:
        """Tell which files were saved."""
        for file in files:
            self._emit(EventKind.FILE_SAVED, file.path)

    def finished(self, how: str) -> None:
        """Tell that the run is over."""
        self._emit(EventKind.FINISHED, how)

    def clean(self, text: str) -> str:
        """Return *text* redacted, printable and bounded.

        Redacted first: cutting a value in half would hide it from the redactor.
        """
        text = self._redactor.clean(text)
        text = "".join(c if c.isprintable() else " " for c in text)
        return text[: self._limits.log_characters]

    def _emit(self, kind: EventKind, text: str) -> None:
        self._on_event(RunEvent(kind, self.clean(text)))
