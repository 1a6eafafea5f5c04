"""The change of one class statement, from first to last. The order matters: uses of ``__dict__`` first, the line last.

Never edits a class that it is not sure about: it raises Refused, with the reason.
"""

from __future__ import annotations

import libcst as cst

from heapscope.analysis.patching.cached import cached_names, make_slot_aware
from heapscope.analysis.patching.context import ATTRS_NEW, ATTRS_OLD, DATACLASS, Context
from heapscope.analysis.patching.decorators import attrs_slots, dataclass_slots, own_fields
from heapscope.analysis.patching.defaults import move_defaults, set_in_init, set_in_setstate
from heapscope.analysis.patching.dict_uses import STATE_METHODS, rewrite_dict_uses
from heapscope.analysis.patching.nodes import bound_names, decorator_expressions
from heapscope.analysis.patching.slot_names import inherited_slots, slot_names
from heapscope.analysis.patching.slots_line import with_slots
from heapscope.analysis.patching.state import add_state_methods
from heapscope.analysis.slots.model import ChangeKind

DATACLASS_SLOTS = (3, 10)  # the first version of dataclass(slots=)
_METACLASSES = frozenset({"abc.ABCMeta", "type"})
_NO_SLOTS_BASES = {
    **dict.fromkeys(("Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"), "an Enum: its members are few"),
    **dict.fromkeys(("NamedTuple", "TypedDict"), "it has no instance dict: it is a tuple or a dict"),
}
_WITH_ITEMS = frozenset({"int", "tuple", "bytes", "type"})


def edit_class(node: cst.ClassDef, context: Context) -> cst.ClassDef:
    """Give the class statement as it must be.

    Raises:
        Refused: the right change is not certain.
    """
    _check_statement(node, context)
    kind, version = context.change.kind, context.options.version
    if kind is ChangeKind.ATTRS:
        return attrs_slots(node, context)
    by_decorator = kind is ChangeKind.DATACLASS and version >= DATACLASS_SLOTS
    if by_decorator:
        edited, uses = rewrite_dict_uses(node, (), context)
        edited = dataclass_slots(edited, context)
        return add_state_methods(edited, uses, context, has_defaults=False)
    if context.decorated_by(ATTRS_OLD | ATTRS_NEW, node):
        raise context.refuse("its decorator makes the class: change the decorator")
    return _edit_by_hand(node, context)


def _edit_by_hand(node: cst.ClassDef, context: Context) -> cst.ClassDef:
    names = slot_names(node, context)
    edited, uses = rewrite_dict_uses(node, names, context)
    bound = bound_names(edited)
    cached = cached_names(edited, context)
    restores = context.options.old_pickles or any(name in STATE_METHODS for name in (*uses.methods, *bound))
    extra = []
    for name in cached:
        edited, slot = make_slot_aware(edited, name, context, settable=restores)
        extra.append(slot)
    names = [name for name in names if name not in cached]
    inherited = inherited_slots(context)
    if context.decorated_by(DATACLASS, node):
        _check_dataclass(edited, context)
    edited, defaults = move_defaults(edited, [*names, *inherited], context)
    edited = set_in_init(edited, defaults, context)
    special = [("__weakref__", context.change.keeps_weakref), ("__dict__", context.change.keeps_dict)]
    wanted = [*names, *extra, *(name for name, kept in special if kept)]
    edited = with_slots(edited, wanted, context.module, context.place)
    edited = add_state_methods(edited, uses, context, has_defaults=bool(defaults))
    return set_in_setstate(edited, defaults, context)


def _check_statement(node: cst.ClassDef, context: Context) -> None:
    for argument in node.keywords:
        name = argument.keyword.value if argument.keyword is not None else "**"
        if name == "**" or (name == "metaclass" and not context.module.meanings(argument.value) & _METACLASSES):
            raise context.refuse("its metaclass may reject or rewrite __slots__", node)
    for expression in decorator_expressions(node):
        if any(meaning.endswith("add_metaclass") for meaning in context.module.meanings(expression)):
            raise context.refuse("its metaclass may reject or rewrite __slots__", node)
    for base in node.bases:
        last = base.value.attr if isinstance(base.value, cst.Attribute) else base.value
        name = last.value if isinstance(last, cst.Name) else ""
        if name in _NO_SLOTS_BASES:
            raise context.refuse(_NO_SLOTS_BASES[name], node)
        if base.star:
            raise context.refuse("its bases are computed", node)
        if name in _WITH_ITEMS and context.change.names and context.module.meanings(last) == {name}:
            raise context.refuse(f"a subclass of {name} cannot have named slots", node)


def _check_dataclass(node: cst.ClassDef, context: Context) -> None:
    bound = bound_names(node)
    with_default = sorted(name for name in own_fields(node, context) if name in bound)
    if with_default:
        raise context.refuse(
            f"fields with a default ({', '.join(with_default)}): __slots__ written by hand conflicts; "
            "dataclass(slots=True) needs Python 3.10"
        )
