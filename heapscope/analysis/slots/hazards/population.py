"""Hazards that instances show: attributes of only some, weak references, classes that objects change into.

Never counts an attribute that was not seen, but for those that the class's own code sets. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterator

from heapscope.analysis.slots.evidence import Spot
from heapscope.analysis.slots.hazards.frameworks import is_made_twice
from heapscope.analysis.slots.hazards.names import ORIG_CLASS
from heapscope.analysis.slots.hazards.view import ClassView, finding, listed
from heapscope.analysis.slots.model import Finding, Verdict
from heapscope.analysis.slots.names import is_dunder
from heapscope.analysis.slots.source_model import Receiver, UseKind
from heapscope.snapshot.model import TypeInfo
from heapscope.units import clean_text
from heapscope.wire.protocol import DictState

DATACLASS_METHODS = frozenset(
    {"__repr__", "__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__setattr__", "__delattr__", "__replace__"}
)
WEAK_NAMES = ("WeakSet", "WeakValueDictionary", "WeakKeyDictionary", "WeakMethod", "finalize", "weakref")


def attributes(view: ClassView) -> Iterator[Finding]:
    """Which attributes instances have, against those that the class's own code sets."""
    if DictState.UNKNOWN in view.instances.states:
        yield finding(Verdict.CHECK, "", "the attributes of its instances could not be read")
    if view.instances.attributes_truncated:
        text = "more attribute names than a class has: it is used as a dictionary"
        yield finding(Verdict.NO, "dynamic_attrs", text)
        return
    count = view.instances.count
    partial = [name for name in view.gains_from if view.seen[name] < count and name != ORIG_CLASS]
    # A base that is not ours may set attributes as well.
    stored = view.stored if len(view.our_classes) == len(view.classes) else None
    if stored is None:
        if partial:
            yield finding(Verdict.CHECK, "dynamic_attrs", f"not on every instance: {listed(partial)}")
    else:
        outside = [name for name in view.gains_from if name not in stored and not is_dunder(name)]
        if outside:
            text = f"set by code outside of the class: {listed(outside)}"
            yield finding(Verdict.CHECK, "dynamic_attrs", text)
        inside = [name for name in partial if name in stored]
        if inside:
            text = f"not on every instance, where the slot stays empty: {listed(inside)}"
            yield finding(Verdict.SAFE, "unset_message", text)
    if view.stored is None and view.evidence is not None:
        text = "its source could not be read: its code may set attributes that no instance has"
        yield finding(Verdict.CHECK, "dynamic_attrs", text)
    if view.unseen and not is_made_twice(view):
        text = f"its code also sets {listed(view.unseen)}, which no instance has: slots too"
        yield finding(Verdict.FIXABLE, "dynamic_attrs", text)


def weak_references(view: ClassView) -> Iterator[Finding]:
    """Weak references to instances, which need a slot of their own."""
    base = view.facts.native_base
    if base is not None and base.weaklistoffset:
        return
    number = view.instances.weakly_referenced
    if number:
        yield _weak(view, number)
        return
    spots = view.uses(UseKind.WEAK) or [
        spot for info, name in view.methods_using(*WEAK_NAMES) for spot in view.spots_in(info, name)
    ]
    if spots:
        text = 'its own code makes weak references: "__weakref__" must be in __slots__ if they are to instances'
        yield finding(Verdict.CHECK, "weakref", text, spots)


def _weak(view: ClassView, number: int) -> Finding:
    is_new_dataclass = view.facts.is_dataclass and view.version >= (3, 10)
    if not is_new_dataclass:
        text = f'{number} instances are weakly referenced: "__weakref__" is among the slots'
        return finding(Verdict.SAFE, "weakref", text)
    if view.version >= (3, 11):
        text = f"{number} instances are weakly referenced: @dataclass(slots=True) takes weakref_slot=True too"
        return finding(Verdict.SAFE, "dataclass_slots_weakref", text)
    text = f"{number} instances are weakly referenced: in Python 3.10 @dataclass(slots=True) has no slot for that"
    return finding(Verdict.CHECK, "dataclass_slots_weakref", text)


def class_changes(view: ClassView) -> Iterator[Finding]:
    """Assignments to ``__class__``, for which both classes must have the same slots."""
    if view.evidence is None:
        return
    unread = [info for info in view.our_classes if view.source(info) is None]
    blind = [
        (info, name)
        for info, name in view.methods_using("__class__")
        if info in unread and not _is_made(view, info, name)
    ]
    if blind:
        spots = [spot for info, name in blind for spot in view.spots_in(info, name)]
        text = "its own code names __class__, and its source could not be read: it may assign to it"
        yield finding(Verdict.CHECK, "class_assignment", text, spots)
    simple = view.info.name.rpartition(".")[2]
    found = view.evidence.class_assignments(view.files, simple)
    spots = [spot for spot in found if _changes(view, spot)]
    if not spots:
        return
    relatives = {info.name.rpartition(".")[2] for info in view.classes[1:]} | {
        info.name.rpartition(".")[2] for info in view.evidence.subclasses.get(view.info.address, ())
    }
    others = {spot.use.other.rpartition(".")[2] for spot in spots if spot.use} - {simple, ""}
    if others & relatives or (
        simple in {spot.use.other.rpartition(".")[2] for spot in spots if spot.use} and relatives
    ):
        text = "objects change between this class and a relative of it: both need the same slots"
        yield finding(Verdict.CHECK, "class_assignment_dict_slots", text, spots)
    else:
        shown = listed(sorted(others)) or clean_text(simple, 60)
        text = f"code assigns {shown} to __class__: both classes need the same slots"
        yield finding(Verdict.CHECK, "class_assignment", text, spots)


def _is_made(view: ClassView, info: TypeInfo, name: str) -> bool:
    is_dataclass = "__dataclass_fields__" in view.kinds(info)
    return view.is_foreign_code(info, name) or (is_dataclass and name in DATACLASS_METHODS)


def _changes(view: ClassView, spot: Spot) -> bool:
    if spot.use is None:
        return spot.file in view.files
    simple = view.info.name.rpartition(".")[2]
    if spot.use.other.rpartition(".")[2] == simple:
        return True
    if spot.file not in view.files:
        return False
    if spot.use.receiver is Receiver.SELF:
        return spot.use.owner in {source.qualname for _, source in view.sources}
    return True


FINDERS = (attributes, weak_references, class_changes)
