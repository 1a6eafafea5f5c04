"""What an instance costs once its class, and every base class of it, declares ``__slots__``.

Never looks at instances: only at types and the version's layout rules. No I/O.

    allocation of a slotted instance:  | GC header 16 | native base's basicsize | 8 per name | 8 weakref, up to 3.11 |
    from 3.12 on a weakref slot is a pre-header of 16 bytes instead
"""

from __future__ import annotations

from heapscope.snapshot.model import Snapshot, TypeInfo

GC_HEADER = 16
WORD = 8
OBJECT_BASICSIZE = 16
PYMALLOC_LIMIT = 512  # larger requests go to malloc

_IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE, 3.10+: heap types that C code made

Version = tuple[int, int]
_ASSUMED_VERSION: Version = (3, 12)  # the larger weakref slot: when in doubt, promise less


def parse_version(text: str) -> Version:
    """Read major and minor from ``3.12.1``; a text that is no version gives the cautious assumption."""
    parts = text.split(".")
    if len(parts) < 2 or not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts[:2]):
        return _ASSUMED_VERSION
    return int(parts[0]), int(parts[1])


def block_bytes(requested: int) -> int:
    """Round a request as the allocator does: pymalloc's 16-byte classes, above them malloc's chunks."""
    if requested <= PYMALLOC_LIMIT:
        return (max(requested, 1) + 15) & ~15
    return max(32, (requested + WORD + 15) & ~15)


def is_native_layout(info: TypeInfo) -> bool:
    """Tell whether C code fixed the layout of a type, so that no change of Python source alters it."""
    if not info.is_heap or info.tp_flags & _IMMUTABLE_TYPE:
        return True
    # A class statement without __slots__ always gives a __dict__; without either, C code made the type.
    return (
        not info.has_slots and info.dictoffset == 0 and info.own_names is not None and "__dict__" not in info.own_names
    )


def ancestors(snapshot: Snapshot, info: TypeInfo) -> list[TypeInfo]:
    """Give the recorded classes behind the class itself in its method resolution order."""
    found = (snapshot.type_at(address) for address in info.mro if address != info.address)
    return [ancestor for ancestor in found if ancestor is not None]


def native_base(snapshot: Snapshot, info: TypeInfo) -> TypeInfo | None:
    """Find the ancestor whose native layout the instances extend; None means ``object``, or not recorded."""
    native = [ancestor for ancestor in ancestors(snapshot, info) if is_native_layout(ancestor)]
    return max(native, key=lambda ancestor: ancestor.basicsize, default=None)


def slotted_bytes(base: TypeInfo | None, name_count: int, *, weakref: bool, version: Version) -> int | None:
    """Give the allocated bytes of one slotted instance; None where the language forbids the slots.

    Variable-size bases (int, tuple, bytes) take no names; their items differ per instance, so no size is given for them.
    """
    basicsize = base.basicsize if base else OBJECT_BASICSIZE
    if base and base.itemsize != 0:
        return None
    requested = GC_HEADER + max(basicsize, OBJECT_BASICSIZE) + WORD * name_count
    if weakref and not (base and base.weaklistoffset):
        requested += WORD if version <= (3, 11) else 2 * WORD
    return block_bytes(requested)
