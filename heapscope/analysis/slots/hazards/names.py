"""Hazards of names: attributes that a class has too, defaults, methods, and names that no slot can have.

Never claims that a default is in the source where a decorator or a base class may have put it there. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterator

from heapscope.analysis.slots import names as slot_names
from heapscope.analysis.slots.evidence import Spot, spot_of
from heapscope.analysis.slots.hazards.subject import SLOT_KINDS
from heapscope.analysis.slots.hazards.view import METHOD_KINDS, ClassView, finding, listed, mangle
from heapscope.analysis.slots.model import Finding, Verdict
from heapscope.analysis.slots.source_model import UseKind
from heapscope.snapshot.model import TypeInfo
from heapscope.units import clean_text
from heapscope.wire.protocol import DictState, Flag

ORIG_CLASS = "__orig_class__"
_IN_EVERY_CLASS = frozenset(
    {"__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__class__", "__slots__"}
)
MAX_DICTS = 1 << 16  # instances whose keys are looked at


def spelled(view: ClassView) -> Iterator[Finding]:
    """Names that cannot be slots, or are written in another way."""
    names = list(view.seen)
    odd = [name for name in names if not slot_names.is_slot_name(name)]
    if odd:
        text = f"attribute names that are no identifiers: {listed(odd)}"
        yield finding(Verdict.NO, "nonidentifier_key", text)
    elif _has_other_keys(view):
        yield finding(Verdict.NO, "nonidentifier_key", "a __dict__ of its instances has keys that are no text")
    dunder = [name for name in names if slot_names.is_dunder(name) and name != ORIG_CLASS]
    taken = [name for name in dunder if name in _IN_EVERY_CLASS or name in view.kinds(view.info)]
    if taken:
        yield finding(Verdict.NO, "dunder_name", f"attributes with reserved names: {listed(taken)}")
    elif dunder:
        yield finding(Verdict.CHECK, "dunder_name", f"attributes with reserved names: {listed(dunder)}")
    private = [name for name in names if any(slot_names.unmangle(name, info.name) != name for info in view.classes)]
    if private:
        text = f"private names are written in __slots__ as inside of the class: {listed(private)}"
        yield finding(Verdict.SAFE, "private_mangled", text)


def _has_other_keys(view: ClassView) -> bool:
    """Tell whether an instance's own dict has a key that is no text: such a dict has no key shape."""
    if view.evidence is None or DictState.COMBINED not in view.instances.states:
        return False
    snapshot, namespaces = view.evidence.snapshot, view.evidence.namespaces
    wanted = snapshot.type_index_by_address.get(view.info.address, -1)
    state = (snapshot.flags & Flag.DICT_STATE_MASK) >> Flag.DICT_STATE_SHIFT
    found = ((snapshot.type_index == wanted) & (state == DictState.COMBINED)).nonzero()[0][:MAX_DICTS]
    texts = [number for number, info in enumerate(snapshot.types) if info.name == "builtins.str"]
    for instance in found.tolist():
        for held in namespaces.references(instance)[-3:]:
            if namespaces.type_of(held).name != "builtins.dict" or int(snapshot.fingerprint[held]):
                continue
            count = max(0, int(snapshot.length[held]))
            if any(int(snapshot.type_index[key]) not in texts for key in namespaces.references(held)[:count]):
                return True
    return False


def clashes(view: ClassView) -> Iterator[Finding]:
    """Attributes of instances that a class of the hierarchy has too."""
    for name in [*view.gains_from, *view.unseen]:
        if slot_names.is_dunder(name):
            continue
        for info in view.classes:
            kind = view.kinds(info).get(name)
            if kind is not None and kind not in SLOT_KINDS:
                yield from _clash(view, info, name, kind)
                break
    yield from _defaults(view)


def _clash(view: ClassView, info: TypeInfo, name: str, kind: str) -> Iterator[Finding]:
    shown, owner = clean_text(name, 60), clean_text(info.name, 80)
    if kind == "property":
        if info is view.info or view.is_ours(info):
            text = f"{shown} is also a property of {owner}: rename one of them"
            yield finding(Verdict.FIXABLE, "property_same_name", text)
        else:
            text = f"{shown} is also a property of {owner}, which a slot would hide"
            yield finding(Verdict.CHECK, "property_same_name", text)
    elif kind in METHOD_KINDS:
        is_mocked = view.holds("unittest.mock.")
        text = f"{shown} is a {kind} of {owner}, which {view.seen.get(name, 0)} instances replace: slots cannot"
        yield finding(Verdict.CHECK, "mock_patch_instance" if is_mocked else "method_override", text)


def _plain_defaults(view: ClassView) -> Iterator[tuple[TypeInfo, str]]:
    """Find class attributes that are no descriptors and have the name of an attribute of instances."""
    for name in [*view.gains_from, *view.unseen]:
        if slot_names.is_dunder(name):
            continue
        for info in view.classes:
            kind = view.kinds(info).get(name)
            if kind is None or kind in SLOT_KINDS:
                continue
            value = view.value_type(info, name)
            is_descriptor = value is not None and value.is_heap and "__get__" in view.names_of_type(value)
            if kind not in METHOD_KINDS and kind not in ("property", "cached_property") and not is_descriptor:
                yield info, name
            break


