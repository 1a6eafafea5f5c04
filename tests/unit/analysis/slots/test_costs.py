"""What instances cost, by rule: numbers that were measured on real interpreters, and doubts where no rule can be sure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from heapscope.analysis.slots.costs import ClassCosts, class_costs
from heapscope.analysis.slots.model import Cost
from heapscope.analysis.slots.population import Assigned, Population
from heapscope.snapshot.model import SnapshotMeta
from heapscope.wire.protocol import DictState
from tests.support.program import Program

MANAGED = 1 << 3 | 1 << 4
HEAP = 1 << 9


def population_of(program: Program, assigned: Assigned = lambda _: ()) -> Population:
    """Index a program's classes."""
    return Population(program.heap.snapshot(SnapshotMeta(python_version=program.version)), assigned)


def costs_of(
    program: Program, own_sizes: Mapping[int, int] | None = None, assigned: Assigned = lambda _: ()
) -> ClassCosts:
    """Compute app.Item."""
    population = population_of(program, assigned)
    facts = population.facts_of(next(info for info in population.snapshot.types if info.name == "app.Item"))
    assert facts is not None
    instances = dataclasses.replace(facts.instances, own_sizes=own_sizes or {})
    return class_costs(dataclasses.replace(facts, instances=instances), population)


def states(count: int, requested: int, allocated: int, state: int = DictState.INLINE) -> dict[int, list[int]]:
    """Give figures of so many equal instances."""
    return {state: [count, count * requested, count * allocated]}


def test_now_is_what_was_read_and_the_twin_is_computed() -> None:
    """3 attributes on 3.13: 96 bytes become 56 requested, 64 allocated."""
    program = Program("3.13.0")
    program.instances(program.cls(shared_keys_bytes=768), 10, states=states(10, 96, 96))
    costs = costs_of(program)
    assert costs.now == Cost(960, 960)
    assert costs.shared_keys == Cost(768, 784)
    assert costs.slotted is not None
    assert costs.slotted.each == Cost(56, 64)
    assert costs.slotted.total == Cost(560, 640)
    assert costs.saves == Cost(400, 320)
    assert costs.saves_each == 32.0
    assert costs.is_exact
    assert costs.share_of(3200) == 0.1


@pytest.mark.parametrize(
    ("version", "low"), [("3.8.18", 64), ("3.11.7", 64), ("3.12.1", 80), ("3.13.0", 80), ("3.15.0", 80)]
)
def test_a_weakref_slot_is_the_low_end_of_the_range(version: str, low: int) -> None:
    """8 bytes in the object up to 3.11, 16 in front of it later."""
    program = Program(version)
    program.instances(program.cls(), 1)
    slotted = costs_of(program).slotted
    assert slotted is not None
    assert (slotted.total.allocated, slotted.total_with_weakref.allocated) == (64, low)


MEASURED_LEAF = [("3.8.18", 176), ("3.10.13", 176), ("3.11.7", 112), ("3.12.1", 96), ("3.13.0", 416), ("3.14.10", 128)]


@pytest.mark.parametrize(("version", "each"), MEASURED_LEAF)
def test_a_leaf_alone_costs_what_was_measured(version: str, each: int) -> None:
    """Two names of the leaf become slots, two of its base stay in a dict."""
    program = Program(version)
    base = program.cls("app.Base")
    program.instances(program.cls("app.Item", (base,)), 10, attributes=("a", "b", "c", "d"))
    costs = costs_of(program, assigned=lambda info: ("a", "b") if info.name == "app.Base" else ())
    assert costs.leaf_only is not None
    assert costs.leaf_only.allocated == 10 * each
    assert costs.leaf_saves == Cost(costs.now.requested - costs.leaf_only.requested, costs.now.allocated - 10 * each)


def test_without_a_base_to_convert_there_is_no_leaf() -> None:
    """The class alone is then all there is."""
    program = Program()
    program.instances(program.cls(), 10)
    assert costs_of(program).leaf_only is None


