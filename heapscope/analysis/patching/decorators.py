"""Classes that a decorator makes: ``@dataclass(slots=True)``, ``@attr.s(slots=True)``, and what they break.

Never touches a decorator that is not known by its import: one of another name may do anything.
"""

from __future__ import annotations

from typing import cast

import libcst as cst

from heapscope.analysis.patching.context import ATTRS_NEW, ATTRS_OLD, DATACLASS, Context
from heapscope.analysis.patching.nodes import (
    Statement,
    append_element,
    bound_names,
    first_parameter,
    small_statements,
    statements_of,
)
from heapscope.analysis.patching.uses import assigned_order
from heapscope.analysis.slots.names import unmangle

_NO_FIELDS = frozenset(
    {"ClassVar", "typing.ClassVar", "InitVar", "dataclasses.InitVar", "KW_ONLY", "dataclasses.KW_ONLY"}
)
_ATTRS_FIELDS = frozenset({"attr.ib", "attr.attrib", "attr.attr", "attr.field", "attrs.field"})
WEAKREF_SLOT = (3, 11)  # the first version of dataclass(weakref_slot=)
SAME_CLASS = (3, 14)  # from here on, dataclass(slots=True) mends super() in the class that it makes anew


def dataclass_slots(node: cst.ClassDef, context: Context) -> cst.ClassDef:
    """Add ``slots=True`` to the dataclass decorator.

    Raises:
        Refused: this would not do, or break the class.
    """
    change, version = context.change, context.options.version
    if "__slots__" in bound_names(node):
        raise context.refuse("a dataclass that declares __slots__ itself")
    if change.keeps_dict:
        raise context.refuse("some attributes must stay in a __dict__, which dataclass(slots=True) leaves out")
    if change.keeps_weakref and version < WEAKREF_SLOT:
        raise context.refuse("its instances are weakly referenced: dataclass(weakref_slot=True) needs Python 3.11")
    if change.cached_properties:
        raise context.refuse("a cached_property in a dataclass: its value would have to be a field")
    _check_fields(context)
    wanted = {"slots": "True"} | ({"weakref_slot": "True"} if change.keeps_weakref else {})
    edited = _with_arguments(node, context, DATACLASS, wanted)
    if any("__init_subclass__" in bound_names(base.place.node) for base in context.ancestors()):
        context.note("dataclass(slots=True) makes the class twice: __init_subclass__ of its base runs twice")
    return edited if version >= SAME_CLASS else _name_super(edited, context)


def attrs_slots(node: cst.ClassDef, context: Context) -> cst.ClassDef:
    """Add ``slots=True`` to an old decorator of attrs; the new ones have slots unless told otherwise.

    Raises:
        Refused: there is nothing to change, or attributes are set that are none of attrs.
    """
    if context.change.keeps_dict:
        raise context.refuse("some attributes must stay in a __dict__, which slots of attrs leave out")
    _check_fields(context)
    if context.decorated_by(ATTRS_OLD, node):
        return _with_arguments(node, context, ATTRS_OLD, {"slots": "True"})
    edited = _with_arguments(node, context, ATTRS_NEW, {"slots": "True"}, only_present=True)
    if edited is node:
        raise context.refuse("its decorator makes slots already")
    return edited


def own_fields(node: cst.ClassDef, context: Context) -> set[str]:
    """Give the names that a dataclass or attrs class makes fields of."""
    found = set()
    for small in small_statements(statements_of(node)):
        if isinstance(small, cst.AnnAssign) and isinstance(small.target, cst.Name):
            found |= set() if _is_no_field(small.annotation.annotation, context) else {small.target.value}
        elif isinstance(small, cst.Assign) and isinstance(small.value, cst.Call):
            made = context.module.meanings(small.value.func) & _ATTRS_FIELDS
            found |= {each.target.value for each in small.targets if made and isinstance(each.target, cst.Name)}
    return found


def _is_no_field(annotation: cst.BaseExpression, context: Context) -> bool:
    if isinstance(annotation, cst.SimpleString):
        text = str(annotation.evaluated_value)
        return any(text.startswith((name, f"{name}[")) for name in _NO_FIELDS)
    expression = annotation.value if isinstance(annotation, cst.Subscript) else annotation
    return bool(context.module.meanings(expression) & _NO_FIELDS) or (
        isinstance(expression, cst.Attribute) and expression.attr.value in _NO_FIELDS
    )


