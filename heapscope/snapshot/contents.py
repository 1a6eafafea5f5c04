"""What the sections of a snapshot file hold: columns as little-endian arrays, the small records as JSON.

Never opens a file, and never believes a section: a snapshot comes out only if all of it agrees.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from heapscope.snapshot import records
from heapscope.snapshot.addresses import AddressIndex
from heapscope.snapshot.builder import resolve_roots
from heapscope.snapshot.layout import Encoding
from heapscope.snapshot.model import COLUMN_TYPES, MAX_OBJECTS, Snapshot

_RECORD_SECTIONS = ("meta", "types", "instances", "roots")
SECTION_NAMES = (*_RECORD_SECTIONS, *COLUMN_TYPES)

_MAX_RECORDS_SIZE = 1 << 30
_PIECE = 1 << 20
_LEVEL = 1  # columns shrink to a third at any level; higher ones only take longer

crc32 = zlib.crc32


class ContentsError(ValueError):
    """A section that passed its checksum does not make sense."""


def encode_section(snapshot: Snapshot, name: str) -> bytes | memoryview:
    """Give the raw bytes of one section; those of a column are not copied."""
    if name in COLUMN_TYPES:
        column: npt.NDArray[Any] = getattr(snapshot, name)
        return np.ascontiguousarray(column, dtype=COLUMN_TYPES[name]).view(np.uint8).data
    if name == "meta":
        value: Any = {
            **records.meta_record(snapshot.meta),
            "dangling_reference_count": snapshot.dangling_reference_count,
        }
    elif name == "types":
        value = [records.type_record(info) for info in snapshot.types]
    elif name == "instances":
        value = [records.instances_record(facts) for facts in snapshot.instances]
    else:
        value = [records.root_record(root) for root in snapshot.roots]
    # ASCII only: names from a target may hold lone surrogates, which no encoding of text takes.
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def stored_pieces(raw: memoryview, encoding: Encoding) -> Iterator[bytes | memoryview]:
    """Give what is to be written for a section, piece by piece."""
    deflate = zlib.compressobj(_LEVEL) if encoding == Encoding.ZLIB else None
    for start in range(0, raw.nbytes, _PIECE):
        piece = raw[start : start + _PIECE]
        yield deflate.compress(piece) if deflate else piece
    if deflate:
        yield deflate.flush()


def decode_snapshot(raw: Mapping[str, bytes]) -> Snapshot:
    """Put a snapshot together from the raw bytes of its sections. Raises ContentsError."""
    missing = [name for name in SECTION_NAMES if name not in raw]
    if missing:
        raise ContentsError(f"its section {missing[0]} is missing")
    try:
        return _decode(raw)
    except (records.RecordError, RecursionError) as error:
        raise ContentsError(f"a record is wrong: {error}") from error


def _decode(raw: Mapping[str, bytes]) -> Snapshot:
    columns = {name: _column(name, raw[name]) for name in COLUMN_TYPES}
    meta = _json("meta", raw)
    if not isinstance(meta, dict):
        raise ContentsError("its section meta is no record")
    dangling = meta.pop("dangling_reference_count", 0)
    if not isinstance(dangling, int) or not 0 <= dangling <= records.MAX_BYTES:
        raise ContentsError("its count of dropped references is wrong")
    types = _parse_all(_json("types", raw), "types", records.MAX_TYPES, records.parse_type)
    instances = _parse_all(_json("instances", raw), "instances", records.MAX_TYPES, records.parse_instances)
    roots = _parse_all(_json("roots", raw), "roots", records.MAX_ROOTS, records.parse_root)
    _check_columns(columns, len(types))
    try:
        index = AddressIndex(columns["address"])
    except ValueError as error:
        raise ContentsError(str(error)) from error
    return Snapshot(
        meta=records.parse_meta(meta),
        types=tuple(types),
        instances=tuple(instances),
        roots=resolve_roots(roots, index),
        dangling_reference_count=dangling,
        **columns,
    )


def _json(name: str, raw: Mapping[str, bytes]) -> records.Value:
    if len(raw[name]) > _MAX_RECORDS_SIZE:
        raise ContentsError(f"its section {name} is too large")
    try:
        return _with_numeric_states(json.loads(raw[name])) if name == "instances" else json.loads(raw[name])
    except ValueError as error:
        raise ContentsError(f"its section {name} cannot be parsed") from error


def _with_numeric_states(value: records.Value) -> records.Value:
    """JSON has text keys only: turn those of the states back into numbers."""
    for record in value if isinstance(value, list) else ():
        if isinstance(record, dict) and isinstance(record.get("states"), dict):
            record["states"] = {int(state): figures for state, figures in record["states"].items()}
    return value


def _parse_all(value: records.Value, what: str, limit: int, parse: Callable[[Any], Any]) -> Sequence[Any]:
    return [parse(item) for item in records.parse_list(value, what, limit)]


def _column(name: str, raw: bytes) -> npt.NDArray[Any]:
    dtype = COLUMN_TYPES[name]
    if len(raw) % dtype.itemsize:
        raise ContentsError(f"its column {name} is cut off")
    return np.frombuffer(raw, dtype=dtype)


def _check_columns(columns: Mapping[str, npt.NDArray[Any]], type_count: int) -> None:
    """Check what every algorithm over a snapshot relies on. Raises ContentsError."""
    offsets, targets = columns["reference_offsets"], columns["reference_targets"]
    object_count = columns["address"].size
    per_object = [column for name, column in columns.items() if not name.startswith("reference_")]
    if object_count > MAX_OBJECTS or any(column.size != object_count for column in per_object):
        raise ContentsError("its columns differ in length")
    if offsets.size != object_count + 1 or offsets[0] != 0 or offsets[-1] != targets.size:
        raise ContentsError("its reference offsets do not fit its references")
    if bool((offsets[1:] < offsets[:-1]).any()):
        raise ContentsError("its reference offsets are not ascending")
    if targets.size and int(targets.max()) >= object_count:
        raise ContentsError("a reference leads nowhere")
    if object_count and int(columns["type_index"].max()) >= type_count:
        raise ContentsError("an object has no type")
    for name in ("shallow", "allocated"):
        if float(columns[name].sum(dtype=np.float64)) > records.MAX_BYTES:
            raise ContentsError(f"its {name} sizes are absurd")
