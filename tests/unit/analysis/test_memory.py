"""The memory split: parts that add up, and the verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapscope.analysis.memory import MemorySplit, Part, split_memory
from heapscope.snapshot.memory import MallocFacts, MemoryFacts, PymallocFacts
from heapscope.snapshot.model import Snapshot
from tests.support.examples import examples
from tests.support.heap import Heap
from tests.support.memory import FACTS, IMAGE, MALLOC, MEGABYTE, PYMALLOC, with_rss

NDARRAY_OWN = 80


def heap_of(*, large: int = 0, numpy: int = 0, static: int = 0) -> Snapshot:
    """Give a heap with bytes in blocks over 512 bytes, in numpy's buffers, and in static data."""
    heap = Heap()
    heap.type("numpy.ndarray", basicsize=NDARRAY_OWN)
    heap.object("builtins.dict", size=32)
    if large:
        heap.object("builtins.bytes", size=large)
    if numpy:
        heap.object("numpy.ndarray", size=NDARRAY_OWN + numpy)
        heap.object("numpy.ndarray", size=NDARRAY_OWN)  # a view
    if static:
        heap.object("builtins.type", size=static).address = IMAGE[0] + 64
    return heap.snapshot()


def facts_of(pymalloc: PymallocFacts | None = None, **changes: object) -> MemoryFacts:
    """Give figures with changes; without word of it, all small blocks in use are those of the one dict."""
    small = pymalloc or replace(PYMALLOC, attributed_bytes=32 + NDARRAY_OWN * 0)
    return with_rss(replace(FACTS, **{"pymalloc": small, **changes}))  # type: ignore[arg-type]


def part(split: MemorySplit, which: Part) -> int:
    """Give the bytes of a part."""
    return split.bytes_of(which)


def notes(split: MemorySplit, which: Part) -> str:
    """Give what is said of a part."""
    return "; ".join(next(each.notes for each in split.components if each.part is which))


def test_larger_blocks_of_objects_are_taken_off_what_malloc_has_in_use() -> None:
    """And static objects are a file's."""
    split = split_memory(facts_of(), heap_of(large=10 * MEGABYTE, static=5 * MEGABYTE))
    assert part(split, Part.PYTHON_OBJECTS) == 32 + 10 * MEGABYTE
    assert part(split, Part.MALLOC_USED) == 38 * MEGABYTE
    assert part(split, Part.FILE) == 8 * MEGABYTE
    assert split.python_known
    assert split.trim_bytes == 4 * MEGABYTE


def test_blocks_in_use_that_belong_to_no_object_are_unexplained() -> None:
    """They are in nobody's part, and the note says what they are."""
    split = split_memory(facts_of(), heap_of())
    assert part(split, Part.UNEXPLAINED) == 40 * MEGABYTE - 32
    assert "belong to no object found" in notes(split, Part.UNEXPLAINED)
    all_known = split_memory(facts_of(replace(PYMALLOC, attributed_bytes=None)), heap_of())
    assert part(all_known, Part.UNEXPLAINED) == 0
    assert "does not say" in notes(all_known, Part.PYTHON_OBJECTS)


def test_numpys_data_is_named_and_is_no_python_object() -> None:
    """Views own none."""
    split = split_memory(facts_of(malloc=replace(MALLOC, used_bytes=28 * MEGABYTE)), heap_of(numpy=16 * MEGABYTE))
    assert part(split, Part.PYTHON_OBJECTS) < MEGABYTE
    assert part(split, Part.MALLOC_USED) >= 48 * MEGABYTE - 256
    assert notes(split, Part.MALLOC_USED).startswith("numpy data 16.0M in 1 arrays; other 32.0M")


def test_buffers_that_nobody_has_written_are_not_in_memory() -> None:
    """numpy.zeros() takes address space only."""
    malloc = replace(MALLOC, mapped_bytes=120 * MEGABYTE)  # 100 MiB of them not in memory, 2 MiB of the heaps
    split = split_memory(facts_of(malloc=malloc), heap_of(numpy=110 * MEGABYTE))
    assert "numpy data 8.00M" in notes(split, Part.MALLOC_USED)
    assert "102M more of numpy's is not in memory" in notes(split, Part.MALLOC_USED)


def test_objects_larger_than_what_malloc_has_do_not_make_a_part_negative() -> None:
    """They are swapped out, or were never written."""
    split = split_memory(facts_of(), heap_of(large=500 * MEGABYTE))
    assert part(split, Part.MALLOC_USED) == 0
    assert part(split, Part.PYTHON_OBJECTS) == 32 + 48 * MEGABYTE


