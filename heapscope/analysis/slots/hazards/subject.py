"""One class as the hazards look at it, first part: its facts, its hierarchy, its source, its instances.

Never judges, and never looks at code; view.py adds that. No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from heapscope.analysis.origins import Origin
from heapscope.analysis.slots.evidence import Evidence, Spot, spot_of
from heapscope.analysis.slots.layout import OBJECT_BASICSIZE, is_native_layout
from heapscope.analysis.slots.model import ClassFacts, kinds_by_name
from heapscope.analysis.slots.source_model import ClassSource, ModuleSource, Receiver, UseKind
from heapscope.snapshot.model import TypeInfo
from heapscope.wire.protocol import DictState

MAX_INSTANCES = 64  # examples looked at
SLOT_KINDS = frozenset({"member_descriptor"})


class Subject:
    """One class that is judged. Cheap to make; each question is answered once."""

    def __init__(self, facts: ClassFacts, evidence: Evidence | None = None) -> None:
        self.facts = facts
        self.evidence = evidence
        self.info = facts.info
        self.instances = facts.instances
        self.version = facts.version

    def origin_of(self, info: TypeInfo) -> Origin:
        """Whose code a class is; all that could be changed is ours where the evidence says so."""
        if self.evidence is not None and self.evidence.all_is_ours and not is_native_layout(info):
            return Origin.APPLICATION
        return self.facts.origin_of(info)

    def is_ours(self, info: TypeInfo) -> bool:
        """Tell whether a class is the application's."""
        return self.origin_of(info) is Origin.APPLICATION

    @cached_property
    def seen(self) -> Mapping[str, int]:
        """Attributes of instances, and how many have each."""
        return self.instances.attributes

    @cached_property
    def classes(self) -> list[TypeInfo]:
        """The class and its ancestors that class statements made, in method resolution order."""
        return self.facts.own_classes

    @cached_property
    def our_classes(self) -> list[TypeInfo]:
        """Of these the application's, and the class itself."""
        return [info for info in self.classes if info is self.info or self.is_ours(info)]

    @cached_property
    def to_convert(self) -> list[TypeInfo]:
        """The class and every ancestor that would still give instances a ``__dict__``."""
        return [self.info, *self.facts.bases_to_convert]

    def kinds(self, info: TypeInfo) -> Mapping[str, str]:
        """Give the bare type name of the value behind each name of a class."""
        return kinds_by_name(info)

    @cached_property
    def existing_slots(self) -> frozenset[str]:
        """Names that are slots already, anywhere in the hierarchy."""
        return frozenset(name for info in self.classes for name, kind in self.kinds(info).items() if kind in SLOT_KINDS)

    @cached_property
    def gains_from(self) -> list[str]:
        """Names that would become slots: seen on instances, and no slot yet."""
        return [name for name in self.seen if name not in self.existing_slots]

    # ---- source ----

    def file(self, info: TypeInfo) -> str:
        """Give the file that a class was written in, as far as that is known."""
        return self.evidence.source_of(info)[0] if self.evidence is not None else info.file

    @cached_property
    def files(self) -> frozenset[str]:
        """The files of our classes."""
        return frozenset(filter(None, map(self.file, self.our_classes)))

    def module(self, info: TypeInfo) -> ModuleSource | None:
        """Give the source of a class's file; None where it is not known, or the process may run another one."""
        module = self.evidence.source_of(info)[1] if self.evidence is not None else None
        return None if module is None or module.is_newer else module

    def source(self, info: TypeInfo) -> ClassSource | None:
        """Give the class statement; None where it is not known, or the process may run another one."""
        return self.evidence.source_of(info)[2] if self.evidence is not None and self.module(info) else None

    @cached_property
    def sources(self) -> list[tuple[TypeInfo, ClassSource]]:
        """The class statements of our classes that are known."""
        found = [(info, self.source(info)) for info in self.our_classes]
        return [(info, source) for info, source in found if source is not None]

    def uses(self, *kinds: UseKind) -> list[Spot]:
        """Find uses on ``self`` in the source of our classes."""
        return [spot_of(use, self.file(info)) for info, source in self.sources for use in source.of_kind(*kinds)]

    def setattr_elsewhere(self, path: str) -> list[Spot]:
        """Find places of a file that set attributes of objects other than ``self`` by computed names."""
        module = self.evidence.module(path) if self.evidence is not None else None
        uses = module.uses if module is not None else ()
        found = [use for use in uses if use.kind is UseKind.SETATTR and use.receiver is Receiver.OTHER]
        return [spot_of(use, path) for use in found]

    def is_generated(self, info: TypeInfo, method: str) -> bool:
        """Tell whether the source of a class is known and does not have this method: a decorator made it."""
        source = self.source(info)
        return source is not None and method not in source.names

    @cached_property
    def read_dicts(self) -> int:
        """How many instances got a ``__dict__`` because code asked for it; where every one has a dict that is not known: 0.

        Up to 3.12 only instances of plain classes go without one; subclasses of ``str`` or ``list`` do not.
        """
        counted = [DictState.MATERIALISED]
        is_plain = self.facts.native_base is None or self.facts.native_base.basicsize <= OBJECT_BASICSIZE
        if (3, 11) <= self.version < (3, 13) and is_plain:
            counted.append(DictState.SPLIT)
        states = self.instances.states
        return sum(states[state].count for state in counted if state in states)

    def holds(self, prefix: str) -> bool:
        """Tell whether one of the first instances refers to an object of a type whose name begins so."""
        if self.evidence is None:
            return False
        snapshot, namespaces = self.evidence.snapshot, self.evidence.namespaces
        wanted = snapshot.type_index_by_address.get(self.info.address, -1)
        for instance in (snapshot.type_index == wanted).nonzero()[0][:MAX_INSTANCES].tolist():
            held = namespaces.references(instance)
            dicts = [one for one in held if namespaces.type_of(one).name == "builtins.dict"]
            held.extend(value for one in dicts for value in namespaces.references(one)[:MAX_INSTANCES])
            if any(namespaces.type_of(one).name.startswith(prefix) for one in held[: MAX_INSTANCES * 2]):
                return True
        return False
