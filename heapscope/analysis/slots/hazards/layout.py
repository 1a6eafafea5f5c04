"""Hazards of layout: native bases, bases that keep a ``__dict__``, several bases with layouts, subclasses, slots twice.

Never reads source but to see whether a class sets attributes of its own. No I/O.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from heapscope.analysis.slots.hazards.subject import SLOT_KINDS
from heapscope.analysis.slots.hazards.view import ClassView, finding, listed
from heapscope.analysis.slots.layout import OBJECT_BASICSIZE, is_native_layout
from heapscope.analysis.slots.model import Finding, Verdict, gives_dict
from heapscope.snapshot.model import TypeInfo
from heapscope.units import clean_text

_TYPE_SUBCLASS = 1 << 31  # Py_TPFLAGS_TYPE_SUBCLASS
_EXCEPTION_SUBCLASS = 1 << 30  # Py_TPFLAGS_BASE_EXC_SUBCLASS
_THREAD_LOCAL = ("_thread._local", "threading.local", "_threading_local.local", "_thread.local")
_NAMED_SLOTS_ON_TUPLE = (3, 15)


def native_base(view: ClassView) -> Iterator[Finding]:
    """Bases that C code made: what they forbid, and what they keep."""
    base, no = view.facts.native_base, Verdict.NO
    names = {ancestor.name for ancestor in view.facts.ancestors}
    shown = clean_text(base.name, 60) if base else ""
    if view.info.tp_flags & _TYPE_SUBCLASS:
        yield finding(no, "module_type", "a metaclass: its instances are classes")
    elif "builtins.module" in names:
        yield finding(no, "module_type", "a subclass of module: a module keeps its names in a __dict__")
    elif names.intersection(_THREAD_LOCAL):
        yield finding(no, "contextmanager_threadlocal", "a threading.local: it keeps a __dict__ per thread")
    elif view.info.tp_flags & _EXCEPTION_SUBCLASS:
        yield from _exception(view)
    elif base is not None and base.itemsize != 0:
        yield from _variable_size(view, base)
    elif base is not None and base.dictoffset != 0:
        yield finding(no, "c_base_dict", f"its native base {shown} has a __dict__ of its own")
    elif base is not None and base.name == "builtins.str":
        yield finding(Verdict.SAFE, "str_base", "a subclass of str may have named slots")


def _exception(view: ClassView) -> Iterator[Finding]:
    yield finding(Verdict.NO, "exception_dict", "an exception: BaseException has a __dict__ of its own")
    own = {name for info in view.classes for name in view.kinds(info)}
    if not own & {"__reduce__", "__reduce_ex__", "__setstate__"}:
        text = "copies and pickles of an exception silently lose what is in slots"
        yield finding(Verdict.CHECK, "exception_pickle", text)


def _variable_size(view: ClassView, base: TypeInfo) -> Iterator[Finding]:
    shown = clean_text(base.name, 60)
    is_named = any("_fields" in view.kinds(info) for info in view.classes)
    if is_named and view.info.dictoffset == 0:
        yield finding(Verdict.NO, "typing_namedtuple", "a named tuple: it has slots already")
    elif not view.seen and not view.unseen:
        text = f"a subclass of {shown} without attributes of its own: __slots__ = () is enough"
        yield finding(Verdict.SAFE, "varsize_base_empty", text)
    elif base.name == "builtins.tuple" and view.version >= _NAMED_SLOTS_ON_TUPLE:
        yield finding(Verdict.SAFE, "varsize_base", "a subclass of tuple may have named slots from Python 3.15 on")
    else:
        yield finding(Verdict.NO, "varsize_base", f"a subclass of {shown} cannot have named slots")


def dict_bases(view: ClassView) -> Iterator[Finding]:
    """Base classes that still give every instance a ``__dict__``."""
    for base in view.facts.bases_to_convert:
        origin, name = view.origin_of(base), clean_text(base.name, 80)
        if view.is_ours(base):
            if _is_protocol(view, base):
                text = f"its protocol {name} needs __slots__ = () as well, or need not be inherited from"
                yield finding(Verdict.FIXABLE, "protocol", text)
                continue
            text = f"its base class {name} needs __slots__ as well, or nothing is saved"
            yield finding(Verdict.FIXABLE, "base_has_dict", text)
        else:
            text = f"its base class {name} keeps a __dict__ and is not your code: {origin.value}"
            yield finding(Verdict.NO, "base_has_dict", text)
            break  # one is enough to rule it out


def _is_protocol(view: ClassView, info: TypeInfo) -> bool:
    protocols = {one.address for one in view.facts.ancestors if one.name == "typing.Protocol"}
    return bool(protocols.intersection(info.bases))


# ---- several bases ----


def conflicts(view: ClassView) -> Iterator[Finding]:
    """Classes with several bases, of which only one may have a layout of its own."""
    if view.evidence is None:
        addresses = {info.address for info in view.facts.bases_to_convert}
        if len(addresses.intersection(view.info.bases)) > 1:
            text = "several base classes: only one of them may have names in its __slots__"
            yield finding(Verdict.CHECK, "layout_conflict", text)
        return
    for joined in [view.info, *view.evidence.subclasses.get(view.info.address, ())]:
        found = _conflict(view, joined)
        if found is not None:
            yield found
            return


def _conflict(view: ClassView, joined: TypeInfo) -> Finding | None:
    snapshot = view.evidence.snapshot if view.evidence else None
    bases = [snapshot.type_at(address) for address in joined.bases] if snapshot else []
    known = [base for base in bases if base is not None and base.name != "builtins.object"]
    doubt: Finding | None = None
    for left, right in itertools.combinations(known, 2):
        # Without what only may need names of its own: then there is no choice.
        for verdict, with_maybe in ((Verdict.NO, False), (Verdict.CHECK, True)):
            first, second = (_solid(view, base, with_maybe=with_maybe) for base in (left, right))
            if first is None or second is None or _is_chain(first, second):
                continue
            is_native = is_native_layout(first) or is_native_layout(second)
            others = " and ".join(clean_text(one.name, 60) for one in (first, second))
            text = (
                f"{clean_text(joined.name, 60)} has the bases {others}: only one of them may have a layout of its own"
            )
            hazard = "two_c_bases" if is_native else "layout_conflict"
            if verdict is Verdict.NO:
                return finding(verdict, hazard, text)
            doubt = doubt or finding(verdict, hazard, text)
            break
    return doubt


def _is_chain(left: TypeInfo, right: TypeInfo) -> bool:
    return left.address in (right.address, *right.mro) or right.address in left.mro


def _solid(view: ClassView, info: TypeInfo, *, with_maybe: bool) -> TypeInfo | None:
    """Find the class that would decide the layout of a base; None for plain ``object``."""
    snapshot = view.evidence.snapshot if view.evidence else None
    for address in dict.fromkeys([info.address, *info.mro]):
        one = snapshot.type_at(address) if snapshot else None
        if one is not None and (_adds_layout(view, one) or (with_maybe and _may_add(view, one))):
            return one
    return None


def _adds_layout(view: ClassView, info: TypeInfo) -> bool:
    if is_native_layout(info):
        return info.basicsize > OBJECT_BASICSIZE or info.itemsize != 0
    if info is view.info and (view.gains_from or view.unseen or view.stored is None):
        return True
    return any(kind in SLOT_KINDS for kind in view.kinds(info).values())


def _may_add(view: ClassView, info: TypeInfo) -> bool:
    """Tell whether a class that would be converted too needs names of its own."""
    if is_native_layout(info) or not gives_dict(info) or not view.is_ours(info) or view.evidence is None:
        return False
    if any(facts.attributes for facts in view.evidence.snapshot.instances if facts.type_address == info.address):
        return True
    source = view.source(info)
    return source is None or bool(source.stored)


# ---- slots twice, and below ----


def duplicates(view: ClassView) -> Iterator[Finding]:
    """Slots that a base class has already."""
    own = {name for name, kind in view.kinds(view.info).items() if kind in SLOT_KINDS}
    above = {name for info in view.classes[1:] for name, kind in view.kinds(info).items() if kind in SLOT_KINDS}
    if own & above:
        names = listed(sorted(own & above))
        text = f"{names} in its __slots__ again, though a base class has them: 8 bytes an instance for nothing each"
        yield finding(Verdict.FIXABLE, "duplicate_slot", text)
    properties = {name for info in view.classes[1:] for name, kind in view.kinds(info).items() if kind == "property"}
    if own & properties:
        text = f"{listed(sorted(own & properties))}: a slot in place of a property of a base class"
        yield finding(Verdict.SAFE, "abstract_property", text)


def subclasses(view: ClassView) -> Iterator[Finding]:
    """Classes below, which get a ``__dict__`` back unless they change too."""
    if view.evidence is None:
        number = view.info.subclasses
        if number:
            text = "a subclass" if number == 1 else f"{number} subclasses"
            yield finding(
                Verdict.CHECK, "subclass_no_slots", f"{text}: without __slots__ too, their instances keep a __dict__"
            )
        return
    below = [info for info in view.evidence.subclasses.get(view.info.address, ()) if gives_dict(info)]
    foreign = [info.name for info in below if not view.is_ours(info)]
    ours = [info.name for info in below if view.is_ours(info)]
    if ours:
        text = f"its subclasses need __slots__ as well, or their instances keep a __dict__: {listed(ours)}"
        yield finding(Verdict.FIXABLE, "subclass_no_slots", text)
    if foreign:
        text = f"subclasses that are not your code keep a __dict__: {listed(foreign)}"
        yield finding(Verdict.CHECK, "subclass_no_slots", text)
    names = {*view.gains_from, *view.unseen}
    for info in view.evidence.subclasses.get(view.info.address, ()):
        hidden = sorted(names.intersection(name for name, kind in view.kinds(info).items() if kind not in SLOT_KINDS))
        if hidden:
            text = f"{listed(hidden)} of its subclass {clean_text(info.name, 80)} would hide the slots: they could not be set"
            yield finding(Verdict.CHECK, "class_default", text)
            return


FINDERS = (native_base, dict_bases, conflicts, duplicates, subclasses)