@pytest.mark.parametrize("allocator", ["jemalloc", "musl"])
def test_the_memory_of_another_allocator_is_private_and_not_known(allocator: str) -> None:
    """Objects are found in it; what it keeps free is not."""
    facts = facts_of(allocator=allocator, private_bytes=60 * MEGABYTE)
    split = split_memory(facts, heap_of(large=10 * MEGABYTE))
    assert part(split, Part.PYTHON_OBJECTS) == 32 + 10 * MEGABYTE
    assert part(split, Part.PRIVATE) == 50 * MEGABYTE
    assert f"what {allocator} has in use, or keeps free, is in here: not known" in notes(split, Part.PRIVATE)


def test_a_free_threaded_build_keeps_its_objects_in_private_memory() -> None:
    """Its pages are no pools."""
    facts = with_rss(replace(FACTS, pymalloc=None, is_free_threaded=True, private_bytes=60 * MEGABYTE))
    split = split_memory(facts, heap_of(large=20 * MEGABYTE))
    assert part(split, Part.PYTHON_OBJECTS) == 20 * MEGABYTE + 32
    assert part(split, Part.PRIVATE) == 40 * MEGABYTE - 32
    assert "mimalloc" in notes(split, Part.PRIVATE)


def test_before_a_walk_the_blocks_of_pymalloc_stand_for_objects() -> None:
    """And nothing is called unexplained."""
    split = split_memory(FACTS, None)
    assert not split.python_known
    assert part(split, Part.PYTHON_OBJECTS) == 40 * MEGABYTE
    assert part(split, Part.MALLOC_USED) == 48 * MEGABYTE
    assert split.unexplained_share == 0
    assert split.verdict.startswith("so far: ")


def test_the_verdict_names_what_holds_most() -> None:
    """Free memory of a quarter and more is worth a remedy, if nothing is twice as large."""
    free = replace(MALLOC, free_resident=60 * MEGABYTE, trim_bytes=55 * MEGABYTE)
    pools = replace(PYMALLOC, partly_free_bytes=90 * MEGABYTE)
    objects = heap_of(large=45 * MEGABYTE)
    native = facts_of(
        malloc=replace(MALLOC, used_bytes=28 * MEGABYTE, mapped_bytes=200 * MEGABYTE, mapped_resident=200 * MEGABYTE)
    )
    found = {
        "objects": split_memory(facts_of(replace(PYMALLOC, attributed_bytes=None)), objects),
        "allocator": split_memory(facts_of(malloc=free), objects),
        "pools": split_memory(facts_of(pools), objects),
        "native": split_memory(native, heap_of(numpy=150 * MEGABYTE)),
        "mapped": split_memory(facts_of(file_bytes=900 * MEGABYTE), objects),
    }
    assert {name: split.kind.value for name, split in found.items()} == {
        "objects": "objects",
        "allocator": "allocator",
        "pools": "allocator",
        "native": "native",
        "mapped": "mapped",
    }
    assert found["allocator"].verdict.endswith("is free, kept by malloc; malloc_trim would return up to 55.0M")
    assert "pymalloc's arenas" in found["pools"].verdict
    assert "150M of it numpy data" in found["native"].verdict


SIZES = st.integers(0, 1 << 40)
ALL_FACTS = st.builds(
    MemoryFacts,
    *[SIZES] * 8,
    threads=st.integers(0, 9),
    allocator=st.sampled_from(["glibc", "jemalloc", ""]),
    is_free_threaded=st.booleans(),
    pymalloc=st.none()
    | st.builds(PymallocFacts, *[SIZES] * 6, allocated_bytes=SIZES, attributed_bytes=st.none() | SIZES),
    malloc=st.none() | st.builds(MallocFacts, *[SIZES] * 11, is_told_apart=st.booleans()),
)


@settings(max_examples=examples(200))
@given(ALL_FACTS.map(with_rss), st.integers(0, 1 << 41), st.integers(0, 1 << 41), st.booleans())
def test_the_parts_always_add_up_to_the_rss(facts: MemoryFacts, large: int, numpy: int, is_walked: bool) -> None:
    """Whatever was read, and whatever the objects say of themselves; no part is negative."""
    split = split_memory(facts, heap_of(large=large, numpy=numpy) if is_walked else None)
    assert [component.part for component in split.components] == list(Part)
    assert sum(component.bytes for component in split.components) == facts.rss_bytes
    assert min(component.bytes for component in split.components) >= 0
