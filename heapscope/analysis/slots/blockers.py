"""What stands in the way of ``__slots__`` for one class, in plain words.

Never computes sizes, and never claims more than types and instance facts can show. No I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from heapscope.analysis.origins import Origin
from heapscope.analysis.slots import names as slot_names
from heapscope.analysis.slots.model import SEVERITY, ClassFacts, Finding, Verdict, gives_dict, kinds_by_name
from heapscope.units import clean_text

_TYPE_SUBCLASS = 1 << 31  # Py_TPFLAGS_TYPE_SUBCLASS
_EXCEPTION_SUBCLASS = 1 << 30  # Py_TPFLAGS_BASE_EXC_SUBCLASS

_METACLASSES = {
    "EnumMeta": "an Enum: its members are few",
    "EnumType": "an Enum: its members are few",
    "ModelBase": "an ORM model (Django, peewee): the framework keeps the fields in __dict__",
    "ModelMetaclass": "a pydantic model: the framework keeps the fields in __dict__",
    "DeclarativeMeta": "an SQLAlchemy model: the framework keeps the fields in __dict__",
    "DeclarativeAttributeIntercept": "an SQLAlchemy model: the framework keeps the fields in __dict__",
    "PyCStructType": "a ctypes type",
    "PyCSimpleType": "a ctypes type",
}
_SQLALCHEMY = "an SQLAlchemy model: the framework keeps the fields in __dict__"
_MARKERS = {
    "_sa_class_manager": _SQLALCHEMY,
    "__mapper__": _SQLALCHEMY,
    "__pydantic_fields__": "a pydantic model: the framework keeps the fields in __dict__",
}
_STATE_METHODS = ("__getstate__", "__setstate__", "__reduce__", "__reduce_ex__", "__copy__", "__deepcopy__")
_WRITERS = ("__setattr__", "__getattribute__")
_SLOT_KINDS = frozenset({"member_descriptor"})
_MAX_NAMED = 5  # names listed in one sentence


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(clean_text(name, 60) for name in names[:_MAX_NAMED])
    return shown if len(names) <= _MAX_NAMED else f"{shown} and {len(names) - _MAX_NAMED} more"


def find_blockers(facts: ClassFacts) -> list[Finding]:
    """Give every reason that can be seen, the worst first; for a class that nobody here can change, that alone."""
    foreign = list(_owner(facts))
    if foreign:
        return foreign
    findings = [finding for find in _FINDERS for finding in find(facts)]
    return sorted(findings, key=lambda finding: -SEVERITY[finding.verdict])


def _owner(facts: ClassFacts) -> Iterator[Finding]:
    origin = facts.origin_of(facts.info)
    if origin is not Origin.APPLICATION:
        yield Finding(Verdict.NO, f"not your code: {origin.value}")


def _framework(facts: ClassFacts) -> Iterator[Finding]:
    metaclass = facts.metatype.name.rpartition(".")[2] if facts.metatype else ""
    if metaclass in _METACLASSES:
        yield Finding(Verdict.NO, _METACLASSES[metaclass])
        return
    names = {name for info in facts.own_classes for name in info.own_names or ()}
    if "_sa_instance_state" in facts.instances.attributes:
        yield Finding(Verdict.NO, _SQLALCHEMY)
        return
    for marker, text in _MARKERS.items():
        if marker in names:
            yield Finding(Verdict.NO, text)
            return
    if metaclass not in ("", "type", "ABCMeta", "_ProtocolMeta", "GenericMeta"):
        yield Finding(Verdict.CHECK, f"its metaclass {clean_text(metaclass, 60)} may reject or rewrite __slots__")


def _native_base(facts: ClassFacts) -> Iterator[Finding]:
    base = facts.native_base
    if facts.info.tp_flags & _TYPE_SUBCLASS:
        yield Finding(Verdict.NO, "a metaclass: its instances are classes")
    elif facts.info.tp_flags & _EXCEPTION_SUBCLASS:
        yield Finding(Verdict.NO, "an exception: BaseException has a __dict__ of its own")
    elif base is not None and base.itemsize != 0:
        if facts.instances.attributes:
            yield Finding(Verdict.NO, f"a subclass of {clean_text(base.name, 60)} cannot have named slots")
    elif base is not None and base.dictoffset != 0:
        yield Finding(Verdict.NO, f"its native base {clean_text(base.name, 60)} has a __dict__ of its own")
    elif any(ancestor.name.endswith(("_thread._local", "threading.local")) for ancestor in facts.ancestors):
        yield Finding(Verdict.NO, "a threading.local: it keeps a __dict__ per thread")


def _dict_bases(facts: ClassFacts) -> Iterator[Finding]:
    for base in facts.bases_to_convert:
        origin, name = facts.origin_of(base), clean_text(base.name, 80)
        if origin is Origin.APPLICATION:
            yield Finding(Verdict.FIXABLE, f"its base class {name} needs __slots__ as well, or nothing is saved")
        else:
            yield Finding(Verdict.NO, f"its base class {name} keeps a __dict__ and is not your code: {origin.value}")
            break  # one is enough to rule it out
    if len([base for base in facts.info.bases if base in {info.address for info in facts.bases_to_convert}]) > 1:
        yield Finding(Verdict.CHECK, "several base classes: only one of them may have names in its __slots__")


def _attribute_names(facts: ClassFacts) -> Iterator[Finding]:
    names = list(facts.instances.attributes)
    odd = [name for name in names if not slot_names.is_slot_name(name)]
    dunder = [name for name in names if slot_names.is_dunder(name) and name != "__orig_class__"]
    if odd:
        yield Finding(Verdict.NO, f"attribute names that are no identifiers: {_listed(odd)}")
    if dunder:
        yield Finding(Verdict.NO, f"attributes with reserved names: {_listed(dunder)}")
    if "__orig_class__" in names:
        yield Finding(Verdict.CHECK, "the type argument in __orig_class__ would be lost")
    if facts.instances.attributes_truncated:
        yield Finding(Verdict.NO, "more attribute names than a class has: it is used as a dictionary")


def _attribute_population(facts: ClassFacts) -> Iterator[Finding]:
    count = facts.instances.count
    if facts.instances.replaced_dicts:
        yield Finding(
            Verdict.NO, f"the __dict__ of {facts.instances.replaced_dicts} instances was replaced or is shared"
        )
    if facts.read_dicts:
        yield Finding(
            Verdict.CHECK,
            f"code reads the __dict__ of {facts.read_dicts} of {count} instances (vars, copy, pickle): that must change",
        )
    partial = [name for name, number in facts.instances.attributes.items() if number < count]
    if partial:
        yield Finding(Verdict.CHECK, f"not on every instance: {_listed(partial)}")


def _clashes(facts: ClassFacts) -> Iterator[Finding]:
    own, seen = facts.info, set(facts.instances.attributes)
    for info in facts.own_classes:
        defaults = []
        for name, kind in kinds_by_name(info).items():
            if name not in seen or kind in _SLOT_KINDS or kind == "cached_property" or slot_names.is_dunder(name):
                continue
            seen.discard(name)
            shown, owner = clean_text(name, 60), clean_text(info.name, 80)
            if info is not own and not gives_dict(info):
                yield Finding(
                    Verdict.CHECK, f"{shown} hides a class attribute of {owner}: unset, it would not be found"
                )
            elif kind in ("function", "property", "classmethod", "staticmethod"):
                yield Finding(Verdict.FIXABLE, f"{shown} is also a {kind} of {owner}: rename one of them")
            elif not facts.is_dataclass:
                defaults.append(name)
        if defaults:
            verb, them = ("has a default", "it") if len(defaults) == 1 else ("have defaults", "them")
            text = f"{_listed(defaults)} {verb} in {clean_text(info.name, 80)}: set {them} in __init__ instead"
            yield Finding(Verdict.FIXABLE, text)


def _methods(facts: ClassFacts) -> Iterator[Finding]:
    for info in facts.own_classes:
        if facts.origin_of(info) is not Origin.APPLICATION and info is not facts.info:
            continue
        kinds = kinds_by_name(info)
        cached = [name for name, kind in kinds.items() if kind == "cached_property"]
        if cached:
            yield Finding(Verdict.FIXABLE, f"cached_property needs a __dict__: {_listed(cached)}")
        state = [name for name in _STATE_METHODS if name in kinds and not facts.is_dataclass]
        if state:
            yield Finding(Verdict.CHECK, f"its own pickling or copying may use __dict__: {_listed(state)}")
        writers = [name for name in _WRITERS if name in kinds and not facts.is_dataclass]
        if writers:
            yield Finding(Verdict.CHECK, f"its own {_listed(writers)} may use __dict__")


def _subclasses(facts: ClassFacts) -> Iterator[Finding]:
    if facts.info.subclasses:
        number = facts.info.subclasses
        text = "a subclass" if number == 1 else f"{number} subclasses"
        yield Finding(Verdict.CHECK, f"{text}: without __slots__ too, their instances keep a __dict__")


_FINDERS: tuple[Callable[[ClassFacts], Iterator[Finding]], ...] = (
    _framework,
    _native_base,
    _dict_bases,
    _attribute_names,
    _attribute_population,
    _clashes,
    _methods,
    _subclasses,
)
