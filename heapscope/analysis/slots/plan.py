"""The change that makes a class slotted: which class statements must be edited, and which names each declares.

Never edits or reads source, and never judges whether the change is wise. No I/O.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from heapscope.analysis.slots.class_costs import class_bytes
from heapscope.analysis.slots.costs import ClassCosts, class_costs
from heapscope.analysis.slots.layout import allows_names, allows_weakref, is_native_layout
from heapscope.analysis.slots.model import ChangeKind, ClassChange, ClassFacts, Cost, gives_dict, kinds_by_name
from heapscope.analysis.slots.population import Population
from heapscope.snapshot.model import TypeInfo

DATACLASS_SLOTS = (3, 10)  # the version that has @dataclass(slots=True)
DATACLASS_WEAKREF = (3, 11)  # ... and weakref_slot=True


def plan_changes(facts: ClassFacts, population: Population) -> tuple[ClassChange, ...]:
    """Give a change for every class statement that must be edited, the most basic class first.

    Empty where slots are impossible. ``__weakref__`` is kept, in the most basic class, where instances of the family are
    weakly referenced.
    """
    names = population.slot_names(facts.info)
    if is_native_layout(facts.info) or (names and not allows_names(facts.native_base, facts.version)):
        return ()
    classes = [one for one in reversed(population.own_classes(facts.info)) if gives_dict(one)]
    has_weakref = bool(facts.native_base and facts.native_base.weaklistoffset)
    keeps_weakref = not has_weakref and allows_weakref(facts.native_base, facts.version)
    return tuple(
        change_of(one, population, keeps_weakref=keeps_weakref and _is_first(one, population)) for one in classes
    )


def change_of(info: TypeInfo, population: Population, *, keeps_weakref: bool) -> ClassChange:
    """Give the change to one class statement; ``names`` are mangled as observed, those that it has slots for now included."""
    return ClassChange(
        type_name=info.name,
        kind=_kind(info, population, keeps_weakref=keeps_weakref),
        names=tuple(sorted(population.declares(info))),
        keeps_weakref=keeps_weakref,
        keeps_dict=population.keeps_dict(info),
        file=info.file,
        line=info.line,
    )


def _kind(info: TypeInfo, population: Population, *, keeps_weakref: bool) -> ChangeKind:
    names = kinds_by_name(info)
    if "__attrs_attrs__" in names:
        return ChangeKind.ATTRS
    needed = DATACLASS_WEAKREF if keeps_weakref else DATACLASS_SLOTS
    if "__dataclass_fields__" in names and population.version >= needed and not population.keeps_dict(info):
        return ChangeKind.DATACLASS
    return ChangeKind.SLOTS


def _is_first(info: TypeInfo, population: Population) -> bool:
    """Whether a class must have the slot for weak references, and no base of it has it."""
    return population.wants_weakref(info) and not any(
        population.wants_weakref(one) for one in population.own_classes(info)[1:]
    )


@dataclasses.dataclass(frozen=True, slots=True)
class HierarchyCosts:
    """A class and all classes with instances below it, if all of them and their bases are converted.

    ``rows`` begin with the class itself where it has instances, then those that save most. The sums leave out rows for which
    slots are impossible. ``one_off_bytes`` counts every class once.
    """

    type_name: str
    rows: tuple[ClassCosts, ...]
    instances: int
    now: Cost
    slotted: Cost
    one_off_bytes: int
    is_exact: bool

    @property
    def saves(self) -> Cost:
        """What all instances save together."""
        return Cost(self.now.requested - self.slotted.requested, self.now.allocated - self.slotted.allocated)


def hierarchy_costs(info: TypeInfo, population: Population) -> HierarchyCosts:
    """Add up a class and everything below it."""
    facts = [found for one in population.heirs(info) if (found := population.facts_of(one)) is not None]
    rows = [class_costs(one, population) for one in facts]
    first = rows[:1] if facts and facts[0].info.address == info.address else []
    rows = [*first, *sorted(rows[len(first) :], key=lambda row: (-row.saves.allocated, row.type_name))]
    counted = [row for row in rows if row.slotted is not None]
    classes = {one.address: one for each in facts for one in population.own_classes(each.info) if gives_dict(one)}
    return HierarchyCosts(
        type_name=info.name,
        rows=tuple(rows),
        instances=sum(row.instances for row in counted),
        now=_sum(row.now for row in counted),
        slotted=_sum(row.slotted.total for row in counted if row.slotted is not None),
        one_off_bytes=sum(class_bytes(one, population.declares(one), population.version) for one in classes.values()),
        is_exact=all(row.is_exact for row in counted),
    )


def _sum(costs: Iterable[Cost]) -> Cost:
    listed = list(costs)
    return Cost(sum(one.requested for one in listed), sum(one.allocated for one in listed))
