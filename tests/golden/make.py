"""Make the golden files of the current formats: ``python -m tests.golden.make``.

Never overwrites: a golden file shows what an older heapscope wrote, so a new format version gets files of its own.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from heapscope.snapshot.file import save_snapshot
from heapscope.snapshot.layout import FORMAT_VERSION
from heapscope.snapshot.model import COLUMN_TYPES, Snapshot, SnapshotMeta
from heapscope.wire.frames import encode_frame
from heapscope.wire.protocol import PROTOCOL_VERSION, DictState, Flag, RootKind
from tests.support.heap import Heap, instances_record

FOLDER = Path(__file__).parent
META = SnapshotMeta(
    pid=4242,
    process_start_time=1_700_000_000.25,
    captured_at=1_700_003_600.5,
    host_name="golden",
    command="python app.py --name caf\u00e9",
    python_version="3.12.1",
    collector="python-clone",
    injector="ptrace",
    pause_ns=3_500_000,
    capture_ns=1_250_000_000,
    rss_before_bytes=50 << 20,
    rss_after_bytes=51 << 20,
    warnings=("one warning",),
    coverage=None,
    heapscope_version="0.1.0",
)


def golden_heap() -> Heap:
    """Return a small heap that uses every kind of record: types, instances, roots, lengths, a reference to nothing."""
    heap = Heap()
    item_type = heap.type("shop.Item", own_names=["__init__"], own_kinds=["function"], file="shop.py", line=7)
    heap.type("builtins.list", is_heap=False, own_names=None, own_kinds=None, tp_flags=1 << 25)
    heap.type("odd.\\udc80name", has_slots=True, shared_keys_bytes=96)
    heap.type("shop.Sold", bases=[item_type], mro=[item_type])
    items = [heap.object("shop.Item", size=88 + 8 * number, flags=Flag.TRACKED) for number in range(5)]
    holder = heap.object("builtins.list", size=128, flags=Flag.TRACKED | Flag.FROZEN, length=5).refers_to(*items)
    items[0].refers_to(items[1], items[1], 0xDEAD_BEE0)
    items[4].refers_to(holder)
    heap.object("builtins.str", size=53, length=4, fingerprint=0xFEDC_BA98_7654_3210)
    heap.object("odd.\\udc80name", size=56, flags=Flag.OPAQUE | DictState.UNKNOWN << Flag.DICT_STATE_SHIFT)
    states = {DictState.VALUES: [4, 400, 416], DictState.SPLIT: [1, 160, 176]}
    attributes = {"price": 5, "caf\u00e9": 1}
    heap.instances.append(instances_record(item_type, 5, states=states, attributes=attributes, weakly_referenced=1))
    heap.root(holder, RootKind.MODULE, "shop")
    heap.root(items[2], RootKind.FRAME, "serve shop.py:12")
    heap.root(0x1000, RootKind.INTERPRETER, "not recorded")
    return heap


def rows_of(snapshot: Snapshot) -> dict[str, Any]:
    """Return all that a snapshot says, as plain values."""
    rows: dict[str, Any] = {name: getattr(snapshot, name).tolist() for name in COLUMN_TYPES}
    rows["meta"] = dataclasses.asdict(snapshot.meta)
    for name in ("types", "instances", "roots"):
        rows[name] = [dataclasses.asdict(record) for record in getattr(snapshot, name)]
    rows["dangling_reference_count"] = snapshot.dangling_reference_count
    plain: dict[str, Any] = json.loads(json.dumps(rows))
    return plain


def golden_snapshot() -> Snapshot:
    """Return the golden heap as a snapshot in which some objects have the same fingerprint."""
    snapshot = golden_heap().snapshot()
    fingerprint = np.arange(snapshot.object_count, dtype=np.uint64) % np.uint64(3) * np.uint64(0x5555_5555_0000_1111)
    return dataclasses.replace(snapshot, meta=META, fingerprint=fingerprint)


def saved_rows_of(snapshot: Snapshot) -> dict[str, Any]:
    """Return what a file keeps of a snapshot: of fingerprints, a number in the order of their first appearance."""
    rows = rows_of(snapshot)
    numbers = {0: 0}
    rows["fingerprint"] = [numbers.setdefault(value, len(numbers)) for value in rows["fingerprint"]]
    return rows


def wire_bytes() -> bytes:
    """Return the golden heap as a clone sends it: some objects as columns, the others packed."""
    frames = golden_heap().frames(packed_from=3)
    return b"".join(encode_frame(kind, payload, sequence) for sequence, (kind, payload) in enumerate(frames))


def wire_rows() -> dict[str, Any]:
    """Return what the golden wire bytes say: the same as the golden heap, and nothing about the capture."""
    rows = rows_of(golden_heap().snapshot(SnapshotMeta()))
    del rows["meta"]
    return rows


def write_rows(path: Path, rows: dict[str, Any]) -> None:
    """Write rows as text that shows well in a difference."""
    path.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n", encoding="ascii")


def main() -> None:
    """Write the files that are not there yet."""
    base = FOLDER / f"snapshot-v{FORMAT_VERSION}"
    snapshot = golden_snapshot()
    if not base.with_suffix(".heapscope").exists():
        save_snapshot(snapshot, base.with_suffix(".heapscope"))
        write_rows(base.with_suffix(".json"), saved_rows_of(snapshot))
    wire = FOLDER / f"capture-v{PROTOCOL_VERSION}.wire"
    if not wire.exists():
        wire.write_bytes(wire_bytes())
        write_rows(wire.with_suffix(".json"), wire_rows())


if __name__ == "__main__":
    main()
