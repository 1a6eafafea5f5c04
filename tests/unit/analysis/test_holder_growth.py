"""Growth is told of what piles up, by name, whatever happens to addresses, keys, tables and processes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapscope.analysis.dominators import build_dominator_tree
from heapscope.analysis.holder_growth import ELSEWHERE, GARBAGE, HolderGrowth, measure_holder_growth
from heapscope.analysis.holder_tree import HolderTree, find_holder_tree
from heapscope.snapshot.model import NO_OBJECT
from heapscope.wire.protocol import RootKind
from tests.support.examples import examples
from tests.support.growing_heap import Service
from tests.support.heap import Heap
from tests.support.roots import random_heaps, snapshot_with_counts


def names(rows: tuple[HolderGrowth, ...]) -> list[str]:
    """Give the holders that grew."""
    return [row.holder for row in rows if row.delta > 0 and row.holder != ELSEWHERE]


def sessions(count: int, minute: float = 0.0, *, churn: int = 0, first: int = 0, **changes: int) -> HolderTree:
    """Make a service with a registry of sessions, of 1000 bytes each, and a batch of so many bytes."""
    service = Service(first)
    held = service.table([service.blob(1000, "app.Session") for _ in range(count)], size=64 * count)
    service.module(
        "app.sessions",
        REGISTRY=service.instance("app.Registry", sessions=held, lock=service.blob(64)),
        BATCH=service.list(*(service.blob(churn) for _ in range(10))),
    )
    return service.holders(minute, **changes)


def test_what_piles_up_is_named_with_all_that_holds_it() -> None:
    """Not the sessions, not the registry, not the module: the dict."""
    rows = measure_holder_growth([sessions(10), sessions(14, 1), sessions(18, 2)])
    (row,) = rows
    assert row.holder == "app.sessions.REGISTRY.sessions"
    assert [(step.name, step.type_name, step.root_kind) for step in row.path] == [
        ("app.sessions", "builtins.module", "module"),
        (".REGISTRY", "app.Registry", ""),
        (".sessions", "builtins.dict", ""),
    ]
    each = 1000 + 32 + 64
    assert row.series == (10 * each, 14 * each, 18 * each)
    assert (row.held_before, row.held_after, row.delta) == (10 * each, 18 * each, 8 * each)
    assert (row.retained_before, row.retained_after) == (row.held_before, row.held_after)
    assert (row.count_before, row.count_after, row.count_delta, row.objects) == (10, 18, 8, 1)
    assert (row.rising, row.steps, row.per_minute) == (2, 2, 4 * each)


def test_a_slot_is_named_as_an_attribute_is() -> None:
    """Where all slots are filled there is no fingerprint; where one is empty, there is."""
    trees = []
    for minute, count in enumerate((10, 14, 18)):
        service = Service()
        tables = [service.table([service.blob(1000) for _ in range(count)], size=64 * count) for _ in range(2)]
        full = service.heap.object("app.Registry").refers_to(service.blob(64), tables[0])
        partly = service.heap.object("app.Registry", fingerprint=9).refers_to(tables[1])
        service.heap.shapes += [(full, ["lock", "sessions"]), (partly, ["sessions"])]
        service.module("app", FULL=full, PARTLY=partly)
        trees.append(service.holders(minute))
    assert sorted(names(measure_holder_growth(trees))) == ["app.FULL.sessions", "app.PARTLY.sessions"]


def test_three_snapshots_tell_a_registry_from_larger_churn() -> None:
    """The batch grew by more between first and last; a list of types, or of sizes, would have it first."""
    trees = [
        sessions(count, minute, churn=churn)
        for minute, (count, churn) in enumerate([(10, 4000), (12, 900), (14, 7000)])
    ]
    first, second = measure_holder_growth(trees)
    assert (first.holder, first.rising) == ("app.sessions.REGISTRY.sessions", 2)
    assert (second.holder, second.rising) == ("app.sessions.BATCH", 1)
    assert second.delta > 3 * first.delta


def test_addresses_processes_and_the_layout_of_instances_make_no_difference() -> None:
    """After a restart everything is elsewhere; somebody asked for __dict__; nothing grew."""
    assert measure_holder_growth([sessions(10), sessions(10, 5, first=7, pid=99)]) == ()
    (row,) = measure_holder_growth([sessions(10), sessions(20, 5, first=7, pid=99)])
    assert row.holder == "app.sessions.REGISTRY.sessions"
    trees = []
    for inline in (True, False):
        service = Service()
        held = service.list(service.blob(3000 if inline else 9000))
        service.module("app", KEEPER=service.instance("app.Keeper", inline=inline, held=held))
        trees.append(service.holders())
    assert names(measure_holder_growth(trees)) == ["app.KEEPER.held"]


def test_a_holder_that_was_not_there_is_told_from_nothing_and_one_that_went_shrank() -> None:
    """A cache made at the first request; a module imported meanwhile."""
    trees = []
    for minute in range(3):
        service = Service()
        late = {"CACHE": service.table([service.blob(5000)])} if minute else {}
        early = {} if minute == 2 else {"OLD": service.list(service.blob(6000))}
        service.module("app", LIMIT=service.blob(28), **late, **early)
        if minute == 2:
            service.module("plugin", TABLE=service.list(service.blob(4000)))
        trees.append(service.holders(minute))
    rows = {row.holder: row for row in measure_holder_growth(trees)}
    assert rows["app.CACHE"].series[0] == 0
    assert rows["app.CACHE"].rising == 1
    assert rows["plugin.TABLE"].count_after == 1
    assert rows["app.OLD"].delta < 0
    assert rows["app.OLD"].object_index == NO_OBJECT
    assert list(rows)[-1] in {"app.OLD", ELSEWHERE}


def test_names_that_come_and_go_are_data() -> None:
    """A dict of requests by name: what came is not new growth where as much went; the dict grew by the rest."""
    trees = []
    for minute, size in enumerate([9000, 9000, 12_000]):
        service = Service()
        service.module("app", REQUESTS=service.named(**{f"r{minute}": service.list(service.blob(size))}))
        trees.append(service.holders(minute))
    rows = measure_holder_growth(trees)
    assert [(row.holder, row.series[-1] - row.series[0]) for row in rows if row.holder != ELSEWHERE] == [
        ("app.REQUESTS[str key]", 3000)
    ]
    assert measure_holder_growth(trees[:2]) == ()


def test_a_table_that_outgrows_named_keys_stays_the_holder() -> None:
    """60 named keys, then 70: what was named is now a table."""
    trees = []
    for count in (60, 70):
        service = Service()
        service.module("app", CACHE=service.named(**{f"key{at}": service.blob(1000) for at in range(count)}))
        trees.append(service.holders())
    (row,) = [row for row in measure_holder_growth(trees) if row.delta > 5000]
    assert (row.holder, row.count_delta) == ("app.CACHE", 10)


def test_attributes_made_by_numbers_are_told_of_their_holder() -> None:
    """setattr(module, f"handler_{n}"): no one of them explains anything."""
    trees = []
    for count in (10, 30):
        service = Service()
        service.module("app", **{f"handler_{at}": service.blob(400, "builtins.function") for at in range(count)})
        trees.append(service.holders())
    assert names(measure_holder_growth(trees)) == ["app"]


def test_parts_that_grow_without_becoming_more_are_followed() -> None:
    """Sixteen shards, each with a list that grows; every session with a history that grows."""
    trees = []
    for count in (5, 15):
        service = Service()
        shards = [
            service.instance("app.Shard", inline=True, items=service.list(*(service.blob(100) for _ in range(count))))
            for _ in range(16)
        ]
        service.module("app", SHARDS=service.list(*shards))
        trees.append(service.holders())
    (row,) = measure_holder_growth(trees)
    assert (row.holder, row.objects, row.count_before, row.count_after) == ("app.SHARDS[].items", 16, 80, 240)


def test_a_chain_is_told_of_what_holds_its_head() -> None:
    """Not of a link: each of them holds the next one."""
    trees = []
    for count in (10, 40):
        service = Service()
        link = service.instance("app.Node", inline=True, after=service.blob(16))
        for _ in range(count):
            link = service.instance("app.Node", inline=True, after=link, data=service.blob(200))
        service.module("app", QUEUE=service.instance("app.Queue", inline=True, head=link))
        trees.append(service.holders())
    (row,) = measure_holder_growth(trees)
    assert (row.holder, row.count_delta) == ("app.QUEUE.head", 30)


def test_what_two_indexes_hold_is_told_once_and_retained_by_neither() -> None:
    """Dropping one of them would free its table only."""
    trees = []
    for count in (10, 50):
        service = Service()
        items = [service.blob(1000, "app.Item") for _ in range(count)]
        service.module("app", BY_ID=service.table(items), BY_NAME=service.table(items))
        trees.append(service.holders())
    first, second = measure_holder_growth(trees)
    assert (first.holder, first.delta, first.retained_after) == ("app.BY_ID", 40 * 1032, 64 + 50 * 32)
    assert (second.holder, second.delta) == ("app.BY_NAME", 40 * 32)


def test_frames_are_named_without_their_line_and_modules_come_first() -> None:
    """The line moves on; a variable of a loop that runs for ever does not hide the module's name."""
    trees = []
    for minute in range(2):
        service = Service()
        table = service.table([service.blob(1000) for _ in range(5 + 9 * minute)])
        buffer = service.list(service.blob(2000 + 4000 * minute))
        service.module("app", TABLE=table)
        frame = service.heap.object("builtins.frame").refers_to(table, buffer)
        service.heap.root(frame, RootKind.FRAME, f"serve /srv/app.py:{40 + minute}", table=table, buffer=buffer)
        trees.append(service.holders(minute))
    assert names(measure_holder_growth(trees)) == ["app.TABLE", "frame serve /srv/app.py > buffer"]


