"""Hazards of frameworks: enums, metaclasses, ORMs, pydantic, attrs, dataclasses, generics, functools.

Never imports a framework: all is told by names of types and markers in classes. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterator

from heapscope.analysis.slots.hazards.names import ORIG_CLASS
from heapscope.analysis.slots.hazards.view import ClassView, finding, listed
from heapscope.analysis.slots.model import Finding, Verdict
from heapscope.units import clean_text

_ENUM = "an Enum: its members are few"
_SQLALCHEMY = "an SQLAlchemy model: the framework keeps the fields in __dict__"
_PYDANTIC = "a pydantic model: the framework keeps the fields in __dict__"
_METACLASSES = {
    "ModelBase": "an ORM model (Django, peewee): the framework keeps the fields in __dict__",
    "ModelMetaclass": _PYDANTIC,
    "DeclarativeMeta": _SQLALCHEMY,
    "DeclarativeAttributeIntercept": _SQLALCHEMY,
    "PyCStructType": "a ctypes type",
    "PyCSimpleType": "a ctypes type",
}
_MARKERS = {"_sa_class_manager": _SQLALCHEMY, "__mapper__": _SQLALCHEMY, "__pydantic_fields__": _PYDANTIC}
_HARMLESS = frozenset({"", "type", "ABCMeta", "_ProtocolMeta", "GenericMeta"})
_MAKERS = frozenset({"__new__", "__init__", "__prepare__", "__call__"})
_SLOTS_OPTION = (3, 10)  # dataclass(slots=True)
_SUPER_FIXED = (3, 14)  # a class that is made twice takes its __class__ cells along


def frameworks(view: ClassView) -> Iterator[Finding]:
    """Metaclasses and markers of frameworks that need ``__dict__``."""
    metaclass = view.facts.metatype.name.rpartition(".")[2] if view.facts.metatype else ""
    if metaclass in ("EnumMeta", "EnumType"):
        yield finding(Verdict.NO, "enum", _ENUM)
        return
    if metaclass in _METACLASSES:
        yield finding(Verdict.NO, "metaclass_forbids", _METACLASSES[metaclass])
        return
    names = {name for info in view.classes for name in view.kinds(info)}
    text = _SQLALCHEMY if "_sa_instance_state" in view.seen else ""
    if view.facts.is_dataclass and "__pydantic_fields__" in names:
        text = "a dataclass of pydantic: its decorator takes slots=True too, and validates as before"
        yield finding(Verdict.CHECK, "metaclass_forbids", text)
        return
    text = text or next((text for marker, text in _MARKERS.items() if marker in names), "")
    if text:
        yield finding(Verdict.NO, "metaclass_forbids", text)
    elif metaclass not in _HARMLESS and _makes_classes(view):
        shown = clean_text(metaclass, 60)
        yield finding(Verdict.CHECK, "metaclass_forbids", f"its metaclass {shown} may reject or rewrite __slots__")


def _makes_classes(view: ClassView) -> bool:
    """Tell whether the metaclass takes part in making classes; where that is not known, it may."""
    metatype = view.facts.metatype
    if metatype is None or view.evidence is None or metatype.own_names is None:
        return True
    return bool(_MAKERS & view.names_of_type(metatype))


def is_made_twice(view: ClassView) -> bool:
    """Tell whether the proposed change makes the class a second time, from the first one."""
    if "__attrs_attrs__" in view.kinds(view.info):
        return True
    return view.facts.is_dataclass and view.version >= _SLOTS_OPTION


def made_twice(view: ClassView) -> Iterator[Finding]:
    """What goes wrong when ``dataclass(slots=True)`` or attrs makes the class a second time."""
    if not is_made_twice(view):
        return
    hooks = [
        info.name
        for info in view.classes[1:]
        if "__init_subclass__" in view.kinds(info) and not info.name.startswith(("typing.", "abc."))
    ]
    metaclass = view.facts.metatype.name if view.facts.metatype else ""
    if metaclass.rpartition(".")[2] not in _HARMLESS and _makes_classes(view):
        hooks.append(metaclass)
    if hooks:
        text = f"the decorator makes the class twice: what {listed(hooks)} registers is registered twice"
        yield finding(Verdict.CHECK, "dataclass_slots_double_register", text)
    if view.facts.is_dataclass:
        yield from _supers(view)


def _supers(view: ClassView) -> Iterator[Finding]:
    source = view.source(view.info)
    found = {function.rpartition(".")[2] for function in source.supers} if source is not None else set()
    if view.evidence is not None:
        namespaces = view.evidence.namespaces
        index = namespaces.object_of(view.info)
        for name, value in namespaces.of(view.info).items() if index is not None else ():
            if index is not None and namespaces.closes_over(value, index) and _has_cell(view, name):
                found.add(name)
    if not found:
        return
    names = listed(sorted(found))
    if view.version >= _SUPER_FIXED:
        text = f"super() without arguments in {names}: works with @dataclass(slots=True) from Python 3.14 on"
        yield finding(Verdict.SAFE, "dataclass_slots_super", text)
    else:
        name = clean_text(view.info.name.rpartition(".")[2], 60)
        text = f"@dataclass(slots=True) makes a new class: write super({name}, self) instead of super() in {names}"
        yield finding(Verdict.FIXABLE, "dataclass_slots_super", text)


def _has_cell(view: ClassView, name: str) -> bool:
    """Tell whether a method that closes over its class does so by ``__class__``: what a decorator made may use another name."""
    if view.evidence is None or not view.knows_names:
        return name not in ("__setattr__", "__delattr__")
    return any("__class__" in view.evidence.codes.variables_of(code) for code in view.code_of(view.info, name))


def fields(view: ClassView) -> Iterator[Finding]:
    """Attributes that a decorator would make no slot of, because they are no fields."""
    if not is_made_twice(view):
        return
    known = {name for info in view.classes for name in view.fields(info)}
    known.update(name for _, source in view.sources for name in (*source.annotations, *source.names))
    others = [name for name in [*view.gains_from, *view.unseen] if name not in known and name != ORIG_CLASS]
    if known and others:
        text = f"the decorator makes slots of fields only: declare {listed(others)} as a field, without init"
        yield finding(Verdict.FIXABLE, "dynamic_attrs", text)


def harmless(view: ClassView) -> Iterator[Finding]:
    """What looks as if it needed ``__dict__``, and does not; and generics, whose argument is lost."""
    if ORIG_CLASS in view.seen:
        yield finding(Verdict.CHECK, "generic_orig_class", "the type argument in __orig_class__ would be lost")
    kinds: dict[str, list[str]] = {}
    for info in view.our_classes:
        for name, kind in view.kinds(info).items():
            kinds.setdefault(kind, []).append(name)
    if "singledispatchmethod" in kinds:
        text = f"singledispatchmethod works with slots: {listed(kinds['singledispatchmethod'])}"
        yield finding(Verdict.SAFE, "singledispatchmethod", text)
    if "_lru_cache_wrapper" in kinds:
        text = f"lru_cache works with slots: {listed(kinds['_lru_cache_wrapper'])}"
        yield finding(Verdict.SAFE, "lru_cache_method", text)
    if view.facts.is_dataclass:
        yield finding(Verdict.SAFE, "dataclass_asdict_ok", "asdict, replace, == and repr work with slots")


FINDERS = (frameworks, made_twice, fields, harmless)
