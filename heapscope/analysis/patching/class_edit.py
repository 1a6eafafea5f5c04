"""The change of one class statement, from first to last. The order matters: uses of ``__dict__`` first, the line last.

Never edits a class that it is not sure about: it raises Refused, with the reason.
"""

from __future__ import annotations

import keyword

import libcst as cst

from heapscope.analysis.patching.cached import cached_names, make_slot_aware
from heapscope.analysis.patching.context import ATTRS_NEW, ATTRS_OLD, DATACLASS, Context
from heapscope.analysis.patching.decorators import attrs_slots, dataclass_slots, own_fields
from heapscope.analysis.patching.defaults import move_defaults, set_in_init, set_in_setstate
from heapscope.analysis.patching.dict_uses import STATE_METHODS, rewrite_dict_uses
from heapscope.analysis.patching.nodes import bound_names, small_statements, statements_of
from heapscope.analysis.patching.slots_line import declared_slots, with_slots
from heapscope.analysis.patching.state import add_state_methods
from heapscope.analysis.patching.uses import assigned_order
from heapscope.analysis.slots.model import ChangeKind
from heapscope.analysis.slots.names import is_dunder, is_slot_name, unmangle

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
    names = _slot_names(node, context)
    edited, uses = rewrite_dict_uses(node, names, context)
    bound = bound_names(edited)
    cached = cached_names(edited, context)
    restores = context.options.old_pickles or any(name in STATE_METHODS for name in (*uses.methods, *bound))
    extra = []
    for name in cached:
        edited, slot = make_slot_aware(edited, name, context, settable=restores)
        extra.append(slot)
    names = [name for name in names if name not in cached]
    if context.decorated_by(DATACLASS, node):
        _check_dataclass(edited, context)
    edited, defaults = move_defaults(edited, names, context)
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
    for base in node.bases:
        last = base.value.attr if isinstance(base.value, cst.Attribute) else base.value
        name = last.value if isinstance(last, cst.Name) else ""
        if name in _NO_SLOTS_BASES:
            raise context.refuse(_NO_SLOTS_BASES[name], node)
        if base.star:
            raise context.refuse("its bases are computed", node)
        if name in _WITH_ITEMS and context.change.names and context.module.meanings(last) == {name}:
            raise context.refuse(f"a subclass of {name} cannot have named slots", node)


def _slot_names(node: cst.ClassDef, context: Context) -> list[str]:
    """Give the names for ``__slots__`` as the class spells them, in the order in which its methods set them."""
    spelled = [unmangle(name, context.place.bare_name) for name in context.change.names]
    names = list(dict.fromkeys(name for name in spelled if name not in ("__dict__", "__weakref__", "__orig_class__")))
    if "__orig_class__" in spelled:
        context.note("the type argument in __orig_class__ is lost")
    odd = [name for name in names if not is_slot_name(name) or keyword.iskeyword(name)]
    if odd:
        raise context.refuse(f"attribute names that are no identifiers: {', '.join(odd)}")
    reserved = [name for name in names if is_dunder(name)]
    if reserved:
        raise context.refuse(f"attributes with reserved names: {', '.join(reserved)}")
    declared = declared_slots(node) or ()
    order = [*own_order(node, context), *names]
    names = sorted(names, key=order.index)
    return [
        *(name for name in declared if name not in ("__dict__", "__weakref__")),
        *(n for n in names if n not in declared),
    ]


def own_order(node: cst.ClassDef, context: Context) -> list[str]:
    """Give attributes in the order of the text: fields of a dataclass, then what methods set."""
    fields = own_fields(node, context) if context.decorated_by(DATACLASS, node) else set()
    annotated = [name for name in _annotated(node) if name in fields]
    return [*annotated, *assigned_order(node)]


def _annotated(node: cst.ClassDef) -> list[str]:
    smalls = small_statements(statements_of(node))
    targets = [small.target for small in smalls if isinstance(small, cst.AnnAssign)]
    return [target.value for target in targets if isinstance(target, cst.Name)]


def _check_dataclass(node: cst.ClassDef, context: Context) -> None:
    bound = bound_names(node)
    with_default = sorted(name for name in own_fields(node, context) if name in bound)
    if with_default:
        raise context.refuse(
            f"fields with a default ({', '.join(with_default)}): __slots__ written by hand conflicts; "
            "dataclass(slots=True) needs Python 3.10"
        )