def _check_fields(context: Context) -> None:
    """Refuse attributes that are no fields: only fields become slots."""
    ancestors, unknown = context.hierarchy.ancestors(context.located)
    node = context.place.node
    fields = own_fields(node, context).union(*(own_fields(base.place.node, context) for base in ancestors))
    names = [unmangle(name, context.place.bare_name) for name in context.change.names]
    bound = {name for each in (node, *(base.place.node for base in ancestors)) for name in bound_names(each)}
    names += [name for name in assigned_order(node) if name not in names and name not in bound]
    extra = [name for name in names if name not in fields and not (name.startswith("__") and name.endswith("__"))]
    if extra and unknown:
        context.note(f"{', '.join(extra)}: must be fields of {', '.join(sorted(unknown))}, which is in another file")
    elif extra:
        raise context.refuse(f"{', '.join(extra)}: set on instances, but no field; only fields get slots")


def _with_arguments(
    node: cst.ClassDef, context: Context, kinds: frozenset[str], wanted: dict[str, str], *, only_present: bool = False
) -> cst.ClassDef:
    decorators = []
    for decorator in node.decorators:
        expression = decorator.decorator
        call = expression if isinstance(expression, cst.Call) else cst.Call(expression)
        if context.module.meanings(call.func) & kinds:
            edited = _call_with(call, context, wanted, only_present=only_present)
            decorators.append(decorator if edited is call else decorator.with_changes(decorator=edited))
        else:
            decorators.append(decorator)
    if not context.decorated_by(kinds, node):
        raise context.refuse("its decorator is not known by its import", node)
    same = all(old is new for old, new in zip(node.decorators, decorators, strict=True))
    return node if same else node.with_changes(decorators=decorators)


def _call_with(call: cst.Call, context: Context, wanted: dict[str, str], *, only_present: bool) -> cst.Call:
    args = list(call.args)
    if any(argument.star == "**" for argument in args):
        raise context.refuse("the arguments of its decorator are computed", call)
    changed = False
    for keyword, value in wanted.items():
        present = [
            index for index, each in enumerate(args) if each.keyword is not None and each.keyword.value == keyword
        ]
        if present:
            old = args[present[0]].value
            if not isinstance(old, cst.Name) or old.value not in ("True", "False"):
                raise context.refuse(f"{keyword}= of its decorator is computed", call)
            changed = changed or old.value != value
            args[present[0]] = args[present[0]].with_changes(value=cst.Name(value))
        elif not only_present:
            changed = True
            tight = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
            args = append_element(args, cst.Arg(cst.Name(value), keyword=cst.Name(keyword), equal=tight))
    if not changed and not only_present:
        raise context.refuse("its decorator makes slots already", call)
    return call.with_changes(args=args) if changed else call


def _name_super(node: cst.ClassDef, context: Context) -> cst.ClassDef:
    """Give each ``super()`` its arguments: the class that it would find is not the one that the decorator makes."""
    statements: list[Statement] = []
    for statement in statements_of(node):
        if isinstance(statement, cst.FunctionDef):
            naming = _SuperNamer(context, first_parameter(statement))
            edited = statement.visit(naming)
            statements.append(cast("Statement", edited) if naming.count else statement)
        else:
            statements.append(statement)
    if all(old is new for old, new in zip(statements_of(node), statements, strict=True)):
        return node
    context.note("super() names the class: dataclass(slots=True) makes a new one before Python 3.14")
    return node.with_changes(body=node.body.with_changes(body=statements))


class _SuperNamer(cst.CSTTransformer):
    def __init__(self, context: Context, owner: str | None) -> None:
        super().__init__()
        self.count = 0
        self._context = context
        self._owner = owner
        self._depth = 0
        self._behind_dot = False

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._depth += 1

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        self._depth -= 1
        return updated_node

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        return False

    def visit_Name(self, node: cst.Name) -> None:
        if node.value == "__class__" and not self._behind_dot:
            raise self._context.refuse("a method uses __class__: dataclass(slots=True) makes another class", node)

    def visit_Attribute_attr(self, node: cst.Attribute) -> None:
        self._behind_dot = True  # self.__class__ is right

    def leave_Attribute_attr(self, node: cst.Attribute) -> None:
        self._behind_dot = False

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if not isinstance(original_node.func, cst.Name) or original_node.func.value != "super" or original_node.args:
            return updated_node
        if self._owner is None or self._depth != 1:
            raise self._context.refuse("super() where the instance is not at hand", original_node)
        self.count += 1
        spelled = cst.parse_expression(self._context.place.spelled)
        return updated_node.with_changes(args=[cst.Arg(spelled), cst.Arg(cst.Name(self._owner))])
