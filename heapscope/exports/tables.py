"""A snapshot as tables: columns of numbers, and texts by number, for whatever reads tables.

Never holds a row as a Python object, and never changes the order or the meaning of a column: the schema is a contract
(docs/cli.md). No I/O.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from heapscope.analysis.dominators import DominatorTree
from heapscope.graph.library import NONE
from heapscope.snapshot.model import NO_OBJECT, Snapshot
from heapscope.units import clean_text
from heapscope.wire.protocol import NO_LENGTH, DictState, Flag, RootKind

MAX_TEXT = 500


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column. With ``texts``, the values are numbers of them. A value equal to ``none`` means that there is none."""

    name: str
    values: npt.NDArray[Any]
    texts: tuple[str, ...] | None = None
    none: int | None = None
    is_address: bool = False

    @property
    def kind(self) -> str:
        """``text``, ``bool``, ``int``, or ``address``: a number that text formats write as 0x7f21b0c3d010."""
        if self.texts is not None:
            return "text"
        return "address" if self.is_address else "bool" if self.values.dtype == np.bool_ else "int"


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns of one length."""

    name: str
    columns: tuple[Column, ...]

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return int(self.columns[0].values.size)


def build_table(name: str, tree: DominatorTree) -> Table:
    """Give one of TABLES. Columns that the snapshot has are views; others cost 1 to 8 bytes a row."""
    return Table(name, TABLES[name](tree))


def with_constants(table: Table, constants: Mapping[str, str | int]) -> Table:
    """Add columns that are the same in every row. They cost 8 bytes a row, one where they are text."""
    added = []
    for name, value in constants.items():
        if isinstance(value, str):
            added.append(Column(name, np.zeros(table.row_count, dtype=np.uint8), (clean_text(value, MAX_TEXT),)))
        else:
            added.append(Column(name, np.full(table.row_count, value, dtype=np.int64)))
    return dataclasses.replace(table, columns=(*table.columns, *added))


def _objects(tree: DominatorTree) -> tuple[Column, ...]:
    snapshot = tree.snapshot
    count, flags = snapshot.object_count, snapshot.flags
    above = tree.dominators.immediate[:count]
    return (
        _index(count),
        _addresses("address", snapshot.address),
        Column("type", tree.type_names.of_all(), _cleaned(tree.type_names.names)),
        Column("shallow_bytes", snapshot.shallow),
        Column("allocated_bytes", snapshot.allocated),
        Column("retained_bytes", tree.retained[:count]),
        # Threads and the virtual root are no objects.
        Column("dominator_index", np.where(above < count, above, np.uint32(NONE)), none=NONE),
        Column("refcount", snapshot.refcount),
        Column("length", snapshot.length, none=_signed(NO_LENGTH)),
        Column("is_reachable", tree.roots.reached.view(np.bool_)),
        Column("is_tracked", (flags & np.uint32(Flag.TRACKED)) != 0),
        Column("is_immortal", (flags & np.uint32(Flag.IMMORTAL)) != 0),
    )


def _types(tree: DominatorTree) -> tuple[Column, ...]:
    snapshot = tree.snapshot
    infos, count = snapshot.types, len(snapshot.types)
    counts = np.bincount(snapshot.type_index, minlength=count).astype(np.int64)
    sums = []
    for values in (snapshot.shallow, snapshot.allocated):
        total = np.zeros(count, dtype=np.uint64)
        np.add.at(total, snapshot.type_index, values)
        sums.append(total)
    return (
        Column("type_index", np.arange(count, dtype=np.int64)),
        _addresses("address", np.array([info.address for info in infos], dtype=np.uint64)),
        _texts("type", [info.name for info in infos]),
        Column("count", counts),
        Column("shallow_bytes", sums[0]),
        Column("allocated_bytes", sums[1]),
        Column("basic_bytes", np.array([info.basicsize for info in infos], dtype=np.int64)),
        Column("item_bytes", np.array([info.itemsize for info in infos], dtype=np.int64)),
        Column("is_heap_type", np.array([info.is_heap for info in infos], dtype=np.bool_)),
        Column("has_slots", np.array([info.has_slots for info in infos], dtype=np.bool_)),
        _texts("file", [info.file for info in infos], empty_is_none=True),
        Column("line", np.array([info.line for info in infos], dtype=np.int64), none=0),
    )


def _references(tree: DominatorTree) -> tuple[Column, ...]:
    snapshot = tree.snapshot
    counts = np.diff(snapshot.reference_offsets).astype(np.int64)
    return (
        Column("holder_index", np.repeat(np.arange(snapshot.object_count, dtype=np.uint32), counts)),
        Column("target_index", snapshot.reference_targets),
    )


def _roots(tree: DominatorTree) -> tuple[Column, ...]:
    roots = tree.snapshot.roots
    return (
        Column("kind", np.array([root.kind for root in roots], dtype=np.int64), tuple(RootKind.NAMES)),
        _texts("label", [root.label for root in roots]),
        _addresses("address", np.array([root.address for root in roots], dtype=np.uint64)),
        Column("object_index", np.array([root.object_index for root in roots], dtype=np.int64), none=NO_OBJECT),
    )


def _instances(tree: DominatorTree) -> tuple[Column, ...]:
    """One row per class and way in which its instances keep their attributes."""
    snapshot: Snapshot = tree.snapshot
    rows = [(facts, state, facts.states[state]) for facts in snapshot.instances for state in sorted(facts.states)]
    infos = {facts.type_address: snapshot.type_at(facts.type_address) for facts, _, _ in rows}
    names = [info.name if (info := infos[facts.type_address]) else "" for facts, _, _ in rows]
    figures = np.array([[each.count, each.requested, each.allocated] for _, _, each in rows], dtype=np.int64)
    figures = figures.reshape(len(rows), 3)
    states = np.array([min(state, DictState.UNKNOWN) for _, state, _ in rows], dtype=np.int64)
    return (
        _texts("type", names),
        _addresses("type_address", np.array([facts.type_address for facts, _, _ in rows], dtype=np.uint64)),
        Column("dict_state", states, DictState.NAMES),
        Column("count", figures[:, 0]),
        Column("requested_bytes", figures[:, 1]),
        Column("allocated_bytes", figures[:, 2]),
    )


def _index(count: int) -> Column:
    return Column("object_index", np.arange(count, dtype=np.uint32))


def _addresses(name: str, values: npt.NDArray[np.uint64]) -> Column:
    return Column(name, values, is_address=True)


def _texts(name: str, texts: Sequence[str], *, empty_is_none: bool = False) -> Column:
    numbers: dict[str, int] = {"": 0}
    values = np.array([numbers.setdefault(text, len(numbers)) for text in texts], dtype=np.int64)
    return Column(name, values, _cleaned(numbers), none=0 if empty_is_none else None)


def _cleaned(texts: Sequence[str] | Mapping[str, int]) -> tuple[str, ...]:
    return tuple(clean_text(text, MAX_TEXT) for text in texts)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


TABLES: Mapping[str, Callable[[DominatorTree], tuple[Column, ...]]] = {
    "objects": _objects,
    "types": _types,
    "references": _references,
    "roots": _roots,
    "instances": _instances,
}
