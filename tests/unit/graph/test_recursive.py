"""Recursive sizes agree with a slow reference that follows the definition word by word."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapscope.errors import Cancelled, HeapscopeError
from heapscope.graph import kernels
from heapscope.graph.recursive import recursive_sizes, recursive_sizes_of_groups
from heapscope.graph.references import referents
from heapscope.snapshot.model import Snapshot, SnapshotMeta, TypeInfo
from heapscope.wire.protocol import Flag
from tests.support.heap import Heap

STOPS = (Flag.BOUNDARY, Flag.IMMORTAL, Flag.IS_TYPE)


def graph_of(lists: list[list[int]], types: list[int], sizes: list[int], flags: list[int], type_count: int) -> Snapshot:
    """Make a snapshot without a stream: ``lists[i]`` are the objects that object i refers to."""
    count = len(lists)
    return Snapshot(
        meta=SnapshotMeta(),
        types=tuple(TypeInfo(address=16 * (index + 1), name=f"m.T{index}") for index in range(type_count)),
        instances=(),
        roots=(),
        address=np.arange(1, count + 1, dtype=np.uint64) * np.uint64(16),
        type_index=np.array(types, dtype=np.uint32),
        shallow=np.array(sizes, dtype=np.uint64),
        allocated=np.array(sizes, dtype=np.uint64),
        refcount=np.ones(count, dtype=np.uint64),
        length=np.full(count, -1, dtype=np.int64),
        flags=np.array(flags, dtype=np.uint32),
        fingerprint=np.zeros(count, dtype=np.uint64),
        reference_offsets=np.cumsum([0, *(len(targets) for targets in lists)], dtype=np.uint64),
        reference_targets=np.array([target for targets in lists for target in targets], dtype=np.uint32),
    )


def reference_sizes(snapshot: Snapshot) -> list[int]:
    """The definition: close the set of all instances under references, not entering boundaries outside of it."""
    stops = [bool(flags & (Flag.BOUNDARY | Flag.IMMORTAL | Flag.IS_TYPE)) for flags in snapshot.flags.tolist()]
    references, sizes = referents(snapshot), []
    for type_index in range(len(snapshot.types)):
        reached = set(np.flatnonzero(snapshot.type_index == type_index).tolist())
        waiting = list(reached)
        while waiting:
            for target in references.of(waiting.pop()).tolist():
                if target not in reached and not stops[target]:
                    reached.add(target)
                    waiting.append(target)
        sizes.append(sum(int(snapshot.shallow[index]) for index in reached))
    return sizes


@st.composite
def random_graphs(draw: st.DrawFn) -> Snapshot:
    """Graphs with loops, double references, unreachable parts and boundaries, small enough to be understood."""
    count = draw(st.integers(1, 24))
    type_count = draw(st.integers(1, 6))
    index = st.integers(0, count - 1)
    return graph_of(
        draw(st.lists(st.lists(index, max_size=5), min_size=count, max_size=count)),
        draw(st.lists(st.integers(0, type_count - 1), min_size=count, max_size=count)),
        draw(st.lists(st.integers(0, 1000), min_size=count, max_size=count)),
        draw(st.lists(st.sampled_from((0, 0, 0, 0, *STOPS)), min_size=count, max_size=count)),
        type_count,
    )


@settings(max_examples=1000, deadline=None)
@given(random_graphs())
def test_sizes_equal_the_slow_reference(snapshot: Snapshot) -> None:
    """On any graph."""
    assert recursive_sizes(snapshot).tolist() == reference_sizes(snapshot)


@pytest.mark.parametrize("density", [0.5, 1.0, 3.0])
def test_more_types_than_one_pass_takes(density: float) -> None:
    """700 types over 800 objects need three passes; every one must agree."""
    generator = np.random.default_rng(int(density * 10))
    count, type_count = 800, 700
    lists = [generator.integers(0, count, generator.poisson(density)).tolist() for _ in range(count)]
    types = generator.integers(0, type_count, count).tolist()
    flags = np.where(generator.random(count) < 0.1, Flag.BOUNDARY, 0).tolist()
    snapshot = graph_of(lists, types, generator.integers(1, 500, count).tolist(), flags, type_count)
    assert recursive_sizes(snapshot).tolist() == reference_sizes(snapshot)


def test_what_two_instances_share_counts_once() -> None:
    """Cache ──► dict ◄── Cache: the size of all caches together holds the dict once."""
    heap = Heap()
    shared = heap.object("builtins.dict", size=1000)
    for _ in range(2):
        heap.object("m.Cache", size=50).refers_to(shared)
    assert recursive_sizes(heap.snapshot()).tolist() == [1000, 1100]


def test_a_cycle_counts_each_object_once() -> None:
    """A node that refers to its child, which refers back, and to itself."""
    heap = Heap()
    parent, child = heap.object("m.Parent", size=10), heap.object("m.Child", size=5)
    parent.refers_to(child, child, parent)
    child.refers_to(parent)
    assert recursive_sizes(heap.snapshot()).tolist() == [15, 15]


@pytest.mark.parametrize("flag", STOPS)
def test_boundaries_are_neither_counted_nor_entered(flag: int) -> None:
    """Handler ──► module ──► dict: the handler does not hold the module, the module holds its dict."""
    heap = Heap()
    handler, module = heap.object("m.Handler", size=1), heap.object("m.Module", size=10, flags=flag)
    handler.refers_to(module)
    module.refers_to(heap.object("builtins.dict", size=100), handler)
    assert recursive_sizes(heap.snapshot()).tolist() == [1, 111, 100]


def test_boundaries_that_refer_to_each_other_stay_apart() -> None:
    """Instances of one boundary type count, those of another that they refer to do not."""
    heap = Heap()
    first, second = heap.object("m.A", size=1, flags=Flag.BOUNDARY), heap.object("m.A", size=2, flags=Flag.BOUNDARY)
    other = heap.object("m.B", size=4, flags=Flag.BOUNDARY)
    first.refers_to(second, other)
    other.refers_to(first, heap.object("m.C", size=8))
    assert recursive_sizes(heap.snapshot()).tolist() == [3, 12, 8]


def test_types_without_instances_hold_nothing() -> None:
    """And do not shift the others."""
    heap = Heap()
    heap.type("m.Unused")
    heap.object("m.Used", size=7)
    assert recursive_sizes(heap.snapshot()).tolist() == [0, 7]
    assert recursive_sizes(Heap().snapshot()).tolist() == []


def test_a_group_of_types_is_one_set() -> None:
    """What instances of two types share counts once for the group."""
    heap = Heap()
    shared = heap.object("m.Shared", size=100)
    heap.object("m.A", size=1).refers_to(shared)
    heap.object("m.B", size=2).refers_to(shared)
    groups = np.array([0, 1, 1], dtype=np.uint32)
    assert recursive_sizes_of_groups(heap.snapshot(), groups, 2).tolist() == [100, 103]


@pytest.mark.slow
@pytest.mark.parametrize("closed", [False, True])
def test_a_million_objects_in_one_chain_do_not_overflow_any_stack(closed: bool) -> None:
    """A linked list, open and closed to a ring."""
    count = 1_000_000
    targets = np.arange(1, count + closed, dtype=np.uint32)
    if closed:
        targets[-1] = 0
    base = graph_of([[]] * 2, [0, 1], [1, 1], [0, 0], 2)
    offsets = np.minimum(np.arange(count + 1), targets.size).astype(np.uint64)
    ones, types = np.ones(count, dtype=np.uint64), np.zeros(count, dtype=np.uint32)
    types[count // 2] = 1
    snapshot = Snapshot(
        meta=base.meta,
        types=base.types,
        instances=(),
        roots=(),
        address=ones,
        type_index=types,
        shallow=ones,
        allocated=ones,
        refcount=ones,
        length=ones.astype(np.int64),
        flags=np.zeros(count, dtype=np.uint32),
        fingerprint=np.zeros(count, dtype=np.uint64),
        reference_offsets=offsets,
        reference_targets=targets,
    )
    assert recursive_sizes(snapshot).tolist() == [count, count if closed else count // 2]


def test_sizes_beyond_floating_point_stay_exact() -> None:
    """Sums over 2**53 lose no byte."""
    snapshot = graph_of([[1], [0]], [0, 1], [1 << 60, 1], [0, 0], 2)
    assert recursive_sizes(snapshot).tolist() == [(1 << 60) + 1] * 2


def test_cancelling_is_asked_between_passes() -> None:
    """A caller that gave up does not wait for the end."""
    with pytest.raises(Cancelled):
        recursive_sizes(graph_of([[]], [0], [1], [0], 1), is_cancelled=lambda: True)


@pytest.mark.parametrize(
    ("offsets", "targets"),
    [([0, 1, 1], [2]), ([0, 9, 9], [0]), ([0, 1, 1 << 60], [0]), ([5, 5, 5], [0]), ([0, 1, 1], [0xFFFFFFFF])],
)
def test_references_out_of_bounds_are_an_error_and_no_crash(offsets: list[int], targets: list[int]) -> None:
    """The kernels check every index: a damaged snapshot cannot make them read elsewhere."""
    with pytest.raises(HeapscopeError, match="kernel failed"):
        kernels.find_components(
            np.array(offsets, dtype=np.uint64), np.array(targets, dtype=np.uint32), np.zeros(2, dtype=np.uint8)
        )


def test_closures_check_what_they_are_given() -> None:
    """Components that do not belong to the graph, and columns that differ in length."""
    snapshot = graph_of([[1], []], [0, 0], [1, 1], [0, 0], 1)
    offsets, targets = snapshot.reference_offsets, snapshot.reference_targets
    good = kernels.find_components(offsets, targets, np.zeros(2, dtype=np.uint8))
    group, size = np.zeros(2, dtype=np.uint32), np.ones(2, dtype=np.uint64)

    def close(components: kernels.Components, sizes: np.ndarray[tuple[int], np.dtype[np.uint64]] = size) -> int:
        found = kernels.closure_sizes(
            offsets,
            targets,
            components,
            component_size=sizes,
            object_size=size,
            group=group,
            first_group=0,
            group_count=1,
        )
        return int(found[0])

    assert close(good) == 2
    upwards = kernels.Components(2, good.component, good.offsets, np.array([1], dtype=np.uint32))
    outside = kernels.Components(2, np.array([0, 9], dtype=np.uint32), good.offsets, good.targets)
    beyond = kernels.Components(2, good.component, np.array([0, 9, 9], dtype=np.uint64), good.targets)
    for broken in (upwards, outside, beyond):
        with pytest.raises(HeapscopeError):
            close(broken)
    with pytest.raises(ValueError, match="length"):
        close(good, np.ones(3, dtype=np.uint64))
    with pytest.raises(ValueError, match="length"):
        kernels.find_components(offsets, targets, np.zeros(3, dtype=np.uint8))
