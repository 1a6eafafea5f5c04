"""Which names a class declares: those observed, spelled as in the class, and those that its methods set on nobody seen.

A path of the program that has not run yet must not fail, so what a method assigns to ``self`` gets a slot as well.
Never takes a name that a base class declares, or that is a property.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator

import libcst as cst

from heapscope.analysis.patching.context import DATACLASS, Context
from heapscope.analysis.patching.decorators import own_fields
from heapscope.analysis.patching.defaults import is_constant
from heapscope.analysis.patching.model import Refused
from heapscope.analysis.patching.nodes import bound_names, small_statements, statements_of
from heapscope.analysis.patching.slots_line import declared_slots
from heapscope.analysis.patching.uses import assigned_order
from heapscope.analysis.slots.names import is_dunder, is_slot_name, unmangle

_SPECIAL = ("__dict__", "__weakref__", "__orig_class__")


def slot_names(node: cst.ClassDef, context: Context) -> list[str]:
    """Give the names for ``__slots__`` as the class spells them, in the order in which its methods set them.

    Raises:
        Refused: a name cannot be a slot.
    """
    spelled = [unmangle(name, context.place.bare_name) for name in context.change.names]
    if "__orig_class__" in spelled:
        context.note("the type argument in __orig_class__ is lost")
    declared = [name for name in declared_slots(node) or () if name not in _SPECIAL]
    inherited = inherited_slots(context)
    names = [name for name in dict.fromkeys(spelled) if name not in _SPECIAL and name not in inherited]
    _check(names, context)
    names += [name for name in _unseen(node, context) if name not in (*names, *inherited)]
    order = [*_own_order(node, context), *names]
    return [*declared, *sorted((name for name in names if name not in declared), key=order.index)]


def inherited_slots(context: Context) -> set[str]:
    """Give the names that bases declare, with the change; private ones are each class's own."""
    found: set[str] = set()
    for base in context.ancestors():
        changed = context.changed.get(base.place)
        if changed is not None:
            found |= set(slot_names(base.place.node, changed))
        else:
            found |= set(_declared_or_none(base.place.node))
    return {name for name in found if not name.startswith("__")}


def _declared_or_none(node: cst.ClassDef) -> tuple[str, ...]:
    try:
        return declared_slots(node) or ()
    except Refused:
        return ()


def _check(names: list[str], context: Context) -> None:
    odd = [name for name in names if not is_slot_name(name) or keyword.iskeyword(name)]
    if odd:
        raise context.refuse(f"attribute names that are no identifiers: {', '.join(odd)}")
    reserved = [name for name in names if is_dunder(name)]
    if reserved:
        raise context.refuse(f"attributes with reserved names: {', '.join(reserved)}")


def _unseen(node: cst.ClassDef, context: Context) -> list[str]:
    observed = {unmangle(name, context.place.bare_name) for name in context.change.names}
    known = observed | inherited_slots(context) | set(_declared_or_none(node))
    ancestors, unknown = context.hierarchy.ancestors(context.located)
    nodes = [node, *(base.place.node for base in ancestors)]
    found = [name for name in assigned_order(node) if name not in known and not is_dunder(name)]
    found = [name for name in found if all(_may_be_slot(name, each, context) for each in nodes)]
    if not found:
        return []
    if unknown:
        where = f"unless its base {min(unknown)}, in another file, has a property for it"
        context.note(f"methods set {', '.join(found)}, which no instance has: add it to the slots, {where}")
        return []
    context.note(f"methods set {', '.join(found)}, which no instance has: a slot each, of 8 bytes")
    return found


def _may_be_slot(name: str, node: cst.ClassDef, context: Context) -> bool:
    """Tell whether setting a name on an instance needs a place: nothing in the class takes the assignment."""
    for binder in bound_names(node).get(name, []):
        if not isinstance(binder, cst.Assign | cst.AnnAssign):
            return False
        value = binder.value
        if value is not None and not is_constant(value) and not isinstance(value, cst.List | cst.Dict | cst.Set):
            context.note(f"methods set {name}, which no instance has, and the class has something of that name", binder)
            return False
    return True


def _own_order(node: cst.ClassDef, context: Context) -> Iterator[str]:
    """Give attributes in the order of the text: fields of a dataclass, then what methods set."""
    fields = own_fields(node, context) if context.decorated_by(DATACLASS, node) else set()
    for small in small_statements(statements_of(node)):
        if isinstance(small, cst.AnnAssign) and isinstance(small.target, cst.Name) and small.target.value in fields:
            yield small.target.value
    yield from assigned_order(node)
