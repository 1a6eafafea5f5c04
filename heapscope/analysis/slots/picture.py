"""Of which parts an instance consists, now and with slots: what a person compares when told that it would be smaller.

Never decides what an instance costs: the parts of now add up to what was read from the instances, those of slots to what
layout.py computes. No I/O.
"""

from __future__ import annotations

from heapscope.analysis.slots.layout import GC_HEADER, OBJECT_BASICSIZE, WORD, Version
from heapscope.analysis.slots.model import ClassFacts, Part
from heapscope.snapshot.model import StateFigures, TypeInfo
from heapscope.wire.protocol import DictState

DICT_OBJECT = 64  # GC head and PyDictObject

_MANAGED_WEAKREF, _MANAGED_DICT, _HAVE_GC = 1 << 3, 1 << 4, 1 << 14  # Py_TPFLAGS_*
_MANAGED_WORDS = 16
_WITH_DICT = frozenset({DictState.SPLIT, DictState.MATERIALISED, DictState.COMBINED})


def parts_now(facts: ClassFacts) -> tuple[Part, ...]:
    """Give the parts of an instance in the state that most instances are in; of mean size where sizes differ.

    They add up to the mean of the requested bytes in that state. Empty without instances.
    """
    states = {state: figures for state, figures in facts.instances.states.items() if figures.count}
    if not states:
        return ()
    state, figures = max(states.items(), key=lambda item: (item[1].count, -item[0]))
    parts = [*_head(facts.info, facts.version), *_body(facts)]
    parts += _attributes(state, _mean(figures) - sum(part.requested for part in parts))
    return _without_empty(parts)


def parts_slotted(facts: ClassFacts, name_count: int, *, weakref: bool) -> tuple[Part, ...]:
    """Give the parts of a slotted instance, of which the whole hierarchy declares ``name_count`` names."""
    base = facts.native_base
    has_weakref = bool(base and base.weaklistoffset)
    adds_weakref = weakref and not has_weakref
    parts = [Part("GC head", GC_HEADER)]
    if adds_weakref and facts.version >= (3, 12):
        parts.append(Part("weakref words", _MANAGED_WORDS))
    parts.append(Part(_base_name(base), max(base.basicsize if base else 0, OBJECT_BASICSIZE)))
    if adds_weakref and facts.version < (3, 12):
        parts.append(Part("weakref word", WORD))
    parts.append(Part(_slots_name(name_count), WORD * name_count))
    return _without_empty(parts)


def _head(info: TypeInfo, version: Version) -> list[Part]:
    managed = 0
    if version == (3, 11):
        managed = info.tp_flags & _MANAGED_DICT
    elif version >= (3, 12):
        managed = info.tp_flags & (_MANAGED_DICT | _MANAGED_WEAKREF)
    return [
        Part("GC head", GC_HEADER if info.tp_flags & _HAVE_GC else 0),
        Part("dict and weakref words", _MANAGED_WORDS if managed else 0),
    ]


def _body(facts: ClassFacts) -> list[Part]:
    """Give what tp_basicsize covers: the native base, slots that are there already, words for a dict and weak references."""
    info, base = facts.info, facts.native_base
    base_size = max(base.basicsize if base else 0, OBJECT_BASICSIZE)
    slots = sum(kind.rpartition(".")[2] == "member_descriptor" for one in facts.own_classes for kind in one.own_kinds)
    slots_size = min(WORD * slots, max(info.basicsize - base_size, 0))
    words = max(info.basicsize - base_size - slots_size, 0)
    return [
        Part(_base_name(base), min(base_size, info.basicsize)),
        Part(_slots_name(slots_size // WORD), slots_size),
        Part("weakref word" if facts.version == (3, 11) else "dict and weakref words", words),
    ]


def _attributes(state: int, rest: int) -> list[Part]:
    if state in _WITH_DICT:
        return [
            Part("dict object", min(DICT_OBJECT, max(rest, 0))),
            Part("keys and values", max(rest - DICT_OBJECT, 0)),
        ]
    return [Part("values" if state in (DictState.VALUES, DictState.INLINE) else "items", max(rest, 0))]


def _mean(figures: StateFigures) -> int:
    return round(figures.requested / figures.count)


def _base_name(base: TypeInfo | None) -> str:
    return base.name.rpartition(".")[2] if base else "object"


def _slots_name(count: int) -> str:
    return "1 slot" if count == 1 else f"{count} slots"


def _without_empty(parts: list[Part]) -> tuple[Part, ...]:
    return tuple(part for part in parts if part.requested)
