"""What the instances of a class cost now, and what they would cost with ``__slots__``: bytes requested and allocated.

Never counts what attributes refer to, nor the contents of instances of list, dict, set and str subclasses: both stay as they
are. Never guesses in silence: a figure that may be wrong says so, and why. No I/O.

Slotted means that the class and every base class of it are converted; ``leaf_only`` is what happens if the bases are not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from heapscope.analysis.slots import layout
from heapscope.analysis.slots.class_costs import class_bytes
from heapscope.analysis.slots.layout import Version, block_bytes
from heapscope.analysis.slots.model import ClassFacts, Cost, gives_dict
from heapscope.analysis.slots.population import Population, slots_of
from heapscope.snapshot.model import InstanceFacts, StateFigures, TypeInfo
from heapscope.wire.protocol import DictState

NOTHING = Cost(0, 0)


@dataclasses.dataclass(frozen=True, slots=True)
class SlottedCost:
    """Instances with slots for ``names``. ``total`` is without a ``__weakref__`` slot unless ``keeps_weakref``.

    ``each`` is None where instances differ in size, because they have items. ``one_off_bytes`` is what the classes that must
    change cost more than now, each once: about, and below zero where they become smaller.
    """

    names: tuple[str, ...]
    keeps_weakref: bool
    keeps_dict: bool
    each: Cost | None
    total: Cost
    total_with_weakref: Cost
    one_off_bytes: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class ClassCosts:
    """One class and its own instances, without those of subclasses.

    ``shared_keys`` is the table of attribute names, which the class has once and loses with slots. ``slotted`` is None where
    slots are impossible; ``leaf_only`` where no base would give a dict. ``doubts`` say why figures may not be exact.
    """

    type_name: str
    instances: int
    now: Cost
    states: Mapping[int, StateFigures]
    shared_keys: Cost
    slotted: SlottedCost | None
    leaf_only: Cost | None
    doubts: tuple[str, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Whether the figures of now and of slotted are true to the byte."""
        return not self.doubts

    @property
    def saves(self) -> Cost:
        """What all instances save together; below zero where they would grow, zero where slots are impossible."""
        return _minus(self.now, self.slotted.total) if self.slotted else NOTHING

    @property
    def saves_low(self) -> Cost:
        """The same if a ``__weakref__`` slot is kept for whoever may want one."""
        return _minus(self.now, self.slotted.total_with_weakref) if self.slotted else NOTHING

    @property
    def saves_each(self) -> float:
        """Allocated bytes that one instance saves, on average."""
        return self.saves.allocated / self.instances if self.instances else 0.0

    @property
    def break_even(self) -> int | None:
        """From how many instances on the change pays; None if never."""
        if self.slotted is None or self.saves_each <= 0:
            return None
        return -int(-max(0, self.slotted.one_off_bytes) // self.saves_each)

    @property
    def leaf_saves(self) -> Cost | None:
        """What is saved if this class alone is converted and its bases are not: often less than nothing."""
        return None if self.leaf_only is None else _minus(self.now, self.leaf_only)

    def share_of(self, heap_bytes: int) -> float:
        """The saving as a share of a heap's allocated bytes, 0 to 1."""
        return max(0, self.saves.allocated) / heap_bytes if heap_bytes > 0 else 0.0


def class_costs(facts: ClassFacts, population: Population) -> ClassCosts:
    """Compute everything about one class with instances."""
    info, instances = facts.info, facts.instances
    slotted = _slotted(facts, population)
    return ClassCosts(
        type_name=info.name,
        instances=instances.count,
        now=cost_now(instances),
        states=instances.states,
        shared_keys=_one_block(info.shared_keys_bytes) if info.shared_keys_bytes else NOTHING,
        slotted=slotted,
        leaf_only=_leaf_only(facts, population),
        doubts=_doubts(facts, population, slotted),
    )


def cost_now(instances: InstanceFacts) -> Cost:
    """Add up what was read from the instances, whatever state each is in."""
    return Cost(
        sum(figures.requested for figures in instances.states.values()),
        sum(figures.allocated for figures in instances.states.values()),
    )


def _slotted(facts: ClassFacts, population: Population) -> SlottedCost | None:
    info, base, version = facts.info, facts.native_base, facts.version
    names = population.slot_names(info)
    if layout.is_native_layout(info) or (names and not layout.allows_names(base, version)):
        return None
    keeps_dict = any(population.keeps_dict(one) for one in population.own_classes(info))
    can_weakref = layout.allows_weakref(base, version)
    keeps_weakref = population.keeps_weakref(info)
    least = _Twin(facts, len(names), keeps_weakref and can_weakref, keeps_dict)
    most = _Twin(facts, len(names), can_weakref, keeps_dict)
    rare = population.rare_names(info) if keeps_dict else frozenset()
    return SlottedCost(
        names=tuple(sorted(names)),
        keeps_weakref=keeps_weakref,
        keeps_dict=keeps_dict,
        each=least.each() if not rare else None,
        total=least.total(rare),
        total_with_weakref=most.total(rare),
        one_off_bytes=sum(
            class_bytes(one, population.declares(one), version)
            for one in population.own_classes(info)
            if gives_dict(one)
        ),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Twin:
    """The slotted layout of one class, and what its instances come to."""

    facts: ClassFacts
    name_count: int
    weakref: bool
    keeps_dict: bool

    @property
    def fixed(self) -> int:
        """Requested bytes of an instance without items."""
        facts = self.facts
        return layout.fixed_bytes(
            facts.native_base,
            self.name_count,
            weakref=self.weakref,
            keeps_dict=self.keeps_dict,
            version=facts.version,
        )

    def each(self) -> Cost | None:
        """One instance, where all are alike."""
        return None if _has_items(self.facts) else _one_block(self.fixed)

    def total(self, rare: frozenset[str]) -> Cost:
        """All instances; those with rare names keep them in a dict."""
        facts = self.facts
        if _has_items(facts):
            return self._with_items()
        count = facts.instances.count
        users = min(count, sum(facts.instances.attributes[name] for name in rare))
        total = NOTHING
        for number, used in ((users, 1), (count - users, 0)):
            inline, blocks = (
                layout.kept_dict_blocks(facts.native_base, self.name_count, len(rare), used, facts.version)
                if self.keeps_dict
                else (0, ())
            )
            total = _plus(total, _blocks((self.fixed + inline, *blocks)), number)
        return total

    def _with_items(self) -> Cost:
        """Move each size by what the fixed part changes: items stay, and all parts are multiples of 8."""
        facts = self.facts
        moved = self.fixed - _fixed_now(facts.info, facts.version)
        total = NOTHING
        for size, number in facts.instances.own_sizes.items():
            total = _plus(total, _one_block(size + moved), number)
        missing = facts.instances.count - sum(facts.instances.own_sizes.values())
        if missing > 0:  # sizes that were not told: taken as they are now, which is what doubts() says
            now = cost_now(facts.instances)
            known = _with_items_now(facts.instances)
            total = _plus(total, Cost(now.requested - known.requested, now.allocated - known.allocated))
            total = _plus(total, Cost(moved, moved), missing)
        return total


def _leaf_only(facts: ClassFacts, population: Population) -> Cost | None:
    """Convert this class alone: its names become slots, those of its bases stay in the dict that the bases give."""
    info, base, version = facts.info, facts.native_base, facts.version
    if not facts.bases_to_convert or _has_items(facts):
        return None
    own = population.declares(info)
    inherited = frozenset().union(*(slots_of(one) for one in facts.own_classes[1:]))
    in_dict = len(facts.instances.attributes.keys() - own - inherited)
    slot_count = len(own | inherited)
    has_weakref = info.weaklistoffset != 0
    fixed = layout.fixed_bytes(base, slot_count, weakref=has_weakref, keeps_dict=True, version=version)
    inline, blocks = layout.kept_dict_blocks(base, slot_count, in_dict, in_dict, version, static_names=len(own))
    return _plus(NOTHING, _blocks((fixed + inline, *blocks)), facts.instances.count)


def _doubts(facts: ClassFacts, population: Population, slotted: SlottedCost | None) -> tuple[str, ...]:
    instances, doubts = facts.instances, []
    if DictState.UNKNOWN in instances.states:
        doubts.append("this build's instances cannot be read: their sizes are estimates")
    if instances.replaced_dicts:
        doubts.append(f"{instances.replaced_dicts} instances share a __dict__ or have one of another type")
    if _has_items(facts) and sum(instances.own_sizes.values()) != instances.count:
        doubts.append("how many items each instance has is not known")
    if has_early_values(facts):
        doubts.append("the class's first instances may have requested 8 bytes more each; what is allocated is exact")
    if population.is_mixin(facts.info) and instances.attributes:
        doubts.append("a class beside it in somebody's bases has names too: only one of the two can have slots")
    if slotted is not None and slotted.keeps_dict:
        doubts.append("attributes differ from instance to instance: what stays in __dict__ is an estimate")
    return tuple(doubts)


def has_early_values(facts: ClassFacts) -> bool:
    """Whether instances have values blocks of different sizes, of which 3.11 and 3.12 do not tell the last word.

    Only those made before the class's keys had their final size differ, each from all others.
    """
    if facts.version not in ((3, 11), (3, 12)) or _has_items(facts):
        return False
    fixed = _fixed_now(facts.info, facts.version)
    settled = layout.values_bytes(min(len(facts.instances.attributes) + 1, layout.MAX_SHARED_KEYS), facts.version)
    for state, dict_bytes in ((DictState.VALUES, 0), (DictState.SPLIT, layout.DICT_OBJECT)):
        figures = facts.instances.states.get(state)
        if figures and figures.requested != figures.count * (fixed + dict_bytes + settled):
            sizes = figures.requested / figures.count - fixed - dict_bytes
            if figures.count == 1 or sizes not in _VALUES_SIZES[facts.version]:
                return True
    return False


_VALUES_SIZES = {
    version: {layout.values_bytes(capacity, version) for capacity in range(1, layout.MAX_SHARED_KEYS + 1)}
    for version in ((3, 11), (3, 12))
}


def _has_items(facts: ClassFacts) -> bool:
    return facts.info.itemsize != 0


def _fixed_now(info: TypeInfo, version: Version) -> int:
    return layout.GC_HEADER + layout.pre_header_now(info, version) + info.basicsize


def _with_items_now(instances: InstanceFacts) -> Cost:
    total = NOTHING
    for size, number in instances.own_sizes.items():
        total = _plus(total, _one_block(size), number)
    return total


def _one_block(requested: int) -> Cost:
    return Cost(requested, block_bytes(requested))


def _blocks(sizes: tuple[int, ...]) -> Cost:
    return Cost(sum(sizes), sum(block_bytes(size) for size in sizes))


def _plus(total: Cost, one: Cost, number: int = 1) -> Cost:
    return Cost(total.requested + number * one.requested, total.allocated + number * one.allocated)


def _minus(left: Cost, right: Cost) -> Cost:
    return Cost(left.requested - right.requested, left.allocated - right.allocated)
