"""How long the access log keeps what its entries say: protocol/access-log.md §6.3.

A written policy is kept on the device; pruning erases contents by it, and nothing
else: leaves, hashes and heads stay, so the log still verifies and still counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clisk_vault import cbor, log_rows
from clisk_vault.access_log import AccessLog
from clisk_vault.access_record import Outcome, Retention
from clisk_vault.errors import CallerError
from clisk_vault.grants import Grants, Standing
from clisk_vault.log_index import LogIndex
from clisk_vault.log_page import LogFilter
from clisk_vault.log_view import LogEpochs, LogView
from clisk_vault.session import Session

_DAY_MS = 86_400_000
_ROW = b"\x01"


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What pruning would do: erase the contents of *count* entries before *below*.

    *held_by_grants*: how many more the policy would erase, were they not what counts
    the reads of a grant that is still in use.
    """

    policy: Retention
    below: int
    count: int
    held_by_grants: int


class LogRetention:
    """The policy of this device's log, and pruning by it."""

    def __init__(
        self,
        session: Session,
        log: AccessLog,
        index: LogIndex,
        grants: Grants,
        epochs: LogEpochs,
    ) -> None:
        self._session = session
        self._log = log
        self._index = index
        self._grants = grants
        self._epochs = epochs

    def policy(self) -> Retention | None:
        """Return the written policy, or None: everything is kept."""
        row = self._session.storage.one("SELECT sealed FROM log_retention")
        if row is None or not isinstance(row[0], bytes):
            return None
        raw = self._session.table("log_retention").open(_ROW, row[0])
        return Retention.parse(cbor.parse(raw, max_bytes=64, what="retention policy"))

    def write_policy(self, policy: Retention | None) -> None:
        """Keep *policy* from now on; None: keep everything. Erases nothing itself."""
        storage = self._session.storage
        with storage.transaction():
            storage.execute("DELETE FROM log_retention")
            if policy is not None:
                raw = cbor.encode(policy.to_cbor())
                sealed = self._session.table("log_retention").seal(_ROW, raw)
                storage.execute(
                    "INSERT INTO log_retention (one, sealed) VALUES (1, ?)", (sealed,)
                )

    def plan(self) -> PrunePlan:
        """Return what prune() would do now.

        Raises:
            CallerError: there is no written policy.
        """
        policy = self.policy()
        if policy is None:
            raise CallerError(
                "there is no retention policy, so nothing is erased",
                advice="write one: clisk log retention --keep-days 365",
            )
        below = self._below(policy)
        held = self._first_counted(below)
        done = self._log.pruned_below()
        stop = below if held is None else held
        return PrunePlan(
            policy, stop, max(0, stop - done), max(0, below - max(stop, done))
        )

    def prune(self) -> PrunePlan:
        """Erase contents by the policy, on record, and return what was done.

        Raises:
            CallerError: there is no written policy.
            StoreError: the disk refused; nothing was erased.
        """
        plan = self.plan()
        if plan.count:
            self._log.prune(plan.below, plan.policy)
            self._index.forget()
        self._follow_others()
        return plan

    def _follow_others(self) -> None:
        """Erase in the copies of other devices' logs what those devices erased."""
        storage = self._session.storage
        with storage.transaction():
            for slot, origin in log_rows.peer_names(storage).items():
                source = log_rows.OwnLog(storage, slot, origin)
                below = LogView(source, self._epochs).pruned_below()
                log_rows.erase(storage, slot, below)

    def _below(self, policy: Retention) -> int:
        """Return the index of the first entry that the policy keeps."""
        size = self._log.size
        below = size - 1  # the newest entry stays, whatever the policy says
        if policy.keep_entries is not None:
            below = min(below, size - policy.keep_entries)
        if policy.keep_days is not None:
            # By index, not by time: what stands after a young entry is young.
            since = self._session.clock() - policy.keep_days * _DAY_MS
            young = self._index.first_since(since + 1)
            below = below if young is None else min(below, young)
        return max(0, below)

    def _first_counted(self, below: int) -> int | None:
        """Return the first entry before *below* that counts a read of a grant."""
        first = [found[-1] for found in self._counted() if found and found[-1] < below]
        return min(first, default=None)

    def _counted(self) -> Iterable[list[int]]:
        for state in self._grants.all():
            if state.grant.max_reads is None:
                continue
            if self._grants.standing(state) in {Standing.VALID, Standing.USED_UP}:
                yield self._index.find(
                    LogFilter(grant=state.grant.id, outcome=Outcome.GRANTED)
                )
