"""One class as the hazards look at it: its facts and its source, joined with what is known of its code.

Never judges. "Not known" is always told apart from "not there": None, or an empty answer with ``knows_...`` False. No I/O.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Sequence
from functools import cached_property

from heapscope.analysis.slots.evidence import Spot
from heapscope.analysis.slots.hazards.subject import SLOT_KINDS, Subject
from heapscope.analysis.slots.model import Finding, Verdict
from heapscope.analysis.slots.names import is_dunder
from heapscope.snapshot.model import TypeInfo
from heapscope.units import clean_text

MAX_NAMED = 5  # names listed in one sentence, places given as examples
METHOD_KINDS = frozenset({"function", "classmethod", "staticmethod", "builtin_function_or_method", "partialmethod"})
DICT_NAMES = frozenset({"__dict__", "vars"})


def listed(names: Sequence[str]) -> str:
    """Write names for a sentence: some, and how many more."""
    shown = ", ".join(clean_text(name, 60) for name in names[:MAX_NAMED])
    return shown if len(names) <= MAX_NAMED else f"{shown} and {len(names) - MAX_NAMED} more"


def finding(verdict: Verdict, hazard: str, text: str, spots: Sequence[Spot] = ()) -> Finding:
    """Make a finding with some of the places that show it."""
    places = tuple(dict.fromkeys(spot.text for spot in spots if spot.text))[:MAX_NAMED]
    return Finding(verdict, text, hazard, places)


class ClassView(Subject):
    """Looks at one class and its code. Cheap to make; each question is answered once."""

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
        if self.evidence is None:
            return None
        if (info.address, name) not in self.evidence.names_used:
            codes = self.code_of(info, name) if self.knows_names else []
            found: set[str] = set()
            for code in codes:
                found |= self.evidence.codes.names_of(code)
                found |= {text for text in self.evidence.codes.constants_of(code) if text == "__dict__"}
            self.evidence.names_used[info.address, name] = frozenset(found) if codes else None
        return self.evidence.names_used[info.address, name]

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
        found = dict.fromkeys(name for info in self.our_classes for name in self.assigned_by(info))
        return tuple(name for name in found if name not in known)

    def assigned_by(self, info: TypeInfo) -> tuple[str, ...]:
        """Give the attributes that the code of one of our classes stores on instances, as they are in a ``__dict__``."""
        source = self.source(info)
        names = [mangle(name, info.name) for name in source.stored] if source is not None else []
        found = dict.fromkeys([*names, *(self.static_attributes(info) or ())])
        return tuple(name for name in found if self._is_stored(name))

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
