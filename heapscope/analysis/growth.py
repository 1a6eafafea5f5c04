"""What changed between snapshots, type by type: counts, bytes, what came and went, and what one instance costs before and after.

Never calls growth a leak: that is for a person to judge. Never keeps a snapshot: of each a census is enough. No I/O.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from heapscope.analysis.trend import count_rising, growth_score, per_minute
from heapscope.analysis.type_names import name_types, sum_by
from heapscope.snapshot.model import Snapshot, SnapshotMeta, U32Array, U64Array

BoolArray = npt.NDArray[np.bool_]

SAME_START_S = 1.0  # start times of one process differ by a clock tick at most


@dataclasses.dataclass(frozen=True, slots=True)
class GrowthRow:
    """One type name in the oldest and the newest snapshot; sizes in bytes. The series have one figure per snapshot.

    ``new`` and ``gone`` count addresses at which there was, or is, no object of that name: None where the snapshots are of two
    processes. An address that was freed and used again for the same type hides one of each, so both are lower bounds.
    ``instance_before`` and ``instance_after`` are the mean bytes, as the allocator rounds them, of an instance with what it keeps its
    attributes in (values, ``__dict__``), which is where ``__slots__`` show; None for types without such facts, or instances.
    ``per_minute`` is the growth of the shallow size per minute; None where no time passed. ``rising`` of ``steps`` steps between
    snapshots added bytes.
    """

    type_name: str
    count_before: int
    count_after: int
    shallow_before: int
    shallow_after: int
    new: int | None
    gone: int | None
    instance_before: float | None
    instance_after: float | None
    per_minute: float | None
    count_series: tuple[int, ...] = ()
    shallow_series: tuple[int, ...] = ()
    rising: int = 0
    steps: int = 1

    @property
    def count_delta(self) -> int:
        """Objects more."""
        return self.count_after - self.count_before

    @property
    def shallow_delta(self) -> int:
        """Bytes more."""
        return self.shallow_after - self.shallow_before


@dataclasses.dataclass(frozen=True, slots=True)
class _Figures:
    count: int = 0
    shallow: int = 0
    each: float | None = None


_NOTHING = _Figures()


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Which type name is at which address: ``names[kind[i]]`` at ``address[i]``."""

    address: U64Array
    kind: U32Array
    names: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class TypeCensus:
    """What comparing types needs of one snapshot: some KB, and 12 bytes per object as long as it has places."""

    meta: SnapshotMeta
    figures: Mapping[str, _Figures]
    places: _Places | None

    def without_places(self) -> TypeCensus:
        """Give the same for the middle of a series: new and gone are between the oldest and the newest."""
        return dataclasses.replace(self, places=None)

    @property
    def nbytes(self) -> int:
        """How much memory the places take."""
        return 0 if self.places is None else self.places.address.nbytes + self.places.kind.nbytes


def take_census(snapshot: Snapshot) -> TypeCensus:
    """Count the types of a snapshot. O(n)."""
    names = name_types(snapshot)
    kinds = names.of_all()
    counts = np.bincount(kinds, minlength=len(names.names)).tolist()
    shallow = sum_by(kinds, snapshot.shallow, len(names.names)).tolist()
    each = _instance_bytes(snapshot)
    figures = {
        name: _Figures(count, size, each.get(name))
        for name, count, size in zip(names.names, counts, shallow, strict=True)
        if count
    }
    # A copy: the column may be a view of everything that was read from a file.
    return TypeCensus(snapshot.meta, figures, _Places(snapshot.address.copy(), kinds, names.names))


def measure_growth(old: Snapshot, new: Snapshot) -> tuple[GrowthRow, ...]:
    """Compare two snapshots; see ``measure_type_growth``."""
    return measure_type_growth([take_census(old), take_census(new)])


def measure_type_growth(series: Sequence[TypeCensus]) -> tuple[GrowthRow, ...]:
    """Compare by type name, oldest first; every name with objects anywhere, what grew most steadily in shallow bytes first.

    O(n log n) for n objects where the oldest and the newest have places and are of one process, else O(types).
    """
    old, new = series[0], series[-1]
    came = went = None
    if old.places is not None and new.places is not None and is_same_process(old.meta, new.meta):
        came, went = _turnover(old.places, new.places)
    times = [census.meta.captured_at for census in series]
    rows = []
    for name in dict.fromkeys(name for census in series for name in census.figures):
        figures = [census.figures.get(name, _NOTHING) for census in series]
        sizes, counts = tuple(each.shallow for each in figures), tuple(each.count for each in figures)
        row = GrowthRow(
            type_name=name,
            count_before=counts[0],
            count_after=counts[-1],
            shallow_before=sizes[0],
            shallow_after=sizes[-1],
            new=None if came is None else came.get(name, 0),
            gone=None if went is None else went.get(name, 0),
            instance_before=figures[0].each,
            instance_after=figures[-1].each,
            per_minute=per_minute(sizes, times),
            count_series=counts,
            shallow_series=sizes,
            rising=count_rising(sizes, counts),
            steps=len(series) - 1,
        )
        rows.append((-growth_score(sizes, times, row.rising), row))
    rows.sort(key=lambda pair: (pair[0], -pair[1].count_delta, pair[1].type_name))
    return tuple(row for _, row in rows)


def is_same_process(left: SnapshotMeta, right: SnapshotMeta) -> bool:
    """Tell whether two snapshots are of one process on one host."""
    return (left.pid, left.host_name) == (right.pid, right.host_name) and (
        abs(left.process_start_time - right.process_start_time) <= SAME_START_S
    )


def _instance_bytes(snapshot: Snapshot) -> dict[str, float]:
    """Give the mean allocated bytes of an instance by type name; classes of one name count together."""
    sums: dict[str, tuple[int, int]] = {}
    for facts in snapshot.instances:
        info = snapshot.type_at(facts.type_address)
        if info is None:
            continue
        count, allocated = sums.get(info.name, (0, 0))
        for figures in facts.states.values():
            count, allocated = count + figures.count, allocated + figures.allocated
        sums[info.name] = count, allocated
    return {name: allocated / count for name, (count, allocated) in sums.items() if count}


def _turnover(old: _Places, new: _Places) -> tuple[dict[str, int], dict[str, int]]:
    """Count, by type name, objects of ``new`` where ``old`` has none of that name, and the other way round."""
    number_of = {name: number for number, name in enumerate(new.names)}
    unknown = len(new.names)
    translate = np.array([number_of.get(name, unknown) for name in old.names], dtype=np.uint32)
    stayed_old, stayed_new = _matched(old.address, translate[old.kind], new.address, new.kind)
    return _count(new, stayed_new), _count(old, stayed_old)


def _matched(
    left: U64Array, left_kinds: U32Array, right: U64Array, right_kinds: U32Array
) -> tuple[BoolArray, BoolArray]:
    """Say of each object on either side whether the other one has one of its kind at its address."""
    order = np.argsort(left, kind="stable")
    places = np.searchsorted(left[order], right)
    places[places == left.size] = 0
    partner = order[places] if left.size else places
    is_matched = np.zeros(right.size, dtype=np.bool_)
    if left.size:
        is_matched = (left[partner] == right) & (left_kinds[partner] == right_kinds)
    stayed = np.zeros(left.size, dtype=np.bool_)
    stayed[partner[is_matched]] = True
    return stayed, is_matched


def _count(places: _Places, stayed: BoolArray) -> dict[str, int]:
    moved = np.bincount(places.kind[~stayed], minlength=len(places.names))
    return dict(zip(places.names, moved.tolist(), strict=True))
