"""Made-up snapshots in the real model: a small service's heap, and one with hostile names.

Never captures anything; the figures are invented but consistent.
"""

from __future__ import annotations

import numpy as np

from heapscope.snapshot.model import InstanceFacts, Snapshot, SnapshotMeta, StateFigures, TypeInfo
from heapscope.wire.protocol import DictState

BASE_ADDRESS = 0x7F21_C000_0000
TYPE_ADDRESS = 0x55D0_0000_0000
CAPTURED_AT = 1_795_356_131.0
STARTED_AT = CAPTURED_AT - 19_000.0

# name, instances, bytes of each, attributes of the class (empty: no per-instance dict)
SERVICE_TYPES: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("dict", 9_210, 232, ()),
    ("str", 31_004, 71, ()),
    ("app.sessions.Session", 4_129, 48, ("user", "data", "created", "token", "last_seen")),
    ("app.cart.LineItem", 12_405, 48, ("sku", "qty", "price", "currency")),
    ("list", 5_110, 104, ()),
    ("bytes", 2_201, 533, ()),
    ("int", 18_400, 28, ()),
    ("tuple", 7_024, 64, ()),
    ("function", 9_241, 160, ()),
    ("code", 6_180, 512, ()),
    ("type", 921, 1_176, ()),
    ("app.events.Event", 2_011, 48, ("kind", "payload", "at")),
    ("datetime.datetime", 4_129, 48, ()),
    ("collections.OrderedDict", 120, 4_096, ()),
    ("set", 340, 728, ()),
    ("sqlalchemy.orm.state.InstanceState", 412, 48, ("obj", "class_", "modified", "key")),
    ("weakref.ReferenceType", 1_820, 72, ()),
    ("builtin_function_or_method", 2_100, 72, ()),
    ("app.models.User", 412, 48, ("_sa_instance_state", "id", "name", "email")),
    ("cell", 3_001, 40, ()),
    ("module", 604, 72, ()),
    ("frozenset", 210, 440, ()),
    ("property", 1_200, 72, ()),
    ("threading.Thread", 38, 48, ("_target", "_name", "_args", "_kwargs", "_daemonic")),
    ("logging.Logger", 41, 48, ("name", "level", "parent", "handlers")),
)  # fmt: skip

# Classes of which some instances had their __dict__ read.
READ_DICTS = frozenset({"app.events.Event"})

HOSTILE_NAMES: tuple[str, ...] = (
    "[bold red]markup[/] [@click=app.quit]x[/]",
    "esc\x1b[2J\x1b]0;title\x07",
    "bidi\u202eevil\u2066",
    "n" * 10_000,
    "\u65e5\u672c\u8a9e\u306e\u578b\u540d" * 20,
    "emoji\U0001f469\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f",
    "surrogate\ud800end",
    "=cmd|' /C calc'!A0",
    "line\nbreak\ttab | pipe",
    "",
)


def make_snapshot(
    rows: tuple[tuple[str, int, int, tuple[str, ...]], ...] = SERVICE_TYPES,
    *,
    captured_at: float = CAPTURED_AT,
    pid: int = 48213,
    warnings: tuple[str, ...] = (),
) -> Snapshot:
    """Build a snapshot with so many objects of each type; every object refers to the next."""
    counts = [count for _name, count, _size, _attributes in rows]
    total = sum(counts)
    shallow = np.repeat(np.array([size for _n, _c, size, _a in rows], dtype=np.uint64), counts)
    offsets = np.arange(total + 1, dtype=np.uint64)
    targets = np.roll(np.arange(total, dtype=np.uint32), -1)
    return Snapshot(
        meta=_meta(captured_at, pid, warnings),
        types=tuple(_type(index, row) for index, row in enumerate(rows)),
        instances=tuple(_instances(index, row) for index, row in enumerate(rows) if row[3]),
        roots=(),
        address=np.uint64(BASE_ADDRESS) + np.arange(total, dtype=np.uint64) * np.uint64(64),
        type_index=np.repeat(np.arange(len(rows), dtype=np.uint32), counts),
        shallow=shallow,
        allocated=(shallow + np.uint64(15)) // np.uint64(16) * np.uint64(16),
        refcount=np.ones(total, dtype=np.uint64),
        length=np.full(total, -1, dtype=np.int64),
        flags=np.zeros(total, dtype=np.uint32),
        fingerprint=np.zeros(total, dtype=np.uint64),
        reference_offsets=offsets,
        reference_targets=targets,
    )


def _meta(captured_at: float, pid: int, warnings: tuple[str, ...]) -> SnapshotMeta:
    return SnapshotMeta(
        pid=pid,
        process_start_time=STARTED_AT,
        captured_at=captured_at,
        host_name="web-3",
        command="/srv/app/venv/bin/python -X dev /srv/app/api_worker.py --port 8080",
        python_version="3.12.4",
        collector="python-clone",
        injector="ptrace",
        pause_ns=8_400_000,
        capture_ns=1_920_000_000,
        rss_before_bytes=61 << 20,
        rss_after_bytes=61 << 20,
        warnings=warnings,
        coverage=0.972,
        heapscope_version="0.1.0",
    )


def _type(index: int, row: tuple[str, int, int, tuple[str, ...]]) -> TypeInfo:
    name, _count, size, attributes = row
    module = name.rpartition(".")[0]
    own = bool(attributes)
    return TypeInfo(
        address=TYPE_ADDRESS + index * 1024,
        name=name,
        module=module or "builtins",
        basicsize=size,
        dictoffset=-1 if own else 0,
        is_heap=own,
        mro=(TYPE_ADDRESS + index * 1024,),
        own_names=("__init__",) if own else None,
        own_kinds=("function",) if own else (),
        file=f"/srv/app/{module.replace('.', '/')}.py" if own else "",
        line=14 if own else 0,
    )


def _instances(index: int, row: tuple[str, int, int, tuple[str, ...]]) -> InstanceFacts:
    name, count, size, attributes = row
    each = size + 16 + 8 * (len(attributes) + 4)
    some = count // 20 if name in READ_DICTS else 0
    return InstanceFacts(
        type_address=TYPE_ADDRESS + index * 1024,
        count=count,
        states={
            DictState.VALUES: StateFigures(count - some, each * (count - some), each * (count - some)),
            DictState.SPLIT: StateFigures(some, (each + 64) * some, (each + 64) * some),
        },
        attributes=dict.fromkeys(attributes, count),
        shapes=1,
    )


def grown_rows() -> tuple[tuple[str, int, int, tuple[str, ...]], ...]:
    """Return the service's types some time later: sessions and what they hold have grown."""
    more = {"app.sessions.Session": 1_650, "dict": 1_702, "str": 4_409, "app.cart.LineItem": 1_236, "bytes": -61}
    return tuple((name, count + more.get(name, 0), size, names) for name, count, size, names in SERVICE_TYPES)


def hostile_snapshot() -> Snapshot:
    """Build a snapshot whose type, attribute and command names attack the screen."""
    rows = tuple((name[:512], 10 + at, 64, (name[:200] or "x",)) for at, name in enumerate(HOSTILE_NAMES))
    return make_snapshot(rows, warnings=HOSTILE_NAMES[:3])
