"""Who holds whom in the made-up service: modules, a registry of sessions, two threads, and some garbage.

Never differs: the same rows give the same heap.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heapscope.snapshot.model import Root, U32Array, U64Array
from heapscope.wire.protocol import RootKind

OBJECT_GAP = 64
MODULES = (
    "app.sessions", "app.cart", "app.events", "sys", "sqlalchemy.orm", "builtins", "logging", "typing", "asyncio.events",
    "ssl", "json.decoder", "http.client", "email.message", "app.models", "threading", "collections", "argparse", "re",
)  # fmt: skip
GARBAGE_EVENTS = 211
SERVICE_MARK = "builtins.frame"  # rows with frames are the service's
Pairs = list[npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Links:
    """References of a snapshot, what they count, and the roots."""

    offsets: U64Array
    targets: U32Array
    refcount: U64Array
    roots: tuple[Root, ...]


def link(types: Sequence[tuple[str, int]], base: int) -> Links:
    """Link objects that are numbered type by type, as (name, count)."""
    starts = dict(
        zip((name for name, _ in types), itertools.accumulate((n for _, n in types), initial=0), strict=False)
    )
    total = sum(count for _name, count in types)
    if SERVICE_MARK not in starts:
        # A ring: the first one holds all.
        pairs = [np.stack([np.arange(total), (np.arange(total) + 1) % max(1, total)])]
        roots = [(RootKind.MODULE, 0, types[0][0])] if total else []
        return _links(pairs, total, roots, base)
    pairs, garbage = _service(starts, dict(types))
    roots = [(RootKind.MODULE, starts["builtins.module"] + at, _module_name(at)) for at in range(604)]
    pairs.append(_adopt_orphans(pairs, total, garbage | {one for _kind, one, _label in roots}, starts))
    return _links(pairs, total, roots + _threads(starts["builtins.frame"]), base)


def _module_name(at: int) -> str:
    return MODULES[at] if at < len(MODULES) else f"lib.part{at}"


def _threads(frame: int) -> list[tuple[int, int, str]]:
    main = ["load /srv/app/app/web.py:88", "serve /srv/app/app/web.py:31", "<module> /srv/app/api_worker.py:12"]
    worker = ["wait /usr/lib/python3.12/threading.py:359", "run /srv/app/app/events.py:57", "_bootstrap x.py:1032"]
    return [
        (RootKind.THREAD, frame, "MainThread"),
        *((RootKind.FRAME, frame + at, label) for at, label in enumerate(main)),
        (RootKind.THREAD, frame + 3, "thread 140562762688192"),
        *((RootKind.FRAME, frame + 3 + at, label) for at, label in enumerate(worker)),
    ]


def _service(starts: dict[str, int], counts: dict[str, int]) -> tuple[Pairs, set[int]]:
    def some(name: str, first: int, count: int) -> npt.NDArray[np.int64]:
        return starts[name] + np.arange(first, first + count)

    def one(name: str, at: int, held: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.stack([np.full(held.size, starts[name] + at), held])

    sessions, items = counts["app.sessions.Session"], counts["app.cart.LineItem"]
    session, carts = some("app.sessions.Session", 0, sessions), some("builtins.dict", 604, sessions)
    item, carried = some("app.cart.LineItem", 0, items), min(items - 18, 3 * sessions)
    events = counts["app.events.Event"] - GARBAGE_EVENTS
    garbage = some("app.events.Event", events, GARBAGE_EVENTS - GARBAGE_EVENTS % 2)
    payload = some("builtins.bytes", 0, garbage.size)
    pairs = [
        np.stack([some("builtins.module", 0, 604), some("builtins.dict", 0, 604)]),
        one("builtins.dict", 0, some("collections.OrderedDict", 0, 1)),
        one("collections.OrderedDict", 0, session),
        np.stack([session, carts]),
        np.stack([session[:4_129], some("datetime.datetime", 0, 4_129)]),
        np.stack([carts[np.arange(carried) // 3], item[:carried]]),
        np.stack([item, some("builtins.str", 0, items)]),
        one("builtins.dict", 1, some("builtins.list", 0, 1)),
        one("builtins.list", 0, item[carried:]),
        one("builtins.dict", 2, some("builtins.list", 1, 1)),
        one("builtins.list", 1, some("app.events.Event", 0, events)),
        one("builtins.frame", 0, some("builtins.list", 2, 1)),
        one("builtins.list", 2, some("builtins.bytes", garbage.size, 700)),
        one("builtins.frame", 1, session[:1]),
        np.stack([garbage, garbage.reshape(-1, 2)[:, ::-1].ravel()]),
        np.stack([garbage, payload]),
        np.stack([some("builtins.function", 0, 6_180), some("builtins.code", 0, 6_180)]),
    ]
    return pairs, {*garbage.tolist(), *some("builtins.frame", 0, 6).tolist()}


def _adopt_orphans(pairs: Pairs, total: int, spared: set[int], starts: dict[str, int]) -> npt.NDArray[np.int64]:
    """Have the namespaces of library modules hold what nothing holds: the first ones most."""
    held = np.zeros(total, dtype=np.bool_)
    held[np.concatenate(pairs, axis=1)[1]] = True
    held[list(spared)] = True
    orphans = np.flatnonzero(~held)
    at = np.random.default_rng(4).permutation(orphans.size) / orphans.size
    return np.stack([starts["builtins.dict"] + 3 + (601 * at**3).astype(np.int64), orphans])


def _links(pairs: Pairs, total: int, roots: list[tuple[int, int, str]], base: int) -> Links:
    holder, held = np.concatenate(pairs, axis=1)
    order = np.argsort(holder, kind="stable")
    offsets = np.zeros(total + 1, dtype=np.uint64)
    offsets[1:] = np.cumsum(np.bincount(holder, minlength=total))
    counts = np.bincount(held, minlength=total)
    made = tuple(Root(kind, base + one * OBJECT_GAP, one, label) for kind, one, label in roots)
    return Links(offsets, held[order].astype(np.uint32), np.maximum(counts, 1).astype(np.uint64), made)
