"""A small language for heaps in tests: objects, references and roots, turned into frames or a snapshot.

Never starts a process. Goes through the real frames and the real builder, so tests see what a capture would give.
"""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import numpy as np

from heapscope.snapshot.builder import SnapshotBuilder
from heapscope.snapshot.model import Snapshot, SnapshotMeta
from heapscope.wire.protocol import NO_LENGTH, PROTOCOL_VERSION, Kind
from heapscope.wire.values import encode_value
from tests.support.packing import PackedRow, PackedWriter

FIRST_OBJECT = 0x7F00_0000_0010
FIRST_TYPE = 0x55E0_0000_0000
TYPE_FLAGS_HEAP = 1 << 9

Frame = tuple[int, bytes]


@dataclasses.dataclass(eq=False)
class HeapObject:
    """One object to be recorded. ``references`` may hold bare addresses, to refer to what is not recorded.

    ``allocated`` 0 is ``size`` as one block.
    """

    address: int
    type_name: str
    size: int
    flags: int
    length: int
    fingerprint: int = 0
    references: list[HeapObject | int] = dataclasses.field(default_factory=list)
    allocated: int = 0
    refcount: int = 1

    def refers_to(self, *others: HeapObject | int) -> HeapObject:
        """Add references, in order; the same one may be added again."""
        self.references.extend(others)
        return self


def type_record(address: int, name: str, **changes: Any) -> dict[str, Any]:
    """Give a type record as a walker sends it: a plain class, unless changed."""
    record: dict[str, Any] = {
        "address": address,
        "name": name,
        "module": name.rpartition(".")[0],
        "basicsize": 16,
        "itemsize": 0,
        "dictoffset": 0,
        "weaklistoffset": 0,
        "tp_flags": TYPE_FLAGS_HEAP,
        "is_heap": True,
        "metatype": 0,
        "mro": [address],
        "bases": [],
        "own_names": [],
        "own_kinds": [],
        "has_slots": False,
        "shared_keys_bytes": 0,
        "file": "",
        "line": 0,
    }
    return record | changes


def instances_record(type_address: int, count: int, **changes: Any) -> dict[str, Any]:
    """Give an instances record as a walker sends it."""
    record: dict[str, Any] = {
        "type_address": type_address,
        "count": count,
        "states": {},
        "attributes": {},
        "attributes_truncated": False,
        "shapes": 1,
        "weakly_referenced": 0,
        "replaced_dicts": 0,
    }
    return record | changes


def _allocated(item: HeapObject) -> int:
    return item.allocated or (item.size + 15) // 16 * 16


def objects_payload(objects: list[HeapObject], type_addresses: dict[str, int]) -> bytes:
    """Encode one batch of objects."""
    references = [
        target if isinstance(target, int) else target.address for item in objects for target in item.references
    ]
    table = np.array(
        [
            [item.address for item in objects],
            [type_addresses[item.type_name] for item in objects],
            [item.size for item in objects],
            [_allocated(item) for item in objects],
            [item.refcount for item in objects],
            [item.length for item in objects],
            [item.fingerprint for item in objects],
            [item.flags << 32 | len(item.references) for item in objects],
        ],
        dtype="<u8",
    )
    counts = struct.pack("<II", len(objects), len(references))
    return counts + table.tobytes() + np.array(references, dtype="<u8").tobytes()


def packed_row(item: HeapObject, type_addresses: dict[str, int]) -> PackedRow:
    """Return an object as a row of a PACKED frame."""
    references = [target if isinstance(target, int) else target.address for target in item.references]
    return PackedRow(
        item.address,
        type_addresses[item.type_name],
        shallow=item.size,
        allocated=_allocated(item),
        refcount=item.refcount,
        length=item.length,
        flags=item.flags,
        fingerprint=item.fingerprint,
        chunks=[references] if references else [],
    )


def names_payload(names: list[tuple[int, str]]) -> bytes:
    """Encode texts of strings."""
    return b"".join(struct.pack("<QB", address, len(text)) + text.encode() for address, text in names)


def codes_payload(codes: list[tuple[int, str, int, str]]) -> bytes:
    """Encode places of code: address, file, first line, name; each file once."""
    known: dict[str, int] = {}
    payload = b""
    for address, file, line, name in codes:
        is_new = file not in known
        number = known.setdefault(file, len(known))
        texts = [text.encode() for text in ([name, file] if is_new else [name])]
        payload += struct.pack("<QII", address, line, number)
        payload += b"".join(struct.pack("<H", len(text)) + text for text in texts)
    return payload


