"""From the frames of a capture stream to a snapshot.

Never trusts a frame: the sender is a process that heapscope does not control. Does no I/O, blocks nowhere.

Time O(n + m). Memory for n objects and m references: 60 bytes per object and 8 per reference while the stream runs and a
quarter more at most; building takes 12 bytes per object more at its peak, and gives half of the references' back.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from heapscope.errors import CaptureInconsistent
from heapscope.snapshot import records
from heapscope.snapshot.addresses import AddressIndex, DuplicateAddress
from heapscope.snapshot.caches import CachesBuilder
from heapscope.snapshot.codes import CodesBuilder
from heapscope.snapshot.columns import GrowableColumn, RowColumns
from heapscope.snapshot.joining import resolve_roots, with_subclass_counts
from heapscope.snapshot.model import (
    MAX_OBJECTS,
    InstanceFacts,
    Snapshot,
    SnapshotMeta,
    TypeInfo,
    U32Array,
    U64Array,
)
from heapscope.snapshot.naming import NamingBuilder
from heapscope.snapshot.notices import HINT, contradiction, parse_notice
from heapscope.snapshot.packed import PackedDecoder, PackedError, read_counts
from heapscope.units import clean_text
from heapscope.wire.protocol import COLUMNS, MAX_FRAME_SIZE, Kind
from heapscope.wire.values import ValueFormatError, decode_value

Payload = bytes | bytearray | memoryview

MAX_REFERENCES = 1 << 36
MAX_OBJECT_BYTES = 1 << 48  # more than an address space holds
_LENGTH_LIMIT = 1 << 48
_BATCH = 1 << 18  # ids mapped at a time: the scratch arrays stay in the cache
_COUNTS = struct.Struct("<II")
_COLUMN_COUNT = len(COLUMNS)
_U64_COLUMNS = ("address", "shallow", "allocated", "refcount", "length", "fingerprint")


def _inconsistent(what: str) -> CaptureInconsistent:
    return contradiction("capture", what)


class SnapshotBuilder:
    """Takes the frames of one capture in order, then builds the snapshot once. Not for several threads."""

    def __init__(self, *, max_objects: int = MAX_OBJECTS, max_references: int = MAX_REFERENCES) -> None:
        self._max_objects = max_objects
        self._max_references = max_references
        self._rows = RowColumns()
        self._decoder = PackedDecoder(self._rows, max_types=records.MAX_TYPES)
        self._types: dict[int, TypeInfo] = {}
        self._instances: dict[int, InstanceFacts] = {}
        self._roots: list[records.RootRecord] = []
        self._host_roots: list[records.RootRecord] = []
        self._naming = NamingBuilder()
        self._codes = CodesBuilder()
        self._caches = CachesBuilder()
        self._warnings: list[str] = []
        self._references_due = 0  # of the one object whose references did not fit into its OBJECTS frame
        self._is_built = False
        self.hello: Mapping[str, Any] = {}
        self.end: Mapping[str, Any] | None = None
        self.phase = ""

    @property
    def progress_objects(self) -> int:
        """How many objects have come so far."""
        return len(self._rows.address)

    def feed(self, kind: int, payload: Payload) -> None:
        """Take one frame; the payload is copied. Raises CaptureInconsistent."""
        if self.end is not None:
            raise _inconsistent("frames follow its end")
        if len(payload) > MAX_FRAME_SIZE:
            raise _inconsistent("a frame is too large")
        self._check_order(kind)
        try:
            if kind == Kind.PACKED:
                self._feed_packed(payload)
            elif kind == Kind.OBJECTS:
                self._feed_objects(payload)
            elif kind == Kind.REFERENCES:
                self._feed_references(payload)
            elif kind == Kind.NAMES:
                self._naming.feed_names(bytes(payload))
            elif kind == Kind.CODES:
                self._codes.feed(bytes(payload))
            else:
                self._feed_value(kind, decode_value(bytes(payload)))
        except (records.RecordError, ValueFormatError, PackedError) as error:
            raise _inconsistent(clean_text(str(error))) from error

    def _check_order(self, kind: int) -> None:
        """Refuse what may not come while references of the last object are due."""
        is_cut = bool(self._references_due) and kind not in (Kind.REFERENCES, Kind.ERROR)
        if is_cut or (kind in (Kind.OBJECTS, Kind.REFERENCES, Kind.END) and self._decoder.is_open):
            raise _inconsistent("the references of an object are cut off")

    def add_roots(self, roots: Sequence[records.RootRecord]) -> None:
        """Add roots that the host has read itself."""
        self._host_roots.extend(roots)

    def _feed_value(self, kind: int, value: records.Value) -> None:
        if kind == Kind.TYPES:
            self._feed_types(records.parse_list(value, "types", records.MAX_TYPES))
        elif kind == Kind.INSTANCES:
            self._feed_instances(records.parse_list(value, "instances", records.MAX_TYPES))
        elif kind == Kind.SHAPES:
            self._naming.feed_shapes(value)
        elif kind == Kind.CACHES:
            self._caches.feed(value)
        elif kind == Kind.ROOTS:
            roots = records.parse_list(value, "roots", records.MAX_ROOTS - len(self._roots))
            self._roots.extend(records.parse_root(root) for root in roots)
        elif kind in (Kind.HELLO, Kind.PROGRESS, Kind.END, Kind.ERROR):
            self._feed_notice(kind, value)
        else:
            raise _inconsistent(f"frame kind {kind} is unknown")

    def _feed_notice(self, kind: int, value: records.Value) -> None:
        notice = parse_notice(kind, value)
        if kind == Kind.HELLO:
            self.hello = notice
        elif kind == Kind.PROGRESS:
            self.phase = clean_text(str(notice.get("phase", ""))[:64])
        else:
            self._warnings.extend(records.parse_warnings(notice.get("warnings", [])))
            self.end = notice

    def _feed_types(self, values: Sequence[records.Value]) -> None:
        for value in values:
            info = records.parse_type(value)
            if info.address in self._types:
                raise _inconsistent("a type is described twice")
            self._types[info.address] = info
        if len(self._types) > records.MAX_TYPES:
            raise _inconsistent("there are too many types")

    def _feed_instances(self, values: Sequence[records.Value]) -> None:
        for value in values:
            facts = records.parse_instances(value)
            if facts.type_address in self._instances:
                raise _inconsistent("the instances of a class are described twice")
            self._instances[facts.type_address] = facts

    def _check_room(self, count: int, reference_count: int) -> None:
        if len(self._rows.address) + count > self._max_objects:
            raise _inconsistent("there are too many objects")
        if len(self._rows.references) + reference_count > self._max_references:
            raise _inconsistent("there are too many references")

    def _feed_packed(self, payload: Payload) -> None:
        self._check_room(*read_counts(payload))
        self._decoder.feed(payload)

    def _feed_objects(self, payload: Payload) -> None:
        if len(payload) < _COUNTS.size:
            raise _inconsistent("a batch of objects is cut off")
        count, reference_count = _COUNTS.unpack_from(payload)
        if len(payload) != _COUNTS.size + 8 * (_COLUMN_COUNT * count + reference_count):
            raise _inconsistent("the length of a batch of objects does not fit its counts")
        self._check_room(count, reference_count)
        words: U64Array = np.frombuffer(payload, dtype="<u8", offset=_COUNTS.size)
        table = words[: _COLUMN_COUNT * count].reshape(_COLUMN_COUNT, count)
        packed = table[-1]
        reference_counts = packed & np.uint64(0xFFFFFFFF)
        due = int(reference_counts.sum()) - reference_count
        # Only a single object may have more references than its frame holds; the others follow at once.
        if due < 0 or (due and count != 1):
            raise _inconsistent("the reference counts of a batch do not add up")
        rows = self._rows
        rows.type_id.extend(self._decoder.intern(table[COLUMNS.index("type_address")]))
        for name in _U64_COLUMNS:
            column: GrowableColumn = getattr(rows, name)
            column.extend(table[COLUMNS.index(name)])
        rows.flags.extend(packed >> np.uint64(32))
        rows.reference_count.extend(reference_counts)
        rows.references.extend(words[_COLUMN_COUNT * count :])
        self._references_due = due

    def _feed_references(self, payload: Payload) -> None:
        if len(payload) % 8 or not 0 < len(payload) // 8 <= self._references_due:
            raise _inconsistent("more references than their object has")
        self._check_room(0, len(payload) // 8)
        self._rows.references.extend(np.frombuffer(payload, dtype="<u8"))
        self._references_due -= len(payload) // 8

    def build(self, meta: SnapshotMeta) -> Snapshot:
        """Build the snapshot from everything fed; the builder is used up. Raises CaptureInconsistent."""
        if self._is_built:
            raise RuntimeError("build() was called before")
        self._check_end()
        self._is_built = True
        rows = self._rows
        self._check_rows()
        address: U64Array = rows.address.take()
        try:
            index = AddressIndex(address)
            offsets, targets, dangling = index.resolve(rows.references, rows.reference_count.take())
            codes = self._codes.build(index)
        except (DuplicateAddress, ValueError) as error:
            raise _inconsistent(str(error)) from error
        roots = resolve_roots([*self._roots, *self._host_roots], index)
        naming, caches = self._naming.build(index), self._caches.build(index)
        del index
        types = with_subclass_counts(self._types)
        return Snapshot(
            types=types,
            instances=tuple(self._instances.values()),
            roots=roots,
            address=address,
            type_index=self._type_indexes(types),
            shallow=rows.shallow.take(),
            allocated=rows.allocated.take(),
            length=rows.length.take().view("<i8"),
            refcount=rows.refcount.take(),
            flags=rows.flags.take(),
            fingerprint=rows.fingerprint.take(),
            reference_offsets=offsets,
            reference_targets=targets,
            dangling_reference_count=dangling,
            naming=naming,
            codes=codes,
            caches=caches,
            meta=dataclasses.replace(meta, warnings=self._all_warnings(meta, dangling)),
        )

    def _check_end(self) -> None:
        if self.end is None:
            raise CaptureInconsistent("The capture stops short: its end is missing.", hint=HINT)
        counted = {
            "objects": self.progress_objects,
            "references": len(self._rows.references),
            "types": len(self._types),
            "roots": len(self._roots),
        }
        for name, count in counted.items():
            if self.end.get(name) != count:
                said = clean_text(str(self.end.get(name))[:40])
                raise _inconsistent(f"its end announces {said} {name}, {count} came")
        if not self._instances.keys() <= self._types.keys():
            raise _inconsistent("instances of a class that is not described")

    def _check_rows(self) -> None:
        totals = self._rows.total(_LENGTH_LIMIT)
        if totals.zero_addresses:
            raise _inconsistent("an object has no address")
        if totals.largest > MAX_OBJECT_BYTES or max(totals.shallow, totals.allocated) > records.MAX_BYTES:
            raise _inconsistent("sizes are larger than an address space")
        # A foreign type may keep something else where its length belongs, which is no reason to lose the capture.
        if totals.odd_lengths:
            self._warnings.append(f"{totals.odd_lengths} objects with an impossible length: taken as none")

    def _type_indexes(self, types: tuple[TypeInfo, ...]) -> U32Array:
        position = {info.address: index for index, info in enumerate(types)}
        addresses = self._decoder.type_addresses().tolist()
        if any(address not in position for address in addresses):
            raise _inconsistent("the type of an object is not described")
        index_by_id = np.array([position[address] for address in addresses], dtype=np.uint32)
        type_index: U32Array = self._rows.type_id.take()
        for start in range(0, type_index.size, _BATCH):
            part = type_index[start : start + _BATCH]
            part[:] = index_by_id[part]
        return type_index

    def _all_warnings(self, meta: SnapshotMeta, dangling: int) -> tuple[str, ...]:
        warnings = [*meta.warnings, *self._warnings]
        if dangling:
            warnings.append(f"{dangling} references lead to objects that were not recorded: dropped")
        return tuple(dict.fromkeys(warnings))
