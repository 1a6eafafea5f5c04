"""Hazards of ``__dict__``: code that reads, writes or replaces it, descriptors that keep values in it, computed names.

Never takes the absence of names for the absence of uses. No I/O.

From 3.11 on an instance whose ``__dict__`` was never asked for has none, which is evidence about code that cannot be told to
concern the class; before, there is no such evidence, and such code is a reason to look.
"""

from __future__ import annotations

from collections.abc import Iterator

from heapscope.analysis.slots.evidence import Files, Spot
from heapscope.analysis.slots.hazards.subject import SLOT_KINDS
from heapscope.analysis.slots.hazards.view import (
    DICT_NAMES,
    METHOD_KINDS,
    ClassView,
    finding,
    listed,
)
from heapscope.analysis.slots.layout import is_native_layout
from heapscope.analysis.slots.model import Finding, Verdict
from heapscope.analysis.slots.source_model import Receiver, UseKind
from heapscope.snapshot.model import TypeInfo
from heapscope.units import clean_text

STATE_METHODS = ("__getstate__", "__setstate__", "__reduce__", "__reduce_ex__", "__copy__", "__deepcopy__")
WRITERS = ("__setattr__", "__delattr__", "__getattribute__", "__getattr__")
_ELSEWHERE = (*STATE_METHODS, *WRITERS)
_GENERATED = ("__init__", "__setattr__", "__delattr__")  # of frozen dataclasses
_ASKED_FOR = (3, 11)  # the version from which a __dict__ is only made when it is asked for


def concerns(view: ClassView, spot: Spot) -> bool:
    """Tell whether code that uses some object's ``__dict__`` may well use that of this class."""
    if spot.use is not None and spot.use.receiver is Receiver.SELF and spot.use.owner:
        return False  # other classes' own business; that of this class is looked at by itself
    return files_that_count(view) is None or spot.file in view.files


def files_that_count(view: ClassView) -> Files:
    """Give the files whose code counts: all, unless instances would show that their ``__dict__`` was asked for."""
    return None if view.version < _ASKED_FOR or view.read_dicts > 0 else view.files


def reads(view: ClassView) -> Iterator[Finding]:
    """Code that reads ``__dict__``: the class's own, code near it, and what instances show."""
    own = _own_readers(view)
    if own:
        names = listed([name for _, name in own])
        sure = all(view.source(info) is not None for info, _ in own)
        spots = [spot for info, name in own for spot in view.spots_in(info, name)]
        text = f"its own code uses __dict__: {names}"
        yield finding(Verdict.FIXABLE if sure else Verdict.CHECK, "dict_read_vars", text, spots)
    if view.read_dicts:
        count, number = view.instances.count, view.read_dicts
        text = f"code reads the __dict__ of {number} of {count} instances (vars, copy, pickle): that must change"
        yield finding(Verdict.CHECK, "dict_read_vars", text)
    found = view.evidence.dict_uses(files_that_count(view)) if view.evidence else []
    others = [spot for spot in found if concerns(view, spot)]
    own_places = {spot.text for info, name in own for spot in view.spots_in(info, name)}
    others = [spot for spot in others if spot.text not in own_places]
    if others:
        text = "code reads the __dict__ of objects that may be of this class"
        yield finding(Verdict.CHECK, "dict_read_vars", text, others)


def _own_readers(view: ClassView) -> list[tuple[TypeInfo, str]]:
    """Find methods of our classes that use ``__dict__`` of an instance; those that another hazard is about are left out."""
    found: list[tuple[TypeInfo, str]] = []
    for info in view.our_classes:
        source = view.source(info)
        if source is not None:
            uses = source.of_kind(UseKind.DICT_READ)
            found.extend((info, use.method) for use in uses if use.method and use.method not in _ELSEWHERE)
        else:
            found.extend(
                (one, name)
                for one, name in view.methods_using(*DICT_NAMES)
                if one is info and name not in _ELSEWHERE and view.kinds(info).get(name) != "cached_property"
            )
    return list(dict.fromkeys(found))


def readers_of(view: ClassView, info: TypeInfo) -> tuple[str, ...]:
    """Name the methods of one class that read or write an instance's ``__dict__``."""
    source = view.source(info)
    if source is not None:
        kinds = (UseKind.DICT_READ, UseKind.DICT_WRITE, UseKind.DICT_REPLACE)
        return tuple(dict.fromkeys(use.method for use in source.of_kind(*kinds) if use.method))
    return tuple(name for one, name in view.methods_using(*DICT_NAMES) if one is info)


