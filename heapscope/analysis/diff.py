"""The difference of two histograms: what grew, what shrank, what is new.

Never calls growth a leak: that is for a person to judge. No I/O.
"""

from __future__ import annotations

import dataclasses

from heapscope.analysis.histogram import Histogram, HistogramRow


@dataclasses.dataclass(frozen=True, slots=True)
class HistogramDelta:
    """One type name in two histograms. Deltas are new minus base; a type that is missing in one counts as zero there."""

    type_name: str
    base: HistogramRow | None
    new: HistogramRow | None
    count_delta: int
    shallow_delta: int
    allocated_delta: int
    recursive_delta: int | None


def diff_histograms(base: Histogram, new: Histogram) -> tuple[HistogramDelta, ...]:
    """Compare by type name: rows that changed only, largest growth in shallow bytes first."""
    base_rows = {row.type_name: row for row in base.rows}
    new_rows = {row.type_name: row for row in new.rows}
    deltas = [_delta(name, base_rows.get(name), new_rows.get(name)) for name in base_rows.keys() | new_rows.keys()]
    changed = [
        delta
        for delta in deltas
        if delta.count_delta or delta.shallow_delta or delta.allocated_delta or delta.recursive_delta
    ]
    changed.sort(key=lambda delta: (-delta.shallow_delta, -delta.count_delta, delta.type_name))
    return tuple(changed)


def _delta(name: str, base: HistogramRow | None, new: HistogramRow | None) -> HistogramDelta:
    recursive_delta: int | None = None
    known = [row.recursive_bytes for row in (base, new) if row is not None]
    if None not in known:
        recursive_delta = (new.recursive_bytes or 0 if new else 0) - (base.recursive_bytes or 0 if base else 0)
    return HistogramDelta(
        type_name=name,
        base=base,
        new=new,
        count_delta=(new.count if new else 0) - (base.count if base else 0),
        shallow_delta=(new.shallow_bytes if new else 0) - (base.shallow_bytes if base else 0),
        allocated_delta=(new.allocated_bytes if new else 0) - (base.allocated_bytes if base else 0),
        recursive_delta=recursive_delta,
    )
