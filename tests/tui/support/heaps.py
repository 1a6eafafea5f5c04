"""Made-up snapshots in the real model: a small service's heap, and one with hostile names.

Never captures anything; the figures are invented but consistent.
"""

from __future__ import annotations

import numpy as np

from heapscope.snapshot.model import InstanceFacts, Snapshot, SnapshotMeta, StateFigures, TypeInfo
from heapscope.wire.protocol import DictState
from tests.tui.support.links import OBJECT_GAP, link

BASE_ADDRESS = 0x7F21_C000_0000
TYPE_ADDRESS = 0x55D0_0000_0000
CAPTURED_AT = 1_795_356_131.0
STARTED_AT = CAPTURED_AT - 19_000.0

# name, instances, bytes of each, attributes of the class (empty: no per-instance dict)
SERVICE_TYPES: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("builtins.dict", 9_210, 232, ()),
    ("builtins.str", 31_004, 71, ()),
    ("app.sessions.Session", 4_129, 48, ("user", "data", "created", "token", "last_seen")),
    ("app.cart.LineItem", 12_405, 48, ("sku", "qty", "price", "currency")),
    ("builtins.list", 5_110, 104, ()),
    ("builtins.bytes", 2_201, 533, ()),
    ("builtins.int", 18_400, 28, ()),
    ("builtins.tuple", 7_024, 64, ()),
    ("builtins.function", 9_241, 160, ()),
    ("builtins.code", 6_180, 512, ()),
    ("builtins.type", 921, 1_176, ()),
    ("app.events.Event", 2_011, 48, ("kind", "payload", "at")),
    ("datetime.datetime", 4_129, 48, ()),
    ("collections.OrderedDict", 120, 4_096, ()),
    ("builtins.set", 340, 728, ()),
    ("sqlalchemy.orm.state.InstanceState", 412, 48, ("obj", "class_", "modified", "key")),
    ("weakref.ReferenceType", 1_820, 72, ()),
    ("builtins.builtin_function_or_method", 2_100, 72, ()),
    ("app.models.User", 412, 48, ("_sa_instance_state", "id", "name", "email")),
    ("builtins.cell", 3_001, 40, ()),
    ("builtins.module", 604, 72, ()),
    ("builtins.frame", 6, 480, ()),
    ("builtins.frozenset", 210, 440, ()),
    ("builtins.property", 1_200, 72, ()),
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
    """Build a snapshot with so many objects of each type, held as a service holds them, or in a ring with one root."""
    counts = [count for _name, count, _size, _attributes in rows]
    total = sum(counts)
    shallow = np.repeat(np.array([size for _n, _c, size, _a in rows], dtype=np.uint64), counts)
    type_index = np.repeat(np.arange(len(rows), dtype=np.uint32), counts)
    links = link([(name, count) for name, count, _size, _attributes in rows], BASE_ADDRESS)
    return Snapshot(
        meta=_meta(captured_at, pid, warnings),
        types=tuple(_type(index, row) for index, row in enumerate(rows)),
        instances=tuple(_instances(index, row) for index, row in enumerate(rows) if row[3]),
        roots=links.roots,
        address=np.uint64(BASE_ADDRESS) + np.arange(total, dtype=np.uint64) * np.uint64(OBJECT_GAP),
        type_index=type_index,
        shallow=shallow,
        allocated=(shallow + np.uint64(15)) // np.uint64(16) * np.uint64(16),
        refcount=links.refcount,
        length=np.where(np.isin(type_index, _sized_types(rows)), np.diff(links.offsets).astype(np.int64), -1),
        flags=np.zeros(total, dtype=np.uint32),
        fingerprint=np.zeros(total, dtype=np.uint64),
        reference_offsets=links.offsets,
        reference_targets=links.targets,
    )


def _sized_types(rows: tuple[tuple[str, int, int, tuple[str, ...]], ...]) -> list[int]:
    sized = {"builtins.dict", "builtins.list", "builtins.tuple", "collections.OrderedDict"}
    return [at for at, row in enumerate(rows) if row[0] in sized]


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
    more = {
        "app.sessions.Session": 1_650,
        "builtins.dict": 1_702,
        "builtins.str": 4_409,
        "app.cart.LineItem": 1_236,
        "builtins.bytes": -61,
    }
    return tuple((name, count + more.get(name, 0), size, names) for name, count, size, names in SERVICE_TYPES)


def hostile_snapshot() -> Snapshot:
    """Build a snapshot whose type, attribute and command names attack the screen."""
    rows = tuple((name[:512], 10 + at, 64, (name[:200] or "x",)) for at, name in enumerate(HOSTILE_NAMES))
    return make_snapshot(rows, warnings=HOSTILE_NAMES[:3])
