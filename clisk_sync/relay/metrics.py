"""What a relay counts, for Prometheus. The home of prometheus-client.

Labels come from closed lists: routes, statuses, codes of refusals. Never a vault,
a device or an address: whoever reads the figures learns how much goes on, and of
whom nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_ENVELOPES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counts of one relay process."""

    def __init__(self) -> None:
        self._all = CollectorRegistry()
        ProcessCollector(registry=self._all)
        self._requests = Counter(
            "clisk_relay_requests",
            "Requests answered.",
            ["does", "status"],
            registry=self._all,
        )
        self._refusals = Counter(
            "clisk_relay_refusals",
            "Requests refused, by the code of protocol/relay-api.md §7.",
            ["code"],
            registry=self._all,
        )
        self._seconds = Histogram(
            "clisk_relay_request_seconds",
            "From a request's head to the end of its answer; waits included.",
            ["does"],
            buckets=_SECONDS,
            registry=self._all,
        )
        self._sent = Counter(
            "clisk_relay_sent_bytes", "Bytes of answers.", registry=self._all
        )
        self._commits = Histogram(
            "clisk_relay_commit_seconds",
            "Commits of envelopes.",
            buckets=_SECONDS,
            registry=self._all,
        )
        self._batches = Histogram(
            "clisk_relay_commit_envelopes",
            "Envelopes that shared a commit.",
            buckets=_ENVELOPES,
            registry=self._all,
        )
        self._listens = Counter(
            "clisk_relay_listen_connections",
            "Connections made to hear of other processes; each after the first"
            " followed a loss.",
            registry=self._all,
        )

    def show(self, name: str, says: str, read: Callable[[], float]) -> None:
        """Show what *read* returns at each scrape."""
        Gauge(f"clisk_relay_{name}", says, registry=self._all).set_function(read)

    def answered(
        self, *, does: str, status: int, code: str, seconds: float, sent_bytes: int
    ) -> None:
        """Count a request."""
        self._requests.labels(does, str(status)).inc()
        self._seconds.labels(does).observe(seconds)
        self._sent.inc(sent_bytes)
        if code:
            self._refusals.labels(code).inc()

    def committed(self, envelopes: int, seconds: float) -> None:
        """Count a commit."""
        self._commits.observe(seconds)
        self._batches.observe(envelopes)

    def listening(self) -> None:
        """Count a new connection to hear of other processes."""
        self._listens.inc()

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._all)