def test_inner_frames_and_threads_take_no_name_away() -> None:
    """A request is served at one moment and not at the next; threading._active leads to all that a thread holds."""
    trees = []
    for minute in range(2):
        service = Service()
        table = service.table([service.blob(1000) for _ in range(5 + 9 * minute)])
        shop = service.instance("__main__.Shop", sessions=table)
        thread = service.instance("threading.Thread", _args=service.list(shop))
        service.module("threading", _active=service.table([thread]))
        inner = outer = service.heap.object("builtins.frame").refers_to(shop)
        if not minute:
            inner, busy, start = (service.heap.object("builtins.frame").refers_to(table) for _ in range(3))
            service.heap.root(busy, RootKind.THREAD, "thread 78")
            service.heap.root(busy, RootKind.FRAME, "handle /srv/app.py:7", sessions=table)
            service.heap.root(start, RootKind.FRAME, "_bootstrap /usr/lib/python3/threading.py:7", table=table)
        service.heap.root(inner, RootKind.THREAD, "thread 77")
        if not minute:
            service.heap.root(inner, RootKind.FRAME, "look /srv/app.py:7", sessions=table)
        service.heap.root(outer, RootKind.FRAME, "main /srv/app.py:90", shop=shop)
        service.heap.root(service.heap.object("builtins.frame"), RootKind.FRAME, "<module> /srv/app.py:99")
        trees.append(service.holders(minute))
    assert names(measure_holder_growth(trees)) == ["frame main /srv/app.py > shop.sessions"]


