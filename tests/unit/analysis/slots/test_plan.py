"""Which class statements must change, and which names each declares: once, and where they belong."""

from __future__ import annotations

import pytest

from heapscope.analysis.slots.model import ChangeKind, ClassChange
from heapscope.analysis.slots.plan import hierarchy_costs, plan_changes
from heapscope.analysis.slots.population import Assigned, Population
from heapscope.snapshot.model import SnapshotMeta
from tests.support.program import Program


def plan(program: Program, name: str = "app.Item", assigned: Assigned = lambda _: ()) -> tuple[ClassChange, ...]:
    """Plan for one class."""
    population = Population(program.heap.snapshot(SnapshotMeta(python_version=program.version)), assigned)
    facts = population.facts_of(next(info for info in population.snapshot.types if info.name == name))
    assert facts is not None
    return plan_changes(facts, population)


def names_by_class(changes: tuple[ClassChange, ...]) -> dict[str, tuple[str, ...]]:
    """Give what each declares."""
    return {change.type_name: change.names for change in changes}


def test_a_class_without_bases_declares_all() -> None:
    """One change, with the place where to make it."""
    program = Program()
    program.instances(program.cls())
    (change,) = plan(program)
    assert change == ClassChange("app.Item", ChangeKind.SLOTS, ("a", "b", "c"), file="/srv/app.py", line=7)


def test_a_base_with_instances_declares_its_own() -> None:
    """The subclass declares the rest."""
    program = Program()
    base = program.cls("app.Base")
    program.instances(base, 10, attributes=("a",))
    program.instances(program.cls("app.Item", (base,)), 10, attributes=("a", "b"))
    assert names_by_class(plan(program)) == {"app.Base": ("a",), "app.Item": ("b",)}


def test_a_base_declares_what_all_of_its_live_subclasses_share() -> None:
    """What only one of them has is that one's."""
    program = Program()
    base = program.cls("app.Base")
    program.instances(program.cls("app.Item", (base,)), 10, attributes=("a", "b"))
    program.instances(program.cls("app.Other", (base,)), 10, attributes=("a", "c"))
    assert names_by_class(plan(program)) == {"app.Base": ("a",), "app.Item": ("b",)}
    assert names_by_class(plan(program, "app.Other")) == {"app.Base": ("a",), "app.Other": ("c",)}


def test_a_base_declares_what_its_methods_assign() -> None:
    """Where somebody knows its code; without that a base of one subclass declares nothing."""
    program = Program()
    base = program.cls("app.Base")
    program.instances(program.cls("app.Item", (base,)), 10, attributes=("a", "b"))
    assert names_by_class(plan(program)) == {"app.Base": (), "app.Item": ("a", "b")}
    known = plan(program, assigned=lambda info: ("a",) if info.name == "app.Base" else ())
    assert names_by_class(known) == {"app.Base": ("a",), "app.Item": ("b",)}


def test_a_private_name_belongs_to_the_class_that_mangled_it() -> None:
    """Declared elsewhere it would be mangled again."""
    program = Program()
    base = program.cls("app.Base")
    program.instances(base, 10, attributes=("_Base__x",))
    program.instances(program.cls("app.Item", (base,)), 10, attributes=("_Base__x", "_Item__x"))
    assert names_by_class(plan(program)) == {"app.Base": ("_Base__x",), "app.Item": ("_Item__x",)}


def test_slots_that_are_there_are_not_declared_again() -> None:
    """A slotted base stays as it is, and its names stay with it."""
    program = Program()
    names = {"a": "member_descriptor"}
    base = program.cls("app.Base", has_slots=True, dictoffset=0, weaklistoffset=0, names=names)
    program.instances(program.cls("app.Item", (base,)), 10, attributes=("b",))
    assert names_by_class(plan(program)) == {"app.Item": ("b",)}


def test_of_two_bases_one_has_names() -> None:
    """Two would conflict; the names of the other go to the class that joins them."""
    program = Program()
    left, right = program.cls("app.Left"), program.cls("app.Right")
    program.instances(left, 10, attributes=("a",))
    program.instances(program.cls("app.OnlyRight1", (right,)), 10, attributes=("b", "x"))
    program.instances(program.cls("app.OnlyRight2", (right,)), 10, attributes=("b", "y"))
    program.instances(program.cls("app.Item", (left, right)), 10, attributes=("a", "b", "c"))
    assert names_by_class(plan(program)) == {"app.Right": (), "app.Left": ("a",), "app.Item": ("b", "c")}
    assert names_by_class(plan(program, "app.OnlyRight1")) == {"app.Right": (), "app.OnlyRight1": ("b", "x")}


def test_weak_references_are_kept_by_the_class_whose_instances_have_them() -> None:
    """Its siblings do not pay for it."""
    program = Program("3.13.0")
    base = program.cls("app.Base")
    program.instances(program.cls("app.Item", (base,)), 10, weakly_referenced=3)
    program.instances(program.cls("app.Other", (base,)), 10)
    assert [(one.type_name, one.keeps_weakref) for one in plan(program)] == [("app.Base", False), ("app.Item", True)]
    assert not any(one.keeps_weakref for one in plan(program, "app.Other"))


@pytest.mark.parametrize(
    ("version", "weak", "kind"),
    [
        ("3.9.18", 0, ChangeKind.SLOTS),
        ("3.10.13", 0, ChangeKind.DATACLASS),
        ("3.10.13", 1, ChangeKind.SLOTS),
        ("3.11.7", 1, ChangeKind.DATACLASS),
    ],
)
def test_dataclasses_say_it_in_their_decorator(version: str, weak: int, kind: ChangeKind) -> None:
    """From the version on that can."""
    program = Program(version)
    program.instances(program.cls(names={"__dataclass_fields__": "dict"}), weakly_referenced=weak)
    assert plan(program)[0].kind is kind


def test_nothing_is_planned_where_slots_are_impossible() -> None:
    """An int with attributes."""
    program = Program("3.12.1")
    native = program.heap.type("builtins.int", is_heap=False, basicsize=24, itemsize=4, own_names=None)
    program.instances(program.cls("app.Item", (native,), itemsize=4))
    assert plan(program) == ()


def test_a_hierarchy_adds_up_and_counts_each_class_once() -> None:
    """The class first, then the subclass that saves most."""
    program = Program("3.13.0")
    base = program.cls("app.Item", shared_keys_bytes=768)
    program.instances(base, 10, 96, attributes=("a",))
    program.instances(program.cls("app.Few", (base,), shared_keys_bytes=768), 10, 96, attributes=("a", "b"))
    program.instances(program.cls("app.Many", (base,), shared_keys_bytes=768), 100, 96, attributes=("a", "b"))
    population = Population(program.heap.snapshot(SnapshotMeta(python_version=program.version)))
    info = next(one for one in population.snapshot.types if one.name == "app.Item")
    costs = hierarchy_costs(info, population)
    assert [row.type_name for row in costs.rows] == ["app.Item", "app.Many", "app.Few"]
    assert costs.instances == 120
    assert costs.saves.allocated == sum(row.saves.allocated for row in costs.rows) == 120 * 48
    assert costs.is_exact
    assert costs.one_off_bytes < 0