@pytest.mark.parametrize(
    ("version", "changes", "moved"),
    [
        ("3.8.18", {"basicsize": 32, "dictoffset": -8}, -8),
        ("3.11.7", {"basicsize": 32, "dictoffset": -8}, -8),
        ("3.13.0", {"basicsize": 24, "tp_flags": HEAP | 1 << 4}, -16),
    ],
)
def test_instances_with_items_shrink_by_the_dict_pointer(version: str, changes: dict[str, Any], moved: int) -> None:
    """Each size by itself, so that rounding is right."""
    program = Program(version)
    native = program.heap.type("builtins.tuple", is_heap=False, basicsize=24, itemsize=8, own_names=None)
    item = program.cls("app.Item", (native,), itemsize=8, weaklistoffset=0, **changes)
    program.instances(item, 5, attributes=(), states=states(5, 80, 96, DictState.NONE))
    costs = costs_of(program, own_sizes={72: 3, 88: 2})
    assert costs.slotted is not None
    assert costs.slotted.each is None
    sizes = [72 + moved] * 3 + [88 + moved] * 2
    assert costs.slotted.total == Cost(sum(sizes), sum((size + 15) & ~15 for size in sizes))
    assert costs.is_exact


def test_unknown_items_are_said_to_be_unknown() -> None:
    """Sizes that nobody counted."""
    program = Program("3.13.0")
    native = program.heap.type("builtins.tuple", is_heap=False, basicsize=24, itemsize=8, own_names=None)
    program.instances(program.cls("app.Item", (native,), itemsize=8), 5, attributes=())
    assert costs_of(program).doubts == ("how many items each instance has is not known",)


@pytest.mark.parametrize(("version", "possible"), [("3.14.10", False), ("3.15.2", True)])
def test_tuples_take_names_since_315(version: str, possible: bool) -> None:
    """Before, the class statement fails."""
    program = Program(version)
    native = program.heap.type("builtins.tuple", is_heap=False, basicsize=32, itemsize=8, own_names=None)
    program.instances(program.cls("app.Item", (native,), itemsize=8, tp_flags=HEAP | 1 << 4, basicsize=32), 5)
    assert (costs_of(program).slotted is not None) == possible


def test_what_typing_leaves_on_an_instance_needs_no_slot() -> None:
    """Box[int]() remembers the argument where it can, and does without."""
    program = Program("3.13.0")
    program.instances(program.cls(), 10, attributes=("a", "__orig_class__"))
    slotted = costs_of(program).slotted
    assert slotted is not None
    assert slotted.names == ("a",)


def test_rare_names_keep_a_dict_where_that_is_cheaper() -> None:
    """A hundred names on one instance each: a slot for all of them would cost 800 bytes an instance."""
    program = Program("3.13.0")
    program.instances(program.cls(), 100, attributes={"a": 100} | {f"x{number}": 1 for number in range(100)})
    costs = costs_of(program)
    assert costs.slotted is not None
    assert costs.slotted.keeps_dict
    assert costs.slotted.names == ("a",)
    assert not costs.is_exact


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"states": states(10, 96, 96, DictState.UNKNOWN)}, "cannot be read"),
        ({"replaced_dicts": 2}, "share a __dict__"),
        ({"states": {DictState.VALUES: [10, 990, 1000]}}, "first instances"),
    ],
)
def test_doubts_are_said(changes: dict[str, Any], words: str) -> None:
    """A figure that may be wrong never looks exact."""
    program = Program("3.12.1")
    program.instances(program.cls(tp_flags=HEAP | MANAGED), 10, **changes)
    costs = costs_of(program)
    assert not costs.is_exact
    assert words in costs.doubts[0]


def test_break_even_counts_what_the_class_costs_once() -> None:
    """Twenty descriptors take as much as some sixty instances save."""
    program = Program("3.13.0")
    names = [f"a{number}" for number in range(20)]
    program.instances(program.cls(shared_keys_bytes=768), 100, attributes=names, states=states(100, 248, 256))
    costs = costs_of(program)
    assert costs.slotted is not None
    assert 1500 < costs.slotted.one_off_bytes < 2500
    assert costs.break_even == -(-costs.slotted.one_off_bytes // 64)


def test_a_class_that_grows_never_pays() -> None:
    """There is no number of instances for it."""
    program = Program("3.13.0")
    program.instances(program.cls(), 10, states=states(10, 48, 48))
    assert costs_of(program).break_even is None
    assert costs_of(program).share_of(1000) == 0.0