def test_what_c_code_holds_goes_by_its_type_and_garbage_is_told() -> None:
    """Nothing names them."""
    trees = []
    for count in (2, 9):
        service = Service()
        service.module("app")
        for _ in range(count):
            service.heap.object("app.Callback", size=2000, length=1)  # a count that nobody explains
            loop = service.heap.object("app.Loop", size=3000)
            loop.refers_to(loop)
        trees.append(service.holders())
    rows = measure_holder_growth(trees)
    assert [(row.holder, row.delta, row.count_delta) for row in rows] == [
        (GARBAGE, 7 * 3000, 7),
        ("native app.Callback", 7 * 2000, 7),
    ]


def test_snapshots_and_dominator_trees_do_as_well() -> None:
    """Whatever is at hand."""
    services = [Service(), Service()]
    for at, service in enumerate(services):
        service.module("app", LIST=service.list(*(service.blob(3000) for _ in range(at))))
    first, second = (service.snapshot() for service in services)
    rows = measure_holder_growth([first, build_dominator_tree(second)])
    assert names(rows) == ["app.LIST"]
    assert rows == measure_holder_growth([find_holder_tree(first), second])
    with pytest.raises(ValueError, match="two"):
        measure_holder_growth([first])


@settings(max_examples=examples(80), deadline=None)
@given(st.lists(random_heaps(), min_size=2, max_size=3), st.sampled_from([4, 1 << 15]))
def test_nothing_grows_from_itself_and_changes_add_up(heaps: list[Heap], keep: int) -> None:
    """On any heaps, with few holders kept or all."""
    snapshots = [snapshot_with_counts(heap) for heap in heaps]
    trees = [find_holder_tree(snapshot, keep=keep) for snapshot in snapshots]
    assert measure_holder_growth([trees[0], trees[0]]) == ()
    rows = measure_holder_growth(trees)
    assert sum(row.delta for row in rows) == snapshots[-1].heap_bytes - snapshots[0].heap_bytes
    back = measure_holder_growth(trees[::-1])
    assert sum(row.delta for row in back) == -sum(row.delta for row in rows)


@settings(max_examples=examples(80), deadline=None)
@given(random_heaps())
def test_holders_hold_all_that_lives(heap: Heap) -> None:
    """What they hold adds up; none holds more than the one above it; garbage is nobody's."""
    snapshot = snapshot_with_counts(heap)
    tree = find_holder_tree(snapshot)
    firsts = tree.children(-1)
    assert sum(int(tree.held[one]) for one in firsts) == tree.living_bytes == snapshot.heap_bytes - tree.garbage_bytes
    assert int(tree.count.sum()) <= snapshot.object_count - tree.garbage_count
    for one in range(tree.size):
        below = tree.children(one)
        assert sum(int(tree.held[child]) for child in below) <= int(tree.held[one])
        assert all(int(tree.parent[child]) == one for child in below)
        assert int(tree.retained[one]) <= tree.living_bytes
        assert tree.step[one] == tree.path(one)[-1]


def test_few_holders_kept_lose_no_bytes() -> None:
    """What is left out is part of what is above it."""
    few = []
    for count in (10, 40):
        service = Service()
        service.module("app", TABLE=service.table([service.blob(500) for _ in range(count)]))
        few.append(find_holder_tree(service.snapshot(), keep=2))
    (row,) = measure_holder_growth(few)
    assert (row.holder, row.delta) == ("app.TABLE", 30 * 532)
