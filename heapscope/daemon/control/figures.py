"""The figures behind the metrics: of each watched instance the newest record, and of the daemon what it counts.

Never asks a process: readings and records are the daemon's. May block for the disk; details are read once per record.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from heapscope.daemon.model import Daemon, Details, InstanceStatus, Kind, Record, TargetStatus, Trigger
from heapscope.daemon.store import Store, Totals
from heapscope.errors import HeapscopeError

MAX_REMEMBERED = 256
REPORT_S = 300.0  # after which no report is made any more
MAX_SNAPSHOTS = 4  # looked at for one with a report: the newest ones may not have theirs yet


@dataclass(frozen=True, slots=True)
class InstanceFigures:
    """One instance, with its newest record and the newest one that has details about holders and memory."""

    status: InstanceStatus
    record: Record | None
    details: Details
    judged: Record | None
    judged_details: Details
    coverage: float | None = None  # of the newest record that knows: a census does not


@dataclass(frozen=True, slots=True)
class Figures:
    """All of them at one moment."""

    targets: tuple[TargetStatus, ...]
    instances: tuple[InstanceFigures, ...]
    outcomes: Mapping[tuple[str, Trigger, str], int]
    totals: Totals
    pause_left_s: float
    version: str


class FigureSource:
    """Collects figures. For one thread at a time."""

    def __init__(self) -> None:
        self._details: OrderedDict[str, Details] = OrderedDict()

    def prepare(self, daemon: Daemon) -> Callable[[], Figures]:
        """Ask the daemon, in its event loop; return what reads the rest, and may run in a thread."""
        status, targets, outcomes, store = daemon.status(), daemon.targets(), dict(daemon.outcomes()), daemon.store

        def collect() -> Figures:
            return Figures(
                targets=targets,
                instances=tuple(self._of(store, each) for target in targets for each in target.instances),
                outcomes=outcomes,
                totals=store.totals(),
                pause_left_s=status.pause_left_s,
                version=status.version,
            )

        return collect

    def _of(self, store: Store, status: InstanceStatus) -> InstanceFigures:
        newest = next(iter(_records(store, status, limit=1)), None)
        details = self._read(store, newest)
        # However many censuses came since: a census has neither holders nor a report.
        snapshots = _records(store, status, kind=Kind.SNAPSHOT, limit=MAX_SNAPSHOTS)
        judged, judged_details = newest, details
        for record in snapshots if not details.holders else ():
            found = self._read(store, record)
            if found.holders:
                judged, judged_details = record, found
                break
        known = (record.coverage for record in (newest, *snapshots) if record and record.coverage is not None)
        return InstanceFigures(status, newest, details, judged, judged_details, next(known, None))

    def _read(self, store: Store, record: Record | None) -> Details:
        if record is None:
            return Details()
        known = self._details.get(record.id)
        if known is not None:
            return known
        try:
            details = store.details(record)
        except HeapscopeError:
            return Details()  # evicted meanwhile
        # The report comes some time after its record, and may yet come.
        if details.holders or record.kind is Kind.CENSUS or time.time() - record.captured_at > REPORT_S:
            self._details[record.id] = details
            while len(self._details) > MAX_REMEMBERED:
                self._details.popitem(last=False)
        return details


def _records(store: Store, status: InstanceStatus, *, limit: int, kind: Kind | None = None) -> tuple[Record, ...]:
    process = status.instance.process
    return store.records(
        target=status.instance.target, pid=process.pid, start_ticks=process.start_ticks, kind=kind, limit=limit
    )
