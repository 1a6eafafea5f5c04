"""Kernels can be watched and given up while they work, and a missing library says what to do."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable

import numpy as np
import pytest

from heapscope.errors import Cancelled, HeapscopeError
from heapscope.graph import dominators, kernels, library, reach, shapes
from heapscope.graph.library import Oversight
from heapscope.graph.references import References, children_of_tree

MANY = 300_000


def large_graph() -> References:
    """Enough references for several looks at the watcher."""
    generator = np.random.default_rng(1)
    return References(
        np.arange(0, 2 * MANY + 1, 2, dtype=np.uint64), generator.integers(0, MANY, 2 * MANY, dtype=np.uint32)
    )


def test_a_watcher_that_gave_up_before_is_asked_even_for_little_work() -> None:
    """Nothing is computed for nobody."""
    small = References(np.array([0, 1], dtype=np.uint64), np.array([0], dtype=np.uint32))
    with pytest.raises(Cancelled):
        small.in_degrees(oversight=Oversight(lambda: True))


def test_a_kernel_gives_up_at_its_next_look() -> None:
    """The control is set before the kernel starts: it must not finish what needs many looks."""
    control = library._Control(cancel=1)
    graph = large_graph()
    degrees = np.zeros(MANY, dtype=np.uint32)
    kernel = library._library().heapgraph_in_degrees
    assert kernel(graph.native(), ctypes.byref(control), None, degrees) == library._CANCELLED
    assert 0 < control.done < 100_000


def all_kernels() -> list[Callable[[], object]]:
    """Give a call of every kernel with far more steps than lie between two looks."""
    graph = large_graph()
    seeds, ones = np.arange(MANY, dtype=np.uint32), np.ones(MANY, dtype=np.uint64)
    chain = np.arange(-1, MANY - 1).astype(np.uint32)
    links = References(np.minimum(np.arange(MANY + 1), MANY - 1).astype(np.uint64), seeds[1:])
    nothing, everything = np.zeros(MANY, dtype=np.uint8), np.ones(MANY, dtype=np.uint8)
    components = kernels.Components(MANY, seeds, links.offsets, np.zeros(MANY - 1, dtype=np.uint32))
    ways = reach.Ways(chain, seeds, everything, seeds)
    closure = {"component_size": ones, "object_size": ones, "group": seeds, "first_group": 0, "group_count": 1}
    return [
        graph.reversed,
        lambda: graph.reversed(merge=True),
        graph.in_degrees,
        lambda: children_of_tree(chain),
        lambda: reach.reach(links, seeds[:1]),
        lambda: reach.find_ways(links, (seeds[:1],)),
        lambda: reach.lost_without(links, seeds[:1], seeds, 1, ones),
        lambda: dominators.find_dominators(links, dominators.RootGraph(seeds[:1])),
        lambda: dominators.accumulate(chain, seeds, ones),
        lambda: dominators.find_topmost(links, 0, seeds, MANY, ones),
        lambda: shapes.find_shapes(ways, seeds),
        lambda: kernels.find_components(graph.offsets, graph.targets, nothing),
        lambda: kernels.find_covered(components, everything),
        lambda: kernels.closure_sizes(graph.offsets, graph.targets, components, **closure),
    ]


@pytest.mark.slow
def test_every_kernel_looks_at_the_control_while_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given up from the start, none of them comes to an end."""
    real = library._Control
    started: list[library._Control] = []

    def given_up() -> library._Control:
        started.append(real(cancel=1))
        return started[-1]

    calls = all_kernels()
    monkeypatch.setattr(library, "_Control", given_up)
    for call in calls:
        with pytest.raises(Cancelled):
            call()
        assert started.pop().done < 100_000


def test_progress_is_reported_in_the_callers_thread() -> None:
    """A part of a computation reports its part of the whole."""
    control, go_on = library._Control(), threading.Event()
    shares: list[float] = []
    threads = set()

    def kernel() -> int:
        control.done = 30
        go_on.wait()
        return 0

    def note(share: float) -> None:
        shares.append(share)
        threads.add(threading.get_ident())
        if len(shares) == 2:
            go_on.set()

    assert library._run_watched(kernel, (), control, 60, Oversight(report=note).part(0.5, 1.0)) == 0
    assert shares[1] == 0.75
    assert threads == {threading.get_ident()}


def test_a_watcher_that_gives_up_sets_the_control() -> None:
    """And gets the kernel's own answer."""
    control = library._Control()

    def kernel() -> int:
        while not control.cancel:
            threading.Event().wait(0.001)
        return library._CANCELLED

    assert library._run_watched(kernel, (), control, 1, Oversight(lambda: True)) == library._CANCELLED


def test_an_exception_of_the_watcher_ends_the_kernel_first() -> None:
    """Ctrl-C arrives in the watcher; the kernel must not write into arrays that are gone."""
    control, ended = library._Control(), []

    def kernel() -> int:
        while not control.cancel:
            threading.Event().wait(0.001)
        ended.append(True)
        return library._CANCELLED

    def interrupt(_share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library._run_watched(kernel, (), control, 1, Oversight(report=interrupt))
    assert ended == [True]


def test_a_missing_library_says_how_to_build_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source tree that was never built."""
    monkeypatch.setattr(library, "_LIBRARY", library._LIBRARY.with_name("missing.so"))
    library._library.cache_clear()
    try:
        with pytest.raises(HeapscopeError) as caught:
            References(np.zeros(1, np.uint64), np.zeros(0, np.uint32)).in_degrees()
        assert "pip install" in caught.value.hint
    finally:
        library._library.cache_clear()


def test_a_library_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source tree that was updated, but not built again."""
    monkeypatch.setattr(library, "_ABI", library._ABI + 1)
    library._library.cache_clear()
    try:
        with pytest.raises(HeapscopeError, match="another version"):
            References(np.zeros(1, np.uint64), np.zeros(0, np.uint32)).in_degrees()
    finally:
        library._library.cache_clear()
