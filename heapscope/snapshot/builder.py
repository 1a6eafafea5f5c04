"""From the frames of a capture stream to a snapshot.

Never trusts a frame: the sender is a process that heapscope does not control. Does no I/O, blocks nowhere.

Time O(n log n + m) and about 56 bytes per object plus 8 per reference while the stream runs, for n objects and m references.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from heapscope.errors import CaptureInconsistent
from heapscope.snapshot import records
from heapscope.snapshot.addresses import NONE, AddressIndex, DuplicateAddress
from heapscope.snapshot.columns import GrowableColumn
from heapscope.snapshot.model import (
    MAX_OBJECTS,
    NO_OBJECT,
    I64Array,
    InstanceFacts,
    Root,
    Snapshot,
    SnapshotMeta,
    TypeInfo,
    U32Array,
    U64Array,
)
from heapscope.units import clean_text
from heapscope.wire.protocol import COLUMNS, MAX_FRAME_SIZE, PROTOCOL_VERSION, Kind
from heapscope.wire.values import ValueFormatError, decode_value

Payload = bytes | bytearray | memoryview

MAX_REFERENCES = 1 << 36
MAX_OBJECT_BYTES = 1 << 48  # more than an address space holds
_LENGTH_LIMIT = 1 << 48
_COUNTS = struct.Struct("<II")
_COLUMN_COUNT = len(COLUMNS)
_HINT = "Capture again; if it happens every time, run: heapscope doctor PID"


def _inconsistent(what: str) -> CaptureInconsistent:
    return CaptureInconsistent(f"The capture contradicts itself: {what}.", hint=_HINT)


class SnapshotBuilder:
    """Takes the frames of one capture in order, then builds the snapshot once. Not for several threads."""

    def __init__(self, *, max_objects: int = MAX_OBJECTS, max_references: int = MAX_REFERENCES) -> None:
        self._max_objects = max_objects
        self._max_references = max_references
        self._columns = {name: GrowableColumn("<u8") for name in COLUMNS[:-1]}
        self._flags = GrowableColumn("<u4")
        self._reference_counts = GrowableColumn("<u4")
        self._references = GrowableColumn("<u8")
        self._types: dict[int, TypeInfo] = {}
        self._instances: dict[int, InstanceFacts] = {}
        self._roots: list[tuple[int, int, str]] = []
        self._warnings: list[str] = []
        self._references_due = 0  # of the one object whose references did not fit into its frame
        self._is_built = False
        self.hello: Mapping[str, Any] = {}
        self.end: Mapping[str, Any] | None = None
        self.progress_objects = 0
        self.phase = ""

    def feed(self, kind: int, payload: Payload) -> None:
        """Take one frame; the payload is copied. Raises CaptureInconsistent."""
        if self.end is not None:
            raise _inconsistent("frames follow its end")
        if len(payload) > MAX_FRAME_SIZE:
            raise _inconsistent("a frame is too large")
        if self._references_due and kind not in (Kind.REFERENCES, Kind.ERROR):
            raise _inconsistent("the references of an object are cut off")
        try:
            if kind == Kind.OBJECTS:
                self._feed_objects(payload)
            elif kind == Kind.REFERENCES:
                self._feed_references(payload)
            else:
                self._feed_value(kind, decode_value(bytes(payload)))
        except (records.RecordError, ValueFormatError) as error:
            raise _inconsistent(clean_text(str(error))) from error

    def _feed_value(self, kind: int, value: records.Value) -> None:
        if kind == Kind.TYPES:
            self._feed_types(records.parse_list(value, "types", records.MAX_TYPES))
        elif kind == Kind.INSTANCES:
            self._feed_instances(records.parse_list(value, "instances", records.MAX_TYPES))
        elif kind == Kind.ROOTS:
            roots = records.parse_list(value, "roots", records.MAX_ROOTS - len(self._roots))
            self._roots.extend(records.parse_root(root) for root in roots)
        elif kind in (Kind.HELLO, Kind.PROGRESS, Kind.END, Kind.ERROR):
            self._feed_notice(kind, value)
        else:
            raise _inconsistent(f"frame kind {kind} is unknown")

    def _feed_notice(self, kind: int, value: records.Value) -> None:
        if not isinstance(value, dict):
            raise _inconsistent(f"frame kind {kind} is no record")
        if kind == Kind.HELLO:
            if value.get("protocol") != PROTOCOL_VERSION:
                raise _inconsistent("it has another protocol version")
            self.hello = value
        elif kind == Kind.PROGRESS:
            self.phase = clean_text(str(value.get("phase", ""))[:64])
        elif kind == Kind.END:
            self._warnings.extend(records.parse_warnings(value.get("warnings", [])))
            self.end = value
        else:
            text = clean_text(f"{value.get('code', '')}: {value.get('message', '')}")
            raise CaptureInconsistent(f"The clone gave up: {text}", hint=_HINT)

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

    def _feed_objects(self, payload: Payload) -> None:
        if len(payload) < _COUNTS.size:
            raise _inconsistent("a batch of objects is cut off")
        count, reference_count = _COUNTS.unpack_from(payload)
        if len(payload) != _COUNTS.size + 8 * (_COLUMN_COUNT * count + reference_count):
            raise _inconsistent("the length of a batch of objects does not fit its counts")
        if self.progress_objects + count > self._max_objects:
            raise _inconsistent("there are too many objects")
        if len(self._references) + reference_count > self._max_references:
            raise _inconsistent("there are too many references")
        words: U64Array = np.frombuffer(payload, dtype="<u8", offset=_COUNTS.size)
        table = words[: _COLUMN_COUNT * count].reshape(_COLUMN_COUNT, count)
        packed = table[-1]
        reference_counts = packed & np.uint64(0xFFFFFFFF)
        due = int(reference_counts.sum()) - reference_count
        # Only a single object may have more references than its frame holds; the others follow at once.
        if due < 0 or (due and count != 1):
            raise _inconsistent("the reference counts of a batch do not add up")
        for position, name in enumerate(COLUMNS[:-1]):
            self._columns[name].extend(table[position])
        self._flags.extend(packed >> np.uint64(32))
        self._reference_counts.extend(reference_counts)
        self._references.extend(words[_COLUMN_COUNT * count :])
        self.progress_objects += count
        self._references_due = due

    def _feed_references(self, payload: Payload) -> None:
        if len(payload) % 8 or not 0 < len(payload) // 8 <= self._references_due:
            raise _inconsistent("more references than their object has")
        if len(self._references) + len(payload) // 8 > self._max_references:
            raise _inconsistent("there are too many references")
        self._references.extend(np.frombuffer(payload, dtype="<u8"))
        self._references_due -= len(payload) // 8

    def build(self, meta: SnapshotMeta) -> Snapshot:
        """Build the snapshot from everything fed; the builder is used up. Raises CaptureInconsistent."""
        if self._is_built:
            raise RuntimeError("build() was called before")
        self._check_end()
        self._is_built = True
        address: U64Array = self._columns["address"].take()
        if bool((address == 0).any()):
            raise _inconsistent("an object has no address")
        try:
            index = AddressIndex(address)
        except DuplicateAddress as error:
            raise _inconsistent(str(error)) from error
        types = tuple(self._types.values())
        type_index = self._type_indexes(types)
        shallow, allocated = self._sizes("shallow"), self._sizes("allocated")
        length = self._lengths()
        offsets, targets, dangling = self._resolve_references(index)
        return Snapshot(
            meta=dataclasses.replace(meta, warnings=self._all_warnings(meta, dangling)),
            types=types,
            instances=tuple(self._instances.values()),
            roots=resolve_roots(self._roots, index),
            address=address,
            type_index=type_index,
            shallow=shallow,
            allocated=allocated,
            refcount=self._columns["refcount"].take(),
            length=length,
            flags=self._flags.take(),
            reference_offsets=offsets,
            reference_targets=targets,
            dangling_reference_count=dangling,
        )

    def _check_end(self) -> None:
        if self.end is None:
            raise CaptureInconsistent("The capture stops short: its end is missing.", hint=_HINT)
        counted = {
            "objects": self.progress_objects,
            "references": len(self._references),
            "types": len(self._types),
            "roots": len(self._roots),
        }
        for name, count in counted.items():
            if self.end.get(name) != count:
                said = clean_text(str(self.end.get(name))[:40])
                raise _inconsistent(f"its end announces {said} {name}, {count} came")
        if not self._instances.keys() <= self._types.keys():
            raise _inconsistent("instances of a class that is not described")

    def _type_indexes(self, types: tuple[TypeInfo, ...]) -> U32Array:
        wanted: U64Array = self._columns["type_address"].take()
        known: U64Array = np.array([info.address for info in types], dtype=np.uint64)
        order = np.argsort(known)
        # A few addresses come again and again: searching the distinct ones only would cost a sort of all.
        position = np.searchsorted(known[order], wanted) if types else np.zeros(wanted.size, dtype=np.intp)
        np.minimum(position, max(len(types) - 1, 0), out=position)
        if wanted.size and (not types or bool((known[order][position] != wanted).any())):
            raise _inconsistent("the type of an object is not described")
        return order[position].astype(np.uint32) if types else np.zeros(0, dtype=np.uint32)

    def _sizes(self, name: str) -> U64Array:
        sizes: U64Array = self._columns[name].take()
        if sizes.size and (
            int(sizes.max()) > MAX_OBJECT_BYTES or float(sizes.sum(dtype=np.float64)) > records.MAX_BYTES
        ):
            raise _inconsistent(f"{name} sizes are larger than an address space")
        return sizes

    def _lengths(self) -> I64Array:
        length: I64Array = self._columns["length"].take().view("<i8")
        # A foreign type may keep something else where its length belongs, which is no reason to lose the capture.
        odd = (length < -1) | (length > _LENGTH_LIMIT)
        if bool(odd.any()):
            length = np.where(odd, np.int64(-1), length)
            self._warnings.append(f"{int(odd.sum())} objects with an impossible length: taken as none")
        return length

    def _resolve_references(self, index: AddressIndex) -> tuple[U64Array, U32Array, int]:
        counts = self._reference_counts.take()
        offsets = np.zeros(counts.size + 1, dtype=np.uint64)
        np.cumsum(counts, out=offsets[1:])
        targets = index.find(self._references.take())
        known = targets != NONE
        dangling = targets.size - int(np.count_nonzero(known))
        if dangling:
            kept_before = np.zeros(targets.size + 1, dtype=np.uint64)
            np.cumsum(known, out=kept_before[1:])
            offsets = kept_before[offsets]
            targets = targets[known]
        return offsets, targets, dangling

    def _all_warnings(self, meta: SnapshotMeta, dangling: int) -> tuple[str, ...]:
        warnings = [*meta.warnings, *self._warnings]
        if dangling:
            warnings.append(f"{dangling} references lead to objects that were not recorded: dropped")
        return tuple(dict.fromkeys(warnings))


def resolve_roots(roots: Sequence[tuple[int, int, str]], index: AddressIndex) -> tuple[Root, ...]:
    """Give each root its object index."""
    found = index.find(np.array([address for _, address, _ in roots], dtype=np.uint64))
    indexes = np.where(found == NONE, NO_OBJECT, found.astype(np.int64)).tolist()
    return tuple(
        Root(kind, address, object_index, label)
        for (kind, address, label), object_index in zip(roots, indexes, strict=True)
    )
