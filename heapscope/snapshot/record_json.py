"""The sections of a snapshot file that are records, as JSON; contents.py reads them again.

Never takes long without asking whether to go on. Does no I/O.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from heapscope.oversight import UNWATCHED, Oversight
from heapscope.snapshot import contents, records
from heapscope.snapshot.caches import caches_record
from heapscope.snapshot.codes import codes_record
from heapscope.snapshot.memory_record import memory_record
from heapscope.snapshot.model import Snapshot
from heapscope.snapshot.naming import naming_record

_RECORDS = 512  # encoded between two questions whether to give up

Item = TypeVar("Item")


def encode_records(snapshot: Snapshot, name: str, oversight: Oversight = UNWATCHED) -> bytes:
    """Give the JSON of one of the RECORD_SECTIONS, of NAMING, of CACHES, of CODES, or of MEMORY. Raises Cancelled."""
    if name == "meta":
        value: object = {
            **records.meta_record(snapshot.meta),
            "dangling_reference_count": snapshot.dangling_reference_count,
        }
    elif name == "types":
        return _encode_list(snapshot.types, records.type_record, oversight)
    elif name == "instances":
        return _encode_list(snapshot.instances, records.instances_record, oversight)
    elif name == contents.NAMING:
        value = naming_record(snapshot.naming)
    elif name == contents.CACHES:
        value = caches_record(snapshot.caches)
    elif name == contents.CODES:
        value = codes_record(snapshot.codes)
    elif name == contents.MEMORY:
        value = memory_record(snapshot.memory)
    else:
        return _encode_list(snapshot.roots, records.root_record, oversight)
    return _encode_json(value)


def _encode_json(value: object) -> bytes:
    # ASCII only: names from a target may hold lone surrogates, which no encoding of text takes.
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def _encode_list(items: Sequence[Item], record: Callable[[Item], object], oversight: Oversight) -> bytes:
    """Give the JSON of a list, made of a few records at a time."""
    pieces = []
    for start in range(0, len(items), _RECORDS):
        oversight.check()
        pieces.append(_encode_json([record(item) for item in items[start : start + _RECORDS]])[1:-1])
    return b"[" + b",".join(pieces) + b"]"
