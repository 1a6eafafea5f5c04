"""How an instance lies in memory on each version: the sizes of its parts, and what a slotted instance asks the allocator for.

Never looks at instances: only at types and the version's layout rules. No I/O.

    one allocation:  | pre-header 16 | GC header 16 | native base's basicsize | 8 per name | inline values |
    pre-header       3.11: where a dict is possible; 3.12 on: also where weak references are
    dict pointer     8 in basicsize up to 3.10; the list of weak references 8 in basicsize up to 3.11
    values           3.11, 3.12: a block of their own; 3.13 on: inline, where the class allows it

Sources: type_new and PyType_GenericAlloc in Objects/typeobject.c, new_values and new_keys_object in Objects/dictobject.c.
"""

from __future__ import annotations

from heapscope.snapshot.model import Snapshot, TypeInfo

GC_HEADER = 16
PRE_HEADER = 16
WORD = 8
DICT_OBJECT = 64  # with its GC header
OBJECT_BASICSIZE = 16
PYMALLOC_LIMIT = 512  # larger requests go to malloc
MAX_SHARED_KEYS = 30  # 3.11 on; a class starts with room for as many

_IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE, 3.10+: heap types that C code made
_MANAGED_WEAKREF = 1 << 3  # 3.12+
_MANAGED_DICT = 1 << 4  # 3.11+

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


def pre_header_now(info: TypeInfo, version: Version) -> int:
    """Give the bytes of managed words in front of the instances of a class, as its flags say."""
    managed = _MANAGED_DICT if version == (3, 11) else _MANAGED_DICT | _MANAGED_WEAKREF
    return PRE_HEADER if version >= (3, 11) and info.tp_flags & managed else 0


def is_object(base: TypeInfo | None) -> bool:
    """Tell whether a native base is ``object``: its instances get their values when they are made."""
    return base is None or base.basicsize <= OBJECT_BASICSIZE


def allows_names(base: TypeInfo | None, version: Version) -> bool:
    """Tell whether names are allowed in ``__slots__``: for bases with items (int, bytes) not, for tuples since 3.15."""
    return base is None or base.itemsize == 0 or (version >= (3, 15) and base.name.endswith("tuple"))


def allows_weakref(base: TypeInfo | None, version: Version) -> bool:
    """Tell whether ``__weakref__`` is allowed in ``__slots__``: for bases with items since 3.15."""
    return base is None or base.itemsize == 0 or version >= (3, 15)


def fixed_bytes(
    base: TypeInfo | None, name_count: int, *, weakref: bool, version: Version, keeps_dict: bool = False
) -> int:
    """Give what a slotted instance requests in its one block, without items and without inline values."""
    requested = GC_HEADER + max(base.basicsize if base else 0, OBJECT_BASICSIZE) + WORD * name_count
    adds_weakref = weakref and not (base and base.weaklistoffset)
    adds_dict = keeps_dict and not (base and base.dictoffset)
    if adds_weakref and version <= (3, 11):
        requested += WORD
    if adds_dict and version <= (3, 10):
        requested += WORD
    is_managed = bool(base and pre_header_now(base, version))
    if is_managed or (adds_dict and version >= (3, 11)) or (adds_weakref and version >= (3, 12)):
        requested += PRE_HEADER
    return requested


def slotted_bytes(base: TypeInfo | None, name_count: int, *, weakref: bool, version: Version) -> int | None:
    """Give the allocated bytes of one slotted instance; None where it has items: their number differs per instance."""
    if base and base.itemsize != 0:
        return None
    return block_bytes(fixed_bytes(base, name_count, weakref=weakref, version=version))


def values_bytes(capacity: int, version: Version) -> int:
    """Give the size of an array of attribute values: a block of its own up to 3.12, inline or behind a dict later."""
    if version <= (3, 10):
        return WORD * capacity
    if version <= (3, 12):
        return _round8(capacity + 2) + WORD * capacity
    return WORD * (capacity + 1) + _round8(capacity)


def keys_bytes(name_count: int, version: Version) -> int:
    """Give the size of the keys table of a dict into which that many str keys were put, one after the other."""
    slots = 8
    while name_count > _usable(slots):
        slots = _power_above(3 * _usable(slots))
    if version <= (3, 10):
        return 40 + slots * _index_width(slots) + 24 * _usable(slots)
    return 32 + slots * _index_width(slots) + 16 * _usable(slots)


def has_inline_values(base: TypeInfo | None, slot_count: int, version: Version) -> bool:
    """Tell whether instances that have a dict carry their values inline: 3.13 only where nothing else lies in them."""
    if version <= (3, 12) or (base and (base.itemsize or base.dictoffset)):
        return False
    return version >= (3, 14) or (is_object(base) and slot_count == 0)


def kept_dict_blocks(
    base: TypeInfo | None, slot_count: int, dict_names: int, used: int, version: Version, *, static_names: int = 0
) -> tuple[int, tuple[int, ...]]:
    """Give (inline bytes, other blocks) of the attributes that stay in a dict, once the class has settled.

    Settled means some thirty instances made, all with the same names in the same order; earlier ones cost more.

    Args:
        base: the native base.
        slot_count: how many slots the instances have.
        dict_names: how many different names the class's instances keep in the dict.
        used: how many of them this instance has.
        version: of the target.
        static_names: from 3.14 on, names set in methods of the class that are slots: they have a place in its keys too.
    """
    is_native = base is not None and base.dictoffset != 0 and not pre_header_now(base, version)
    if version <= (3, 10) or is_native:
        return 0, (DICT_OBJECT, *_pointer_blocks(dict_names, version)) if used else ()
    if version >= (3, 14):
        dict_names += static_names
    if has_inline_values(base, slot_count, version):
        values = values_bytes(min(dict_names + 1, MAX_SHARED_KEYS), version)
        return values, () if used <= _most_values(version) else (DICT_OBJECT, keys_bytes(used, version))
    if used > _most_values(version):
        return 0, (DICT_OBJECT, keys_bytes(used, version))
    if version <= (3, 12) and is_object(base):
        return 0, (values_bytes(min(dict_names + 1, MAX_SHARED_KEYS), version),)
    return 0, (DICT_OBJECT, values_bytes(MAX_SHARED_KEYS, version)) if used else ()


def _pointer_blocks(names: int, version: Version) -> tuple[int, ...]:
    """What a dict behind a pointer has beside itself: values up to 3.10, where it shares its keys, else its own keys."""
    if version >= (3, 11):
        return (keys_bytes(names, version),)
    slots = 8
    while names > _usable(slots):
        slots *= 2
    return (values_bytes(_usable(slots), version),)


def _most_values(version: Version) -> int:
    return MAX_SHARED_KEYS if version >= (3, 14) else MAX_SHARED_KEYS - 1


def _usable(slots: int) -> int:
    return (slots << 1) // 3


def _power_above(count: int) -> int:
    return 1 << max(3, (count - 1).bit_length())


def _index_width(slots: int) -> int:
    return 1 if slots <= 128 else 2 if slots <= 1 << 15 else 4


def _round8(size: int) -> int:
    return (size + 7) & ~7
