"""The memory figures of a snapshot as plain values, and back.

Never trusts a record: whoever wrote the file may be hostile. Does no I/O.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from heapscope.snapshot.memory import (
    MAX_IMAGES,
    MAX_MAPPINGS,
    MallocFacts,
    MappingFacts,
    MemoryFacts,
    PymallocFacts,
    SizeClass,
)
from heapscope.snapshot.records import MAX_BYTES, RecordError, Value
from heapscope.units import clean_text

MAX_CLASSES = 64
MAX_WARNINGS = 32
MAX_TEXT = 512
_MAX_ADDRESS = (1 << 64) - 1

Record = TypeVar("Record")


def memory_record(facts: MemoryFacts | None) -> dict[str, Any] | None:
    """Give the facts as plain values."""
    return None if facts is None else dataclasses.asdict(facts)


def parse_memory(value: Value) -> MemoryFacts:
    """Read what ``memory_record`` gave; unknown keys are skipped, figures that are absent are zero. Raises RecordError."""
    record = _dict(value)
    parsed: dict[str, Any] = {
        "pymalloc": _optional(record, "pymalloc", _pymalloc),
        "malloc": _optional(record, "malloc", lambda part: _plain(MallocFacts, part)),
        "mappings": _list(record, "mappings", MAX_MAPPINGS, lambda part: _plain(MappingFacts, part, _MAX_ADDRESS)),
        "images": _list(record, "images", MAX_IMAGES, _range),
        "warnings": _list(record, "warnings", MAX_WARNINGS, _text),
    }
    limit = record.get("limit_bytes")
    parsed["limit_bytes"] = None if limit is None else _size(limit)
    return _plain(MemoryFacts, record, parsed=parsed)


def _pymalloc(value: Value) -> PymallocFacts:
    record = _dict(value)
    attributed = record.get("attributed_bytes")
    classes = _list(record, "classes", MAX_CLASSES, lambda part: _plain(SizeClass, part))
    parsed = {"attributed_bytes": None if attributed is None else _size(attributed), "classes": classes}
    return _plain(PymallocFacts, record, parsed=parsed)


def _plain(kind: type[Record], value: Value, limit: int = MAX_BYTES, parsed: Mapping[str, Any] | None = None) -> Record:
    """Make a record of a class whose other fields are sizes, texts or flags."""
    record = _dict(value)
    values = dict(parsed or {})
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name in values:
            continue
        if field.type == "str":
            values[field.name] = _text(record.get(field.name, ""))
        elif field.type == "bool":
            default = field.default is not dataclasses.MISSING and bool(field.default)
            values[field.name] = bool(record.get(field.name, default))
        else:
            values[field.name] = _size(record.get(field.name, 0), limit)
    return kind(**values)


def _dict(value: Value) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RecordError("a record of memory is none")
    return value


def _size(value: Value, limit: int = MAX_BYTES) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limit:
        raise RecordError("a figure of memory is none")
    return value


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise RecordError("a text about memory is none")
    return clean_text(value, MAX_TEXT)


def _range(value: Value) -> tuple[int, int]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise RecordError("a range of memory is none")
    return _size(value[0], _MAX_ADDRESS), _size(value[1], _MAX_ADDRESS)


def _optional(record: Mapping[str, Any], key: str, parse: Callable[[Any], Record]) -> Record | None:
    value = record.get(key)
    return None if value is None else parse(value)


def _list(record: Mapping[str, Any], key: str, limit: int, parse: Callable[[Any], Record]) -> tuple[Record, ...]:
    value = record.get(key, ())
    if not isinstance(value, list | tuple) or len(value) > limit:
        raise RecordError("a list about memory is none, or too long")
    return tuple(parse(each) for each in value)
