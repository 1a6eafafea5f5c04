"""Roots come in tiers; garbage is what none of them leads to; counts that nobody explains hide no owner."""

from __future__ import annotations

from hypothesis import given, settings

from heapscope.analysis.roots import IMMORTAL_KIND, STATIC_DATA, Roots, find_roots
from heapscope.snapshot.model import SnapshotMeta
from heapscope.wire.protocol import Flag, RootKind
from tests.support import oracle
from tests.support.examples import examples
from tests.support.heap import Heap, HeapObject
from tests.support.roots import random_heaps, roots_of_lists, snapshot_with_counts


def roots_of(heap: Heap, counts: dict[HeapObject, int] | None = None, version: str = "3.12.1") -> Roots:
    """Find the roots; every object has as many counts as references, unless said otherwise."""
    by_index = {heap.objects.index(item): count for item, count in (counts or {}).items()}
    return find_roots(snapshot_with_counts(heap, by_index, SnapshotMeta(python_version=version)))


def test_what_no_root_leads_to_is_garbage() -> None:
    """Two objects that hold each other, and nothing else does."""
    heap = Heap()
    module, first, second = heap.object("builtins.module"), heap.object(size=100), heap.object(size=30)
    heap.root(module, RootKind.MODULE, "app")
    first.refers_to(second, module)
    second.refers_to(first)
    found = roots_of(heap, {module: 2})
    assert (found.garbage_count, found.garbage_bytes) == (2, 130)
    assert found.reached.tolist() == [1, 0, 0]


def test_an_unexplained_count_makes_a_root_of_what_nothing_else_holds() -> None:
    """C code ──► buffer ──► part."""
    heap = Heap()
    buffer, part = heap.object(), heap.object()
    buffer.refers_to(part)
    found = roots_of(heap, {buffer: 1})
    assert found.native.tolist() == [0]
    assert found.garbage_count == 0
    info = found.info(0)
    assert info is not None
    assert info.kind == "native"
    assert found.info(1) is None


def test_an_unexplained_count_hides_no_holder_that_is_seen() -> None:
    """Module ──► cache ──► link, and C code counts the link once more: the cache still holds it."""
    heap = Heap()
    module, cache, link = (heap.object() for _ in range(3))
    heap.root(module, RootKind.MODULE, "app")
    module.refers_to(cache)
    cache.refers_to(link)
    found = roots_of(heap, {module: 1, link: 2})
    assert found.native.size == 0
    assert found.audit.held.tolist() == [0, 2]
    assert found.audit.unexplained(found.audit.held).tolist() == [1, 1]


def test_what_a_scan_found_is_a_root_only_if_a_count_says_so() -> None:
    """A stale pointer to what a cache holds; a true one to what nothing else does; a stale one to garbage."""
    heap = Heap()
    module, cached, kept, lost = (heap.object() for _ in range(4))
    heap.root(module, RootKind.MODULE, "app")
    module.refers_to(cached)
    lost.refers_to(lost)
    for item in (cached, kept, lost):
        heap.root(item, RootKind.INTERPRETER, STATIC_DATA)
    found = roots_of(heap, {module: 1, kept: 1})
    assert (found.named.tolist(), found.native.tolist(), found.garbage_count) == ([0], [2], 1)
    assert [found.info(index) is None for index in range(4)] == [False, True, False, True]
    info = found.info(2)
    assert info is not None
    assert (info.kind, info.label) == ("interpreter", STATIC_DATA)


def test_of_objects_that_c_code_holds_only_the_first_ones_are_roots() -> None:
    """C code ──► a ──► b ◄── C code, and a ring of c and d that C code holds at d."""
    heap = Heap()
    first, second, third, fourth = (heap.object() for _ in range(4))
    first.refers_to(second)
    third.refers_to(fourth)
    fourth.refers_to(third)
    found = roots_of(heap, {first: 1, second: 2, fourth: 2})
    assert found.native.tolist() == [0, 3]
    assert found.garbage_count == 0


def test_immortal_objects_are_roots_and_take_no_part_in_the_audit() -> None:
    """Marked ones, and those of 3.11 that count from a thousand million; a large honest count is none."""
    heap = Heap()
    marked, biased, popular = heap.object(flags=Flag.IMMORTAL), heap.object(), heap.object()
    found = roots_of(heap, {marked: 7, biased: 999_999_990, popular: 500_000_000}, "3.11.7")
    assert found.immortal.tolist() == [0, 1]
    assert found.native.tolist() == [2]
    info = found.info(1)
    assert info is not None
    assert info.kind == IMMORTAL_KIND
    assert (found.audit.held.size, found.audit.immortal.size) == (1, 2)


def test_negative_counts_are_reported_and_make_no_root() -> None:
    """Two references of which one is borrowed, as frames of 3.14 do."""
    heap = Heap()
    frame, item = heap.object(), heap.object()
    heap.root(frame, RootKind.THREAD, "thread 1")
    frame.refers_to(item, item)
    found = roots_of(heap, {frame: 1, item: 1}, "3.14.1")
    assert found.audit.negative.tolist() == [1]
    assert found.audit.unexplained(found.audit.negative).tolist() == [-1]


