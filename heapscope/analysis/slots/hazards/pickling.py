"""Hazards of copies and pickles: state that is written in terms of ``__dict__``, old pickles, old protocols.

Never claims to know what was pickled: that cannot be seen in memory. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterator

from heapscope.analysis.slots.evidence import Spot
from heapscope.analysis.slots.hazards.dicts import STATE_METHODS, concerns, files_that_count
from heapscope.analysis.slots.hazards.view import DICT_NAMES, ClassView, finding, listed
from heapscope.analysis.slots.model import Finding, Verdict
from heapscope.snapshot.model import TypeInfo
from heapscope.units import clean_text

_REDUCERS = ("__reduce__", "__reduce_ex__")
_OTHERS_STATE = frozenset({"__getstate__", "__setstate__", "__reduce__", "__reduce_ex__", "__copy__", "__deepcopy__"})
_FROZEN_SETTERS = frozenset({"__setattr__", "__delattr__"})
_MADE_STATE = ("__getstate__", "__setstate__")  # by dataclass(slots=True, frozen=True), attrs


def own_state(view: ClassView) -> Iterator[Finding]:
    """Methods that say what a copy or a pickle of an instance holds."""
    for info in view.our_classes:
        methods = [name for name in STATE_METHODS if name in view.kinds(info)]
        if "__attrs_attrs__" in view.kinds(info):
            methods = [name for name in methods if not (name in _MADE_STATE and view.is_generated(info, name))]
        if methods:
            yield from _state_of(view, info, methods)


def _state_of(view: ClassView, info: TypeInfo, methods: list[str]) -> Iterator[Finding]:
    used = {name: view.names_in(info, name) for name in methods}
    source = view.source(info)
    if source is not None:
        in_source = {use.method for use in source.uses if "__dict__" in use.kind.value}
        touching = [name for name in methods if name in in_source or (used[name] or frozenset()) & DICT_NAMES]
        unknown: list[str] = []
    else:
        touching = [name for name in methods if (used[name] or frozenset()) & DICT_NAMES]
        unknown = [name for name in methods if used[name] is None]
    spots = [spot for name in touching or methods for spot in view.spots_in(info, name)]
    if touching:
        text = f"its own pickling or copying uses __dict__: {listed(touching)}"
        yield finding(Verdict.FIXABLE if source is not None else Verdict.CHECK, "custom_getstate", text, spots)
    if unknown:
        text = f"its own pickling or copying may use __dict__: {listed(unknown)}"
        yield finding(Verdict.CHECK, "custom_getstate", text, spots)
    elif _is_partial(view, methods, touching) or _asks_others(used, touching) or _reduces_state(view, info, methods):
        text = f"its own pickling or copying would get another state from slots: {listed(methods)}"
        yield finding(Verdict.CHECK, "custom_getstate", text, spots)


def _is_partial(view: ClassView, methods: list[str], touching: list[str]) -> bool:
    """Tell whether only one side is its own: __setstate__ would get a tuple, the state of __getstate__ would go to __dict__."""
    names = {name for info in view.classes for name in view.kinds(info)}
    if names & {*_REDUCERS, "__copy__"} and names.isdisjoint(_MADE_STATE):
        return False
    sides = names.intersection(_MADE_STATE)
    return len(sides) == 1 and bool(sides.intersection(methods)) and not sides.intersection(touching)


def _asks_others(used: dict[str, frozenset[str] | None], touching: list[str]) -> bool:
    """Tell whether a method builds on the state that ``object`` or a base class makes."""
    return any(
        bool((names or frozenset()) & _OTHERS_STATE) and name in ("__getstate__", "__setstate__", *_REDUCERS)
        for name, names in used.items()
        if name not in touching
    )


def _reduces_state(view: ClassView, info: TypeInfo, methods: list[str]) -> bool:
    """Tell whether a reducer may give a state, which would be put into ``__dict__``."""
    reducers = [name for name in methods if name in _REDUCERS]
    source = view.source(info)
    has_setter = any("__setstate__" in view.kinds(one) for one in view.classes)
    return (
        bool(reducers) and not has_setter and (source is None or any(source.reduces.get(n, 0) != 2 for n in reducers))
    )


def pickles(view: ClassView) -> Iterator[Finding]:
    """Pickles that were written before, that code of before reads, and protocols that cannot hold slots."""
    if view.evidence is None:
        return
    own = {name for info in view.classes for name in view.kinds(info)}
    old = [spot for spot in view.evidence.old_picklers(files_that_count(view)) if concerns(view, spot)]
    if old and not own & {"__getstate__", *_REDUCERS}:
        text = "code pickles with protocol 0 or 1, which cannot hold slots without __getstate__"
        yield finding(Verdict.CHECK, "pickle_proto01", text, old)
    spots = [spot for spot in view.evidence.picklers if concerns(view, spot)]
    if not spots:
        return
    if "__setstate__" not in own and not own & {*_REDUCERS}:
        text = "code pickles: what was pickled before the change cannot be loaded after it, without a __setstate__"
        yield finding(Verdict.CHECK, "old_pickles", text, spots)
    text = "what is pickled after the change can be loaded by code of before"
    yield finding(Verdict.SAFE, "new_pickles_old_code", text, spots)


def frozen(view: ClassView) -> Iterator[Finding]:
    """Frozen dataclasses: their slots cannot be set by copy and pickle, unless the decorator sees to it."""
    above = [
        info
        for info in view.classes
        if "__dataclass_fields__" in view.kinds(info) and view.kinds(info).keys() >= _FROZEN_SETTERS
    ]
    if not above:
        return
    if view.info not in above:
        text = (
            f"its base class {clean_text(above[0].name, 80)} is a frozen dataclass: copies and pickles may lose slots"
        )
        yield finding(Verdict.CHECK, "dataclass_frozen_pickle", text)
    elif view.version >= (3, 10) and not (view.version == (3, 10) and view.instances.weakly_referenced):
        text = "a frozen dataclass: @dataclass(slots=True) makes it copy and pickle, __slots__ written by hand does not"
        yield finding(Verdict.SAFE, "dataclass_frozen_pickle", text)
    else:
        text = "a frozen dataclass: with slots written by hand it needs __getstate__ and __setstate__ to be copied"
        yield finding(Verdict.CHECK, "dataclass_frozen_pickle", text)


def copies(view: ClassView) -> Iterator[Finding]:
    """Plain copies, which slots allow."""
    own = {name for info in view.classes for name in view.kinds(info)}
    spots: list[Spot] = view.evidence.copiers if view.evidence is not None else []
    near = [spot for spot in spots if spot.file in view.files]
    if near and not own.intersection(STATE_METHODS):
        yield finding(Verdict.SAFE, "copy_ok", "copy and deepcopy work with slots", near)


FINDERS = (own_state, pickles, frozen, copies)
