"""The parts of an instance: they add up to what was read, and to what a slotted one costs."""

from __future__ import annotations

import pytest

from heapscope.analysis.slots.layout import slotted_bytes
from heapscope.analysis.slots.model import ClassFacts, Part
from heapscope.analysis.slots.picture import parts_now, parts_slotted
from heapscope.snapshot.model import InstanceFacts, StateFigures, TypeInfo
from heapscope.wire.protocol import DictState

GC, HEAP, MANAGED, MANAGED_WEAKREF = 1 << 14, 1 << 9, 1 << 4, 1 << 3


def facts_of(version: tuple[int, int], *, basicsize: int, flags: int, states: dict[int, tuple[int, int]]) -> ClassFacts:
    """Make the facts of a class with three attributes; ``states`` are {state: (count, requested bytes in all)}."""
    figures = {state: StateFigures(count, requested, requested) for state, (count, requested) in states.items()}
    info = TypeInfo(1, "app.Item", basicsize=basicsize, tp_flags=flags | GC | HEAP, is_heap=True, own_names=())
    count = sum(count for count, _ in states.values())
    instances = InstanceFacts(1, count, figures, dict.fromkeys("abc", count))
    return ClassFacts(info, instances, (), lambda _: None, None, None, version)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    ("version", "basicsize", "flags", "state", "each", "parts"),
    [
        (
            (3, 10),
            32,
            0,
            DictState.SPLIT,
            152,
            ["GC head 16", "object 16", "dict and weakref words 16", "dict object 64", "keys and values 40"],
        ),
        (
            (3, 11),
            24,
            MANAGED,
            DictState.VALUES,
            96,
            ["GC head 16", "dict and weakref words 16", "object 16", "weakref word 8", "values 40"],
        ),
        (
            (3, 12),
            16,
            MANAGED | MANAGED_WEAKREF,
            DictState.VALUES,
            88,
            ["GC head 16", "dict and weakref words 16", "object 16", "values 40"],
        ),
        (
            (3, 13),
            16,
            MANAGED | MANAGED_WEAKREF,
            DictState.MATERIALISED,
            160,
            ["GC head 16", "dict and weakref words 16", "object 16", "dict object 64", "keys and values 48"],
        ),
    ],
)
def test_the_parts_of_now_add_up_to_what_was_read(
    version: tuple[int, int], basicsize: int, flags: int, state: int, each: int, parts: list[str]
) -> None:
    """Each version keeps attributes in its own way; the state that most instances are in is shown."""
    facts = facts_of(version, basicsize=basicsize, flags=flags, states={state: (9, 9 * each), DictState.NONE: (1, 48)})
    found = parts_now(facts)
    assert [f"{part.name} {part.requested}" for part in found] == parts
    assert sum(part.requested for part in found) == each


@pytest.mark.parametrize("version", [(3, 8), (3, 11), (3, 12), (3, 15)])
@pytest.mark.parametrize("weakref", [False, True])
def test_the_parts_of_slots_add_up_to_what_the_layout_says(version: tuple[int, int], *, weakref: bool) -> None:
    """Rounded as the allocator rounds."""
    facts = facts_of(version, basicsize=16, flags=0, states={DictState.NONE: (1, 48)})
    total = sum(part.requested for part in parts_slotted(facts, 3, weakref=weakref))
    assert (total + 15) // 16 * 16 == slotted_bytes(None, 3, weakref=weakref, version=version)


def test_no_instances_have_no_parts_and_no_names_no_slots() -> None:
    """Nothing is drawn for nothing."""
    assert parts_now(facts_of((3, 12), basicsize=16, flags=0, states={})) == ()
    assert parts_slotted(facts_of((3, 12), basicsize=16, flags=0, states={}), 0, weakref=False) == (
        Part("GC head", 16),
        Part("object", 16),
    )