def module_and_frame(version: str) -> Roots:
    """Make a module with its namespace, and a running frame that refers to the namespace without owning a count."""
    heap = Heap()
    module, namespace = heap.object("builtins.module"), heap.object("builtins.dict")
    frame = heap.object("builtins.frame", flags=Flag.SYNTHETIC)
    module.refers_to(namespace)
    frame.refers_to(namespace)
    heap.root(module, RootKind.MODULE, "app")
    heap.root(frame, RootKind.FRAME, "main")
    return roots_of(heap, {module: 1, namespace: 1, frame: 0}, version)


def test_running_frames_borrow_their_globals_since_3_11() -> None:
    """Before, they owned a count: one is missing there."""
    assert module_and_frame("3.11.0").audit.negative.size == 0
    assert module_and_frame("3.10.0").audit.negative.size == 1


def test_what_stands_for_a_frame_has_no_counts() -> None:
    """It is no object; whatever its row says explains nothing."""
    heap = Heap()
    heap.root(heap.object("builtins.frame", flags=Flag.SYNTHETIC), RootKind.FRAME, "main")
    assert roots_of(heap, {heap.objects[0]: 5}).audit.held.size == 0


def test_threads_hold_the_frames_that_follow_them() -> None:
    """The innermost frame is the thread itself; both threads have their own."""
    heap = Heap()
    frames = [heap.object("builtins.frame") for _ in range(4)]
    for thread, inner, outer in (("thread 1", 0, 1), ("thread 2", 2, 3)):
        heap.root(frames[inner], RootKind.THREAD, thread)
        heap.root(frames[inner], RootKind.FRAME, f"inner {thread}")
        heap.root(frames[outer], RootKind.FRAME, f"outer {thread}")
    heap.root(0x1000, RootKind.FRAME, "not recorded")
    found = roots_of(heap)
    assert [(thread.label, thread.frames.tolist()) for thread in found.threads] == [
        ("thread 1", [0, 1]),
        ("thread 2", [2, 3]),
    ]
    info = found.info(3)
    assert info is not None
    assert (info.kind, info.label, info.thread) == ("frame", "outer thread 2", "thread 2")


def test_frames_without_a_thread_are_kept() -> None:
    """A stream that was cut short names frames only."""
    heap = Heap()
    heap.root(heap.object("builtins.frame"), RootKind.FRAME, "main")
    assert [thread.frames.tolist() for thread in roots_of(heap).threads] == [[0]]


def test_a_module_owns_the_last_dict_it_refers_to() -> None:
    """Its C state comes first; other types are no namespace; a second name changes nothing."""
    heap = Heap()
    module, state, namespace = (
        heap.object("builtins.module"),
        heap.object("builtins.dict"),
        heap.object("builtins.dict"),
    )
    module.refers_to(state, namespace, heap.object("builtins.list"))
    heap.root(namespace, RootKind.INTERPRETER, "sys")
    heap.root(module, RootKind.MODULE, "sys")
    heap.root(module, RootKind.MODULE, "alias")
    found = roots_of(heap)
    assert (found.modules.tolist(), found.namespaces.tolist()) == ([0], [2])
    assert found.named.tolist() == [0]
    assert found.garbage_count == 0


def test_references_to_a_namespace_lead_to_its_module() -> None:
    """But for the module's own."""
    heap = Heap()
    module, namespace, function = (heap.object(f"builtins.{name}") for name in ("module", "dict", "function"))
    module.refers_to(namespace, function)
    function.refers_to(namespace)
    heap.root(module, RootKind.MODULE, "app")
    references = roots_of(heap).references
    assert [references.of(index).tolist() for index in range(3)] == [[1, 2], [], [0]]


@settings(max_examples=examples(500), deadline=None)
@given(random_heaps())
def test_reached_and_garbage_are_as_defined(heap: Heap) -> None:
    """On any heap: all named roots, immortal objects, and what C code holds are alive, with all they reach."""
    snapshot = snapshot_with_counts(heap)
    found = find_roots(snapshot)
    lists = roots_of_lists(snapshot)
    named = [root.object_index for root in snapshot.roots]
    held = [index for index in range(len(lists)) if int(snapshot.refcount[index]) > int(found.audit.visible[index])]
    immortal = [index for index in range(len(lists)) if snapshot.flags[index] & Flag.IMMORTAL]
    alive = oracle.reach(lists, [*named, *held, *immortal])
    assert set(found.reached.nonzero()[0].tolist()) == alive
    assert found.garbage_count == len(lists) - len(alive)
    assert found.garbage_bytes == sum(int(snapshot.shallow[index]) for index in set(range(len(lists))) - alive)
    assert alive == oracle.reach(lists, found.seeds().tolist())


@settings(max_examples=examples(500), deadline=None)
@given(random_heaps())
def test_no_native_root_is_reached_from_anywhere_else(heap: Heap) -> None:
    """Each is needed: without it something that C code holds would be garbage."""
    snapshot = snapshot_with_counts(heap)
    found = find_roots(snapshot)
    lists = roots_of_lists(snapshot)
    others = [tier.tolist() for tier in found.tiers()[:3]]
    early = oracle.reach(lists, [one for tier in others for one in tier])
    native = found.native.tolist()
    assert not early & set(native)
    for one in native:
        without = oracle.reach(lists, [*early, *(other for other in native if other != one)])
        ring = {
            other for other in native if one in oracle.reach(lists, [other]) and other in oracle.reach(lists, [one])
        }
        assert one not in without or ring != {one}