def writes(view: ClassView) -> Iterator[Finding]:
    """Code that writes into ``__dict__``, or replaces it."""
    spots = [spot for spot in view.uses(UseKind.DICT_WRITE) if spot.use and spot.use.method not in _ELSEWHERE]
    if spots:
        yield finding(Verdict.CHECK, "setattr_dict_write", "its own code writes into __dict__", spots)
    replaced = [spot for spot in view.uses(UseKind.DICT_REPLACE) if spot.use and spot.use.method not in _ELSEWHERE]
    if view.instances.replaced_dicts:
        text = f"the __dict__ of {view.instances.replaced_dicts} instances was replaced or is shared"
        yield finding(Verdict.NO, "dict_replaced", text, replaced)
    elif replaced:
        yield finding(Verdict.NO, "dict_replaced", "its own code replaces __dict__", replaced)
    for info in view.our_classes:
        writers = [name for name in WRITERS if name in view.kinds(info) and not _is_made(view, info, name)]
        touching = [name for name in writers if _touches(view, info, name)]
        if touching:
            spots = [spot for name in touching for spot in view.spots_in(info, name)]
            certain = "uses" if view.knows_names else "may use"
            text = f"its own {listed(touching)} {certain} __dict__"
            yield finding(Verdict.CHECK, "setattr_dict_write", text, spots)


def _is_made(view: ClassView, info: TypeInfo, name: str) -> bool:
    return name in _GENERATED and "__dataclass_fields__" in view.kinds(info)


def _touches(view: ClassView, info: TypeInfo, name: str) -> bool:
    names = view.names_in(info, name)
    if names is not None:
        return bool(names & DICT_NAMES)
    source = view.source(info)
    if source is not None:
        return any(use.method == name for use in source.uses if "__dict__" in use.kind.value)
    return name in ("__setattr__", "__getattribute__")


def descriptors(view: ClassView) -> Iterator[Finding]:
    """Class attributes that keep a value for each instance in its ``__dict__``."""
    cached: list[str] = []
    for info in view.our_classes:
        for name, kind in view.kinds(info).items():
            if kind == "cached_property":
                cached.append(name)
            elif kind not in METHOD_KINDS and kind not in SLOT_KINDS and kind != "property":
                yield from _descriptor(view, info, name)
    if cached:
        text = f"cached_property needs a __dict__: {listed(list(dict.fromkeys(cached)))}"
        yield finding(Verdict.FIXABLE, "cached_property", text)


def _descriptor(view: ClassView, info: TypeInfo, name: str) -> Iterator[Finding]:
    value = view.value_type(info, name)
    if value is None or is_native_layout(value):
        return
    names = view.names_of_type(value)
    if not names & {"__get__", "__set__"}:
        return
    used = [view.names_in_type(value, method) for method in ("__get__", "__set__", "__delete__") if method in names]
    touches = any(one is not None and one & DICT_NAMES for one in used)
    unknown = not touches and any(one is None for one in used)
    if not touches and not unknown and name not in view.seen:
        return
    shown, kind = clean_text(name, 60), clean_text(value.name, 60)
    spots = [spot for method in ("__get__", "__set__") if method in names for spot in view.spots_in(value, method)]
    certain = "keeps" if touches or name in view.seen else "may keep"
    text = f"{shown} is a {kind}, which {certain} its value in __dict__"
    hazard = "setattr_dict_write" if "__set__" in names else "cached_property"
    yield finding(Verdict.CHECK, hazard, text, spots)


def computed_names(view: ClassView) -> Iterator[Finding]:
    """Attributes that are set by names which code computes."""
    spots = [spot for spot in view.uses(UseKind.SETATTR) if spot.use and spot.use.method not in _ELSEWHERE]
    unread = [info for info in view.our_classes if view.source(info) is None]
    for info, name in view.methods_using("setattr", "__setattr__"):
        is_made = "__dataclass_fields__" in view.kinds(info) and name in _GENERATED
        if info in unread and name not in _ELSEWHERE and not is_made:
            spots.extend(view.spots_in(info, name))
    if spots:
        text = "its own code sets attributes by computed names: some may not have been seen"
        yield finding(Verdict.CHECK, "setattr_bypass", text, spots)
    near = [spot for path in sorted(view.files) for spot in view.setattr_elsewhere(path)]
    if near:
        text = "code of its module sets attributes of objects by computed names"
        yield finding(Verdict.CHECK, "setattr_bypass", text, near)


FINDERS = (reads, writes, descriptors, computed_names)
