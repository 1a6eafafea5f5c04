"""The classes of a snapshot as families: who inherits from whom, who has instances, and which names each class would declare.

Never looks at the code of a class unless told what its methods assign: all comes from types and from what instances have. No I/O.

A name is declared once, by the most basic class that owns it. A class owns

    a private name          that was mangled with the class's own name
    an attribute            of its own instances
    a name                  that all of its two or more live subclasses have
    what it assigns         where the caller knows that from the class's code
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property

from heapscope.analysis.origins import Origin, files_by_package, origin_of, top_package
from heapscope.analysis.slots import names as slot_names
from heapscope.analysis.slots.layout import Version, ancestors, is_native_layout, native_base, parse_version
from heapscope.analysis.slots.model import ClassFacts, gives_dict, kinds_by_name
from heapscope.snapshot.model import InstanceFacts, Snapshot, TypeInfo

RARE_SHARE = 10  # a name on fewer than one in so many instances is rare
_NEVER_SLOTS = frozenset({"__orig_class__", "__dict__", "__weakref__"})  # typing sets the first, and does without
_MAX_CLASSES = 64  # of one method resolution order

Assigned = Callable[[TypeInfo], Iterable[str]]


def _nothing(_: TypeInfo) -> Iterable[str]:
    return ()


def slots_of(info: TypeInfo) -> frozenset[str]:
    """Give the names that a class has slots for already, mangled as they are."""
    return frozenset(name for name, kind in kinds_by_name(info).items() if kind == "member_descriptor")


class Population:
    """All classes of one snapshot. Building is O(classes times depth); what is asked for is kept.

    ``assigned`` gives the names that the methods of a class assign to ``self``, mangled, where somebody knows its code. With
    ``declares_unseen`` those that no instance has are declared too: some code may be about to set them.
    """

    def __init__(self, snapshot: Snapshot, assigned: Assigned = _nothing, *, declares_unseen: bool = False) -> None:
        """Index the instances by class."""
        self.snapshot = snapshot
        self.version: Version = parse_version(snapshot.meta.python_version)
        self._assigned = assigned
        self._declares_unseen = declares_unseen
        self._instances = {facts.type_address: facts for facts in snapshot.instances if facts.count > 0}
        self._declared: dict[int, frozenset[str]] = {}
        self._own_classes: dict[int, tuple[TypeInfo, ...]] = {}

    def instances_of(self, info: TypeInfo) -> InstanceFacts | None:
        """Give the facts about a class's own instances; None without any."""
        return self._instances.get(info.address)

    def facts_of(self, info: TypeInfo) -> ClassFacts | None:
        """Gather what is known about a class that has instances; None without any."""
        instances = self._instances.get(info.address)
        return None if instances is None else self._facts(info, instances)

    def facts_without_instances(self, info: TypeInfo) -> ClassFacts:
        """Gather what is known about a class itself, as if it had no instances."""
        return self._facts(info, InstanceFacts(info.address, 0, {}, {}))

    def _facts(self, info: TypeInfo, instances: InstanceFacts) -> ClassFacts:
        return ClassFacts(
            info=info,
            instances=instances,
            ancestors=ancestors(self.snapshot, info),
            origin_of=self.origin_of,
            native_base=native_base(self.snapshot, info),
            metatype=self.snapshot.type_at(info.metatype),
            version=self.version,
        )

    def origin_of(self, info: TypeInfo) -> Origin:
        """Tell whose code a class is."""
        return origin_of(info, self._files.get(top_package(info), ""))

    def own_classes(self, info: TypeInfo) -> tuple[TypeInfo, ...]:
        """Give the class and its ancestors that a class statement made, in method resolution order."""
        found = self._own_classes.get(info.address)
        if found is None:
            made = (one for one in ancestors(self.snapshot, info)[:_MAX_CLASSES] if not is_native_layout(one))
            found = self._own_classes[info.address] = (info, *made)
        return found

    def heirs(self, info: TypeInfo) -> tuple[TypeInfo, ...]:
        """Give the classes with instances that are the class itself or inherit from it, itself first."""
        found = [self.snapshot.type_at(address) for address in self._heirs.get(info.address, ())]
        return tuple(sorted((one for one in found if one is not None), key=lambda one: one.address != info.address))

    def keeps_weakref(self, info: TypeInfo) -> bool:
        """Tell whether instances of a class must stay weakly referenceable: some are referenced so, or a slot says so."""
        return any(self.wants_weakref(one) for one in self.own_classes(info))

    def wants_weakref(self, info: TypeInfo) -> bool:
        """Tell whether the class itself is the reason."""
        facts = self._instances.get(info.address)
        has_slot = info.has_slots and "__weakref__" in (info.own_names or ())
        return has_slot or (facts is not None and facts.weakly_referenced > 0)

    def rare_names(self, info: TypeInfo) -> frozenset[str]:
        """Give the attributes that few of a class's instances have."""
        facts = self._instances.get(info.address)
        if facts is None:
            return frozenset()
        return frozenset(name for name, count in facts.attributes.items() if count * RARE_SHARE < facts.count)

    def keeps_dict(self, info: TypeInfo) -> bool:
        """Tell whether slots for all names of a class would cost more than to keep a ``__dict__`` for the rare ones."""
        facts = self._instances.get(info.address)
        if facts is None:
            return False
        if facts.attributes_truncated or any(not slot_names.is_slot_name(name) for name in facts.attributes):
            return True
        rare = self.rare_names(info)
        # A kept dict costs a word or two per instance, and where it is used a hundred bytes and more.
        users = min(facts.count, sum(facts.attributes[name] for name in rare))
        return 8 * len(rare) * facts.count > 16 * facts.count + 104 * users

    def slot_names(self, info: TypeInfo) -> frozenset[str]:
        """Give every name that an instance of the class would have a slot for: what the class and its bases declare."""
        return frozenset().union(*(self.declares(one) for one in self.own_classes(info)))

    def declares(self, info: TypeInfo) -> frozenset[str]:
        """Give the names, mangled, that the class itself declares: those that it has now and those that it would get."""
        found = self._declared.get(info.address)
        if found is None:
            above = [self.declares(one) for one in self.own_classes(info)[1:]]
            inherited = frozenset().union(*above)
            new = frozenset() if self.is_mixin(info) else self._owned(info)
            found = self._declared[info.address] = (new | slots_of(info)) - inherited
        return found

    def is_mixin(self, info: TypeInfo) -> bool:
        """Tell whether a class must have empty slots, because somebody inherits from it beside another class with names."""
        return info.address in self._mixins

    def _observed(self, info: TypeInfo) -> frozenset[str]:
        facts = self._instances.get(info.address)
        if facts is None:
            return frozenset()
        names = {name for name in facts.attributes if slot_names.is_slot_name(name)} - _NEVER_SLOTS
        return frozenset(names - self.rare_names(info) if self.keeps_dict(info) else names)

    def _owned(self, info: TypeInfo) -> frozenset[str]:
        """What the class owns whether or not a base owns it too, but for what another class's name was mangled into."""
        heirs = [self._observed(one) | self._slots_above(one) for one in self.heirs(info)]
        everything = frozenset().union(*heirs)
        assigned = frozenset(self._assigned(info))
        owned = everything & assigned
        if self._declares_unseen:
            owned |= self._unseen(info, assigned)
        owned |= {name for name in everything if slot_names.unmangle(name, info.name) != name}
        if self.instances_of(info) is not None:
            owned |= self._observed(info)
        if len(heirs) > 1:
            owned |= frozenset.intersection(*heirs)
        foreign = self._mangled_elsewhere(info, owned)
        return owned - foreign - slots_of(info)

    def _unseen(self, info: TypeInfo, assigned: frozenset[str]) -> set[str]:
        seen = {name for heir in self.heirs(info) if (facts := self.instances_of(heir)) for name in facts.attributes}
        return {name for name in assigned - seen - _NEVER_SLOTS if slot_names.is_slot_name(name)}

    def _slots_above(self, info: TypeInfo) -> frozenset[str]:
        return frozenset().union(*(slots_of(one) for one in self.own_classes(info)))

    def _mangled_elsewhere(self, info: TypeInfo, names: frozenset[str]) -> set[str]:
        """Names of a private kind that belong to another class of the family, which declares them."""
        private = {
            name for name in names if name.startswith("_") and "__" in name[1:] and not slot_names.is_dunder(name)
        }
        if not private:
            return set()
        family = {one.address: one for heir in self.heirs(info) for one in self.own_classes(heir)}
        family.pop(info.address, None)
        mine = {name for name in private if slot_names.unmangle(name, info.name) != name}
        others = [one.name for one in family.values() if gives_dict(one)]
        return {name for name in private - mine if any(slot_names.unmangle(name, other) != name for other in others)}

    @cached_property
    def _files(self) -> dict[str, str]:
        return files_by_package(self.snapshot.types)

    @cached_property
    def _heirs(self) -> dict[int, list[int]]:
        heirs: dict[int, list[int]] = defaultdict(list)
        for address in self._instances:
            info = self.snapshot.type_at(address)
            if info is not None:
                for ancestor in {address, *info.mro[:_MAX_CLASSES]}:
                    heirs[ancestor].append(address)
        return heirs

    @cached_property
    def _mixins(self) -> frozenset[int]:
        """Of several bases of a class, only one line may have names: the one whose own instances have them, or the first."""
        found: set[int] = set()
        for address in self._instances:
            info = self.snapshot.type_at(address)
            if info is None or is_native_layout(info):
                continue
            for one in self.own_classes(info):
                if len(one.bases) > 1:
                    found |= self._side_lines(one)
        return frozenset(found)

    def _side_lines(self, info: TypeInfo) -> set[int]:
        lines = []
        for address in info.bases:
            base = self.snapshot.type_at(address)
            if base is not None and not is_native_layout(base):
                lines.append([one for one in self.own_classes(base) if self._wants_names(one)])
        lines = [line for line in lines if line]
        if len(lines) < 2:
            return set()
        main = max(lines, key=lambda line: any(self.instances_of(one) is not None for one in line))
        kept = {one.address for one in main}
        return {one.address for line in lines for one in line} - kept

    def _wants_names(self, info: TypeInfo) -> bool:
        return bool(self._owned(info) | slots_of(info))
