"""Reading the small records (types, instances, roots, meta) from plain values, and writing them as such.

Never trusts a record: whoever sent it, or wrote the file, may be hostile. Does no I/O.

The same functions serve the capture stream and the snapshot file, so both have the same bounds.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from heapscope.snapshot.facts import InstanceFacts, Root, SnapshotMeta, StateFigures, TypeInfo
from heapscope.wire.protocol import MAX_ATTRIBUTES, MAX_NAME, MAX_OWN_SIZES, DictState, RootKind

MAX_TYPES = 1 << 22  # a program that makes a class per call may have a million; more is nonsense
MAX_ROOTS = 1 << 24
MAX_LIST = 1 << 16  # bases, mro, names of one class
MAX_TEXT = 1 << 12  # a path, a command line, a warning
MAX_WARNINGS = 1 << 10
MAX_BYTES = 1 << 62  # sums of sizes must stay well inside 64 bits
MAX_SIGNED = (1 << 63) - 1
MAX_UNSIGNED = (1 << 64) - 1

Value = Any  # what a decoder of plain values gives: None, bool, int, float, str, bytes, list, dict
Item = TypeVar("Item")


class RecordError(ValueError):
    """A record has the wrong form. Callers turn it into an error of their own that names the stream or the file."""


def _field(record: Mapping[Value, Value], key: str, kind: type | tuple[type, ...]) -> Value:
    value = record.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise RecordError(f"{key} is {type(value).__name__}")
    return value


def _int(record: Mapping[Value, Value], key: str, low: int = 0, high: int = MAX_BYTES) -> int:
    value: int = _field(record, key, int)
    return _in_range(value, key, low, high)


def _in_range(value: Value, what: str, low: int = 0, high: int = MAX_BYTES) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise RecordError(f"{what} is out of range")
    return value


def _bool(record: Mapping[Value, Value], key: str) -> bool:
    return bool(_field(record, key, (bool, int)))


def parse_text(value: Value, what: str, limit: int = MAX_TEXT) -> str:
    """Read a text of bounded length. Raises RecordError."""
    if not isinstance(value, str):
        raise RecordError(f"{what} is no text")
    if len(value) > limit:
        raise RecordError(f"{what} is longer than {limit} characters")
    return value


def _items(value: Value, what: str, limit: int, parse: Callable[[Value], Item]) -> tuple[Item, ...]:
    if not isinstance(value, (list, tuple)):
        raise RecordError(f"{what} is no list")
    if len(value) > limit:
        raise RecordError(f"{what} has more than {limit} entries")
    return tuple(parse(item) for item in value)


def parse_size(value: Value, what: str) -> int:
    """Read a count or bytes. Raises RecordError."""
    return _in_range(value, what)


def parse_address(value: Value) -> int:
    """Read an address or an index. Raises RecordError."""
    return _in_range(value, "address", 0, MAX_UNSIGNED)


def _record(value: Value, what: str) -> Mapping[Value, Value]:
    if not isinstance(value, dict):
        raise RecordError(f"{what} is no record")
    return value


def parse_type(value: Value) -> TypeInfo:
    """Read one type record (TYPE_KEYS). Raises RecordError."""
    record = _record(value, "type")
    names, kinds = record.get("own_names"), record.get("own_kinds")
    own_names = (
        None if names is None else _items(names, "own_names", MAX_LIST, lambda name: parse_text(name, "own name"))
    )
    own_kinds = () if kinds is None else _items(kinds, "own_kinds", MAX_LIST, lambda kind: parse_text(kind, "own kind"))
    if len(own_names or ()) != len(own_kinds):
        raise RecordError("own_names and own_kinds differ in length")
    return TypeInfo(
        address=_int(record, "address", 1, MAX_UNSIGNED),
        name=parse_text(record.get("name"), "type name", MAX_NAME),
        module=parse_text(record.get("module"), "module"),
        basicsize=_int(record, "basicsize", 0, MAX_SIGNED),
        itemsize=_int(record, "itemsize", -MAX_SIGNED, MAX_SIGNED),
        dictoffset=_int(record, "dictoffset", -MAX_SIGNED, MAX_SIGNED),
        weaklistoffset=_int(record, "weaklistoffset", -MAX_SIGNED, MAX_SIGNED),
        tp_flags=_int(record, "tp_flags", 0, MAX_UNSIGNED),
        is_heap=_bool(record, "is_heap"),
        metatype=_int(record, "metatype", 0, MAX_UNSIGNED),
        mro=_items(record.get("mro"), "mro", MAX_LIST, parse_address),
        bases=_items(record.get("bases"), "bases", MAX_LIST, parse_address),
        own_names=own_names,
        own_kinds=own_kinds,
        has_slots=_bool(record, "has_slots"),
        subclasses=_int(record, "subclasses") if "subclasses" in record else 0,  # in a file; a builder counts them
        shared_keys_bytes=_int(record, "shared_keys_bytes"),
        file=parse_text(record.get("file"), "file"),
        line=_int(record, "line"),
    )


def _state_entry(value: Value) -> StateFigures:
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise RecordError("a state has no three figures")
    count, requested, allocated = (_in_range(figure, "state figure") for figure in value)
    return StateFigures(count, requested, allocated)


def parse_instances(value: Value) -> InstanceFacts:
    """Read one record about the instances of a class (INSTANCE_KEYS). Raises RecordError."""
    record = _record(value, "instances")
    count = _int(record, "count")
    states = {}
    for state, figures in _record(record.get("states"), "states").items():
        states[_in_range(state, "state", 0, len(DictState.NAMES) - 1)] = _state_entry(figures)
    if sum(figures.count for figures in states.values()) > count:
        raise RecordError("more states than instances")
    attributes = _record(record.get("attributes"), "attributes")
    if len(attributes) > MAX_ATTRIBUTES:
        raise RecordError(f"more than {MAX_ATTRIBUTES} attributes")
    return InstanceFacts(
        type_address=_int(record, "type_address", 1, MAX_UNSIGNED),
        count=count,
        states=states,
        attributes={
            parse_text(name, "attribute"): _in_range(number, "attribute count", 0, count)
            for name, number in attributes.items()
        },
        attributes_truncated=_bool(record, "attributes_truncated"),
        shapes=_int(record, "shapes"),
        weakly_referenced=_int(record, "weakly_referenced", 0, count),
        replaced_dicts=_int(record, "replaced_dicts", 0, count),
        own_sizes=_own_sizes(record.get("own_sizes", {}), count),
    )


def _own_sizes(value: Value, count: int) -> dict[int, int]:
    """Read instances by the size of their own block: of all of them or of none. Files of before do not have it."""
    sizes = _record(value, "own sizes")
    if len(sizes) > MAX_OWN_SIZES:
        raise RecordError(f"more than {MAX_OWN_SIZES} own sizes")
    parsed = {
        _in_range(size, "own size"): _in_range(number, "own size count", 1, count) for size, number in sizes.items()
    }
    if parsed and sum(parsed.values()) != count:
        raise RecordError("own sizes of some instances only")
    return parsed


class RootRecord(NamedTuple):
    """A root before its object is known; ``variables`` as in model.Root."""

    kind: int
    address: int
    label: str
    variables: tuple[tuple[str, int], ...] = ()


def parse_root(value: Value) -> RootRecord:
    """Read one root: kind, address, label, and variables of a frame where they are known. Raises RecordError."""
    if not isinstance(value, (list, tuple)) or not 3 <= len(value) <= 4:
        raise RecordError("a root has neither three nor four fields")
    kind = _in_range(value[0], "root kind", 1, len(RootKind.NAMES) - 1)
    variables = _items(value[3], "variables", MAX_LIST, _variable) if len(value) == 4 else ()
    return RootRecord(kind, parse_address(value[1]), parse_text(value[2], "root label", MAX_NAME), variables)


def _variable(value: Value) -> tuple[str, int]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise RecordError("a variable has no two fields")
    return parse_text(value[0], "variable", MAX_NAME), parse_address(value[1])


def parse_meta(value: Value) -> SnapshotMeta:
    """Read the meta record of a snapshot file. Raises RecordError."""
    record = dict(_record(value, "meta"))
    fields: dict[str, Value] = {}
    for field in dataclasses.fields(SnapshotMeta):
        if field.name in record:
            fields[field.name] = _meta_field(field.name, field.default, record[field.name])
    return SnapshotMeta(**fields)


def _meta_field(name: str, default: Value, value: Value) -> Value:
    if name == "warnings":
        return parse_warnings(value)
    if isinstance(default, str):
        return parse_text(value, name)
    if isinstance(default, int):
        return _in_range(value, name)
    if default is None and value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise RecordError(f"{name} is no number")
    return float(value)


def parse_warnings(value: Value) -> tuple[str, ...]:
    """Read a list of warnings. Raises RecordError."""
    return _items(value, "warnings", MAX_WARNINGS, lambda text: parse_text(text, "warning"))


def type_record(info: TypeInfo) -> dict[str, Value]:
    """Write a type as plain values; the inverse of parse_type."""
    return {field.name: getattr(info, field.name) for field in dataclasses.fields(info)}


def instances_record(facts: InstanceFacts) -> dict[str, Value]:
    """Write instance facts as plain values; the inverse of parse_instances."""
    record = {field.name: getattr(facts, field.name) for field in dataclasses.fields(facts)}
    record["states"] = {state: list(dataclasses.astuple(figures)) for state, figures in facts.states.items()}
    record["attributes"] = dict(facts.attributes)
    record["own_sizes"] = dict(facts.own_sizes)
    return record


def root_record(root: Root) -> list[Value]:
    """Write a root as plain values; the inverse of parse_root (the object index follows from the address)."""
    record: list[Value] = [root.kind, root.address, root.label]
    return [*record, [list(variable) for variable in root.variables]] if root.variables else record


def meta_record(meta: SnapshotMeta) -> dict[str, Value]:
    """Write the meta record as plain values; the inverse of parse_meta."""
    return dataclasses.asdict(meta)


def parse_list(value: Value, what: str, limit: int) -> Sequence[Value]:
    """Check that a value is a list of at most ``limit`` entries. Raises RecordError."""
    return _items(value, what, limit, lambda item: item)