class Heap:
    """Collects objects, types and roots; ``frames()`` and ``snapshot()`` may be called again after adding more."""

    def __init__(self) -> None:
        self.objects: list[HeapObject] = []
        self.types: dict[str, dict[str, Any]] = {}
        self.instances: list[dict[str, Any]] = []
        self.roots: list[tuple[Any, ...]] = []
        self.names: list[tuple[HeapObject, str]] = []
        self.shapes: list[tuple[HeapObject, list[str]]] = []
        self.codes: list[tuple[int, str, int, str]] = []
        self.caches: list[tuple[HeapObject, HeapObject, int, int, int]] = []

    def type(self, name: str, **changes: Any) -> int:
        """Describe a type, once; give its address."""
        if name not in self.types:
            self.types[name] = type_record(FIRST_TYPE + 0x400 * len(self.types), name, **changes)
        address: int = self.types[name]["address"]
        return address

    def object(
        self,
        type_name: str = "m.Thing",
        *,
        size: int = 16,
        flags: int = 0,
        length: int = NO_LENGTH,
        fingerprint: int = 0,
    ) -> HeapObject:
        """Add an object."""
        self.type(type_name)
        item = HeapObject(FIRST_OBJECT + 0x40 * len(self.objects), type_name, size, flags, length, fingerprint)
        self.objects.append(item)
        return item

    def root(self, item: HeapObject | int, kind: int = 1, label: str = "", **variables: HeapObject) -> None:
        """Make an object a GC root; ``variables`` are those of a frame."""
        record = (kind, item if isinstance(item, int) else item.address, label)
        known = [[name, held.address] for name, held in variables.items()]
        self.roots.append((*record, known) if known else record)

    def text(self, name: str) -> HeapObject:
        """Add a string whose text is known."""
        item = self.object("builtins.str", size=50 + len(name))
        self.names.append((item, name))
        return item

    def code(self, file: str, line: int, name: str) -> HeapObject:
        """Add a code object whose place is known."""
        item = self.object("builtins.code", size=200)
        self.codes.append((item.address, file, line, name))
        return item

    def end(self, **changes: Any) -> Frame:
        """Give the last frame."""
        record = {
            "objects": len(self.objects),
            "references": sum(len(item.references) for item in self.objects),
            "types": len(self.types),
            "roots": len(self.roots),
            "warnings": [],
        }
        return Kind.END, encode_value(record | changes)

    def frames(self, batch: int = 1000, packed_from: int | None = None) -> list[Frame]:
        """Give all frames in the order of a capture; objects from ``packed_from`` on come in PACKED frames."""
        addresses = {name: record["address"] for name, record in self.types.items()}
        frames = [(Kind.HELLO, encode_value({"protocol": PROTOCOL_VERSION, "python_version": "3.12.1"}))]
        frames.append((Kind.TYPES, encode_value(list(self.types.values()))))
        plain = self.objects[:packed_from]
        starts = range(0, len(plain), batch)
        frames.extend((Kind.OBJECTS, objects_payload(plain[at : at + batch], addresses)) for at in starts)
        packed = [packed_row(item, addresses) for item in self.objects[len(plain) :]]
        if packed:
            payloads = PackedWriter().payloads(packed, range(batch, len(packed), batch))
            frames.extend((Kind.PACKED, payload) for payload in payloads)
        frames.append((Kind.ROOTS, encode_value([list(root) for root in self.roots])))
        frames.append((Kind.INSTANCES, encode_value(self.instances)))
        if self.names:
            frames.append((Kind.NAMES, names_payload([(item.address, name) for item, name in self.names])))
        if self.shapes:
            frames.append((Kind.SHAPES, encode_value([[item.address, names] for item, names in self.shapes])))
        if self.caches:
            counts = [[cache.address, table.address, *rest] for cache, table, *rest in self.caches]
            frames.append((Kind.CACHES, encode_value(counts)))
        if self.codes:
            frames.append((Kind.CODES, codes_payload(self.codes)))
        frames.append(self.end())
        return frames

    def snapshot(self, meta: SnapshotMeta | None = None) -> Snapshot:
        """Build the snapshot."""
        return build(self.frames(), meta)


def build(frames: list[Frame], meta: SnapshotMeta | None = None) -> Snapshot:
    """Feed frames to a builder and build."""
    builder = SnapshotBuilder()
    for kind, payload in frames:
        builder.feed(kind, payload)
    return builder.build(meta or SnapshotMeta(pid=1, python_version="3.12.1"))