def _defaults(view: ClassView) -> Iterator[Finding]:
    by_class: dict[int, list[str]] = {}
    classes = {info.address: info for info in view.classes}
    for info, name in _plain_defaults(view):
        by_class.setdefault(info.address, []).append(name)
    to_convert = {info.address for info in view.to_convert}
    for address, found in by_class.items():
        info = classes[address]
        if info is view.info and view.facts.is_dataclass:
            yield from _dataclass_defaults(view, found)
        elif address in to_convert:
            yield from _own_defaults(view, info, found)
        else:
            yield from _hidden_defaults(view, info, found)


def _dataclass_defaults(view: ClassView, found: list[str]) -> Iterator[Finding]:
    verb = "has a default" if len(found) == 1 else "have defaults"
    if view.version >= (3, 10):
        text = f"{listed(found)} {verb}: @dataclass(slots=True) allows that, __slots__ written by hand does not"
        yield finding(Verdict.SAFE, "dataclass_default_manual", text)
    else:
        text = f"{listed(found)} {verb}: before Python 3.10 a dataclass with defaults cannot have slots"
        yield finding(Verdict.NO, "dataclass_default_manual", text)


def _own_defaults(view: ClassView, info: TypeInfo, found: list[str]) -> Iterator[Finding]:
    hooked = _set_by_hooks(view, info, found)
    if hooked:
        text = f"{listed(hooked)} of {clean_text(info.name, 80)} may be set by a hook of a base class, over the slots"
        yield finding(Verdict.CHECK, "init_subclass_sets", text)
    rest = [name for name in found if name not in hooked]
    if not rest:
        return
    verb, them = ("has a default", "it") if len(rest) == 1 else ("have defaults", "them")
    owner = clean_text(info.name, 80)
    reads = _class_reads(view, info, rest)
    if view.evidence is not None and view.source(info) is None:
        text = f"{listed(rest)} {verb} in {owner}, and its source could not be read: code may rely on {them}"
        yield finding(Verdict.CHECK, "class_default", text)
    elif reads:
        text = f"{listed(rest)} {verb} in {owner}, and code reads {them} on the class"
        yield finding(Verdict.CHECK, "class_default", text, reads)
    else:
        text = f"{listed(rest)} {verb} in {owner}: set {them} in __init__ instead"
        yield finding(Verdict.FIXABLE, "class_default", text)


def _set_by_hooks(view: ClassView, info: TypeInfo, found: list[str]) -> list[str]:
    """Find class attributes that are not in the class statement, or may not be."""
    source = view.source(info)
    if source is not None:
        return [name for name in found if not _is_written(name, info, source.names)]
    has_hook = any("__init_subclass__" in view.kinds(one) for one in view.classes if one is not info)
    return found if has_hook else []


def _is_written(name: str, info: TypeInfo, names: frozenset[str]) -> bool:
    return name in names or any(mangle(one, info.name) == name for one in names)


def _class_reads(view: ClassView, info: TypeInfo, found: list[str]) -> list[Spot]:
    """Find places in the class's module that read a default on the class itself."""
    module = view.module(info)
    simple = info.name.rpartition(".")[2]
    qualname = info.name.removeprefix(f"{info.module}.").replace(".<locals>", "")
    result = []
    for use in module.uses if module is not None else ():
        if use.kind is UseKind.CLASS_ATTRIBUTE and use.name in found:
            on_name = use.other.rpartition(".")[2] == simple
            if on_name or (use.owner == qualname and use.other not in module.imports if module else False):
                result.append(spot_of(use, view.file(info)))
    return result


def _hidden_defaults(view: ClassView, info: TypeInfo, found: list[str]) -> Iterator[Finding]:
    shown = clean_text(info.name, 80)
    sure = [name for name in found if any(source.sets_always(name) for _, source in view.sources)]
    doubtful = [name for name in found if name not in sure]
    if sure:
        text = f"{listed(sure)} would hide a class attribute of {shown}; __init__ sets it"
        yield finding(Verdict.SAFE, "inherited_default", text)
    if doubtful:
        text = f"{listed(doubtful)} hides a class attribute of {shown}: unset, it would not be found"
        yield finding(Verdict.CHECK, "inherited_default", text)


def deletions(view: ClassView) -> Iterator[Finding]:
    """Attributes that code deletes."""
    spots = view.uses(UseKind.DELETE)
    if not spots:
        return
    defaults = {name for _, name in _plain_defaults(view)}
    deleted = {mangle(spot.use.name, view.info.name) for spot in spots if spot.use}
    lost = sorted(defaults & deleted)
    if lost:
        text = f"code deletes {listed(lost)} to uncover a class attribute, which a slot would hide"
        yield finding(Verdict.CHECK, "del_then_read_default", text, spots)
    elif deleted & {*view.seen, *view.unseen}:
        text = "code deletes attributes: a slot that is empty is as an attribute that is missing"
        yield finding(Verdict.SAFE, "reinit_double_del", text, spots)


FINDERS = (spelled, clashes, deletions)
