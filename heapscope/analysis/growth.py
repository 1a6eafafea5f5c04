"""What changed between two snapshots, type by type: counts, bytes, what came and went, and what one instance costs before and after.

Never calls growth a leak: that is for a person to judge. No I/O.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from heapscope.analysis.type_names import TypeNames, name_types, sum_by
from heapscope.snapshot.model import Snapshot, U32Array, U64Array

BoolArray = npt.NDArray[np.bool_]

SAME_START_S = 1.0  # start times of one process differ by a clock tick at most


@dataclasses.dataclass(frozen=True, slots=True)
class GrowthRow:
    """One type name in two snapshots; sizes in bytes.

    ``new`` and ``gone`` count addresses at which there was, or is, no object of that name: None where the snapshots are of two
    processes. An address that was freed and used again for the same type hides one of each, so both are lower bounds.
    ``instance_before`` and ``instance_after`` are the mean bytes, as the allocator rounds them, of an instance with what it keeps its
    attributes in (values, ``__dict__``), which is where ``__slots__`` show; None for types without such facts, or instances.
    ``per_minute`` is the growth of the shallow size per minute; None where no time passed.
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

    @property
    def count_delta(self) -> int:
        """Objects more."""
        return self.count_after - self.count_before

    @property
    def shallow_delta(self) -> int:
        """Bytes more."""
        return self.shallow_after - self.shallow_before


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Side:
    names: TypeNames
    counts: U64Array
    shallow: U64Array
    each: dict[str, float]

    def figures(self, number: int | None, name: str) -> tuple[int, int, float | None]:
        if number is None:
            return 0, 0, None
        return int(self.counts[number]), int(self.shallow[number]), self.each.get(name)

    def numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names.names)}


def measure_growth(old: Snapshot, new: Snapshot) -> tuple[GrowthRow, ...]:
    """Compare by type name; every name with objects on either side, largest growth in shallow bytes first.

    O(n log n) for n objects where both are of one process, else O(n).
    """
    before, after = _side_of(old), _side_of(new)
    came, went = _turnover(old, new, before.names, after.names) if is_same_process(old, new) else (None, None)
    minutes = (new.meta.captured_at - old.meta.captured_at) / 60
    numbers_before, numbers_after = before.numbers(), after.numbers()
    rows = []
    for name in numbers_before.keys() | numbers_after.keys():
        count_before, shallow_before, each_before = before.figures(numbers_before.get(name), name)
        count_after, shallow_after, each_after = after.figures(numbers_after.get(name), name)
        if not count_before and not count_after:
            continue
        row = GrowthRow(
            type_name=name,
            count_before=count_before,
            count_after=count_after,
            shallow_before=shallow_before,
            shallow_after=shallow_after,
            new=None if came is None else came.get(name, 0),
            gone=None if went is None else went.get(name, 0),
            instance_before=each_before,
            instance_after=each_after,
            per_minute=(shallow_after - shallow_before) / minutes if minutes > 0 else None,
        )
        rows.append(row)
    rows.sort(key=lambda row: (-row.shallow_delta, -row.count_delta, row.type_name))
    return tuple(rows)


def is_same_process(old: Snapshot, new: Snapshot) -> bool:
    """Tell whether addresses of the two mean the same: one process on one host."""
    left, right = old.meta, new.meta
    return (left.pid, left.host_name) == (right.pid, right.host_name) and (
        abs(left.process_start_time - right.process_start_time) <= SAME_START_S
    )


def _side_of(snapshot: Snapshot) -> _Side:
    names = name_types(snapshot)
    numbers = names.of_all()
    counts = np.bincount(numbers, minlength=len(names.names)).astype(np.uint64)
    return _Side(names, counts, sum_by(numbers, snapshot.shallow, len(names.names)), _instance_bytes(snapshot))


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


def _turnover(
    old: Snapshot, new: Snapshot, old_names: TypeNames, new_names: TypeNames
) -> tuple[dict[str, int], dict[str, int]]:
    """Count, by type name, objects of ``new`` where ``old`` has none of that name, and the other way round."""
    number_of = {name: number for number, name in enumerate(new_names.names)}
    unknown = len(new_names.names)
    translate = np.array([number_of.get(name, unknown) for name in old_names.names], dtype=np.uint32)
    old_kinds, new_kinds = translate[old_names.of_all()], new_names.of_all()
    stayed_old, stayed_new = _matched(old.address, old_kinds, new.address, new_kinds)
    return _count(new_names, stayed_new), _count(old_names, stayed_old)


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


def _count(names: TypeNames, stayed: BoolArray) -> dict[str, int]:
    moved = np.bincount(names.of_all()[~stayed], minlength=len(names.names))
    return dict(zip(names.names, moved.tolist(), strict=True))
