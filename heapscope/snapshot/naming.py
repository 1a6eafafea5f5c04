"""What a snapshot knows of names: texts of interned strings, and the attributes that instances of one shape have.

Never trusts what it reads: lengths, counts and addresses are bounded and checked. Does no I/O.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeVar

import numpy as np

from heapscope.snapshot import records
from heapscope.snapshot.addresses import NONE, AddressIndex
from heapscope.snapshot.model import Naming
from heapscope.wire.protocol import MAX_ATTRIBUTES, MAX_NAME

MAX_NAMES = 1 << 20
MAX_SHAPES = 1 << 20
_HEAD = 9  # u64 address, u8 length

Item = TypeVar("Item")
Shape = tuple[int, tuple[str, ...]]


class NamingBuilder:
    """Collects names and shapes by address while a stream runs; gives them by object index at its end."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._shapes: list[Shape] = []

    def feed_names(self, payload: bytes) -> None:
        """Take one NAMES payload. Raises RecordError."""
        at = 0
        while at < len(payload):
            end = at + _HEAD + (payload[at + _HEAD - 1] if at + _HEAD <= len(payload) else 0)
            text = payload[at + _HEAD : end]
            if end > len(payload) or not text or not text.isascii() or len(self._names) >= MAX_NAMES:
                raise records.RecordError("a name is cut off, or there are too many")
            self._names[int.from_bytes(payload[at : at + 8], "little")] = text.decode("ascii")
            at = end

    def feed_shapes(self, value: records.Value) -> None:
        """Take one SHAPES value. Raises RecordError."""
        for item in records.parse_list(value, "shapes", MAX_SHAPES - len(self._shapes)):
            self._shapes.append(parse_shape(item))

    def build(self, index: AddressIndex) -> Naming:
        """Give what belongs to objects that were recorded."""
        addresses = np.fromiter(self._names, dtype=np.uint64, count=len(self._names))
        names = dict(_known(index.find(addresses).tolist(), self._names.values()))
        examples = np.fromiter((address for address, _ in self._shapes), dtype=np.uint64, count=len(self._shapes))
        shapes = tuple(_known(index.find(examples).tolist(), [attributes for _, attributes in self._shapes]))
        return Naming(names, shapes)


def _known(found: Sequence[int], items: Collection[Item]) -> list[tuple[int, Item]]:
    return [(place, item) for place, item in zip(found, items, strict=True) if place != NONE]


def parse_shape(value: records.Value) -> Shape:
    """Read one shape: an instance that has it, and its attributes in the order of references. Raises RecordError."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise records.RecordError("a shape has no two fields")
    names = records.parse_list(value[1], "attributes", MAX_ATTRIBUTES)
    return records.parse_address(value[0]), tuple(records.parse_text(name, "attribute", MAX_NAME) for name in names)


def naming_record(naming: Naming) -> dict[str, records.Value]:
    """Write names and shapes as plain values; the inverse of parse_naming."""
    return {
        "names": [[index, text] for index, text in naming.names.items()],
        "shapes": [[index, list(names)] for index, names in naming.shapes],
    }


def parse_naming(value: records.Value, object_count: int) -> Naming:
    """Read what naming_record wrote. Raises RecordError."""
    if not isinstance(value, dict):
        raise records.RecordError("names are no record")
    names: dict[int, str] = {}
    for item in records.parse_list(value.get("names"), "names", MAX_NAMES):
        if not isinstance(item, (list, tuple)) or len(item) != 2:
            raise records.RecordError("a name has no two fields")
        names[records.parse_address(item[0])] = records.parse_text(item[1], "name", MAX_NAME)
    shapes = tuple(parse_shape(item) for item in records.parse_list(value.get("shapes"), "shapes", MAX_SHAPES))
    if any(index >= object_count for index in [*names, *(index for index, _ in shapes)]):
        raise records.RecordError("a name belongs to no object")
    return Naming(names, shapes)
