"""One class as the hazards look at it: its facts, joined with what is known of its code and its source.

Never judges. "Not known" is always told apart from "not there": None, or an empty answer with ``knows_...`` False. No I/O.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from heapscope.analysis.origins import Origin
from heapscope.analysis.slots.evidence import Evidence, Spot, spot_of
from heapscope.analysis.slots.layout import OBJECT_BASICSIZE, is_native_layout
from heapscope.analysis.slots.model import ClassFacts, Finding, Verdict, kinds_by_name
from heapscope.analysis.slots.names import is_dunder
from heapscope.analysis.slots.source_model import ClassSource, ModuleSource, Receiver, UseKind
from heapscope.snapshot.model import TypeInfo
from heapscope.units import clean_text
from heapscope.wire.protocol import DictState

MAX_INSTANCES = 64  # examples looked at
MAX_NAMED = 5  # names listed in one sentence, places given as examples
SLOT_KINDS = frozenset({"member_descriptor"})
METHOD_KINDS = frozenset({"function", "classmethod", "staticmethod", "builtin_function_or_method", "partialmethod"})
DICT_NAMES = frozenset({"__dict__", "vars"})
ALWAYS_THERE = frozenset({"__dict__", "__weakref__", "__module__", "__qualname__", "__doc__"})


def listed(names: Sequence[str]) -> str:
    """Write names for a sentence: some, and how many more."""
    shown = ", ".join(clean_text(name, 60) for name in names[:MAX_NAMED])
    return shown if len(names) <= MAX_NAMED else f"{shown} and {len(names) - MAX_NAMED} more"


def finding(verdict: Verdict, hazard: str, text: str, spots: Sequence[Spot] = ()) -> Finding:
    """Make a finding with some of the places that show it."""
    places = tuple(dict.fromkeys(spot.text for spot in spots if spot.text))[:MAX_NAMED]
    return Finding(verdict, text, hazard, places)


class ClassView:
    """Looks at one class. Cheap to make; each question is answered once."""

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

    @cached_property
    def knows_sources(self) -> bool:
        """Whether the source of each of our classes is known."""
        return len(self.sources) == len(self.our_classes)

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

    # ---- names in code ----

    @property
    def knows_names(self) -> bool:
        """Whether names in code were recorded."""
        return self.evidence is not None and self.evidence.codes.is_known

    def code_of(self, info: TypeInfo, name: str) -> list[int]:
        """List the code objects behind a name of a class, with nested ones."""
        if self.evidence is None:
            return []
        return self.evidence.codes.with_nested(self.evidence.namespaces.codes(info).get(name, ()))

    def names_in(self, info: TypeInfo, name: str) -> frozenset[str] | None:
        """Give the names that a method uses; None where that is not known."""
        codes = self.code_of(info, name)
        if self.evidence is None or not self.knows_names or not codes:
            return None
        found: set[str] = set()
        for code in codes:
            found |= self.evidence.codes.names_of(code)
            found |= {text for text in self.evidence.codes.constants_of(code) if text == "__dict__"}
        return frozenset(found)

    def is_foreign_code(self, info: TypeInfo, name: str) -> bool:
        """Tell whether what is behind a name of a class is known to be written elsewhere: by a library, or made at run time."""
        if self.evidence is None:
            return False
        places = [self.evidence.codes.place_of(code) for code in self.code_of(info, name)]
        return bool(places) and all(place.file and not self.evidence.is_ours(place.file) for place in places)

    def has_own_code(self, info: TypeInfo) -> bool:
        """Tell whether a class may have code that somebody wrote for it."""
        if self.evidence is None:
            return True
        return any(not self.is_foreign_code(info, name) for name in self.evidence.namespaces.codes(info))

    def spots_in(self, info: TypeInfo, name: str) -> list[Spot]:
        """Say where a method was written; by its name alone where no line is known."""
        codes = self.code_of(info, name)
        places = [str(self.evidence.codes.place_of(code)) for code in codes[:1]] if self.evidence else []
        text = next((place for place in places if place), f"{clean_text(info.name, 100)}.{clean_text(name, 60)}")
        return [Spot(self.file(info), text)]

    def methods_using(self, *names: str) -> Iterator[tuple[TypeInfo, str]]:
        """Find attributes of our classes whose code uses any of the names."""
        wanted = frozenset(names)
        for info in self.our_classes:
            for name in self.evidence.namespaces.codes(info) if self.evidence is not None else ():
                if wanted & (self.names_in(info, name) or frozenset()):
                    yield info, name

    # ---- values in namespaces ----

    def value_type(self, info: TypeInfo, name: str) -> TypeInfo | None:
        """Give the type of what a class has under a name; None where that is not known."""
        index = self.evidence.namespaces.of(info).get(name) if self.evidence is not None else None
        return None if index is None or self.evidence is None else self.evidence.namespaces.type_of(index)

    def names_of_type(self, info: TypeInfo) -> set[str]:
        """Give the names in a type and in its ancestors that class statements made."""
        snapshot = self.evidence.snapshot if self.evidence is not None else None
        found = [snapshot.type_at(address) for address in info.mro] if snapshot is not None else []
        return {name for one in [info, *found] if one is not None for name in one.own_names or ()}

    def names_in_type(self, info: TypeInfo, method: str) -> frozenset[str] | None:
        """Give the names that a method of a type uses, wherever in its hierarchy it is; None where that is not known."""
        snapshot = self.evidence.snapshot if self.evidence is not None else None
        for address in dict.fromkeys([info.address, *info.mro]):
            one = snapshot.type_at(address) if snapshot is not None else None
            if one is not None and method in (one.own_names or ()):
                return self.names_in(one, method)
        return None

    def is_data_descriptor(self, info: TypeInfo, name: str, kind: str) -> bool:
        """Tell whether an attribute of a class takes over assignments on instances."""
        if kind in SLOT_KINDS or kind in ("property", "getset_descriptor", "abstractproperty"):
            return True
        value = self.value_type(info, name)
        return value is not None and value.is_heap and "__set__" in self.names_of_type(value)

    # ---- attributes that code sets, and no instance has ----

    @cached_property
    def unseen(self) -> tuple[str, ...]:
        """Attributes that the code of our classes sets and no recorded instance has, as they are in a ``__dict__``."""
        known = self.existing_slots | set(self.seen)
        found: dict[str, None] = {}
        for info, source in self.sources:
            found.update(dict.fromkeys(mangle(name, info.name) for name in source.stored))
        for info in self.our_classes:
            found.update(dict.fromkeys(self.static_attributes(info) or ()))
        return tuple(name for name in found if name not in known and self._is_stored(name))

    def static_attributes(self, info: TypeInfo) -> list[str] | None:
        """Give the attributes that the compiler of 3.13 and newer saw methods set; None where it did not note them."""
        held = self.evidence.namespaces.of(info).get("__static_attributes__") if self.evidence is not None else None
        if held is None or self.evidence is None or not self.knows_names:
            return None
        names = self.evidence.snapshot.naming.names
        return [mangle(names[one], info.name) for one in self.evidence.namespaces.references(held) if one in names]

    def fields(self, info: TypeInfo) -> list[str]:
        """Give the fields that a dataclass or a class of attrs has, those of its bases among them."""
        if self.evidence is None:
            return []
        namespaces, names = self.evidence.namespaces, self.evidence.snapshot.naming.names
        found: list[int] = []
        held = namespaces.of(info)
        if "__dataclass_fields__" in held:
            found.extend(namespaces.references(held["__dataclass_fields__"]))  # a dict: its keys come first
        for item in namespaces.references(held["__attrs_attrs__"]) if "__attrs_attrs__" in held else ():
            found.extend(namespaces.references(item)[:1])  # the first slot of attr.Attribute is the name
        return [names[one] for one in found if one in names]

    @cached_property
    def stored(self) -> frozenset[str] | None:
        """The attributes that the code of our classes sets, fields among them; None where some of it is not known."""
        found: set[str] = set()
        for info in self.our_classes:
            source, noted = self.source(info), self.static_attributes(info)
            if source is None and noted is None and self.has_own_code(info):
                return None
            found.update(noted or ())
            found.update(self.fields(info))
            if source is not None:
                found.update(mangle(name, info.name) for name in (*source.stored, *source.annotations, *source.names))
        return frozenset(found)

    def _is_stored(self, name: str) -> bool:
        """Tell whether setting an attribute would store it on the instance."""
        if is_dunder(name) or not name.isidentifier() or keyword.iskeyword(name):
            return False
        for info in self.classes:
            kind = self.kinds(info).get(name)
            if kind is not None:
                return not self.is_data_descriptor(info, name, kind)
        return True


def mangle(name: str, class_name: str) -> str:
    """Give a name as the compiler stores it: ``__data`` in ``class Cache`` is ``_Cache__data``."""
    bare = class_name.rpartition(".")[2].lstrip("_")
    return f"_{bare}{name}" if bare and name.startswith("__") and not name.endswith("__") else name
