"""Class attributes that have a slot's name: a default that moves into ``__init__``.

A class attribute is what a read finds until the instance has a value, so the default is set before anything else in ``__init__``.
Never moves what somebody reads from the class itself, or what a subclass has another value for: refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import libcst as cst

from heapscope.analysis.patching.context import Context
from heapscope.analysis.patching.nodes import (
    Statement,
    append_methods,
    bound_names,
    first_parameter,
    insert_in_function,
    method_named,
    parse_lines,
    replace_statement,
    statements_of,
    with_statements,
    without_blanks_above,
)
from heapscope.analysis.patching.uses import class_reads, deleted_from_instance, names_in_class_scope

INIT = "__init__"


@dataclasses.dataclass(frozen=True, slots=True)
class Default:
    """One default: its expression, or the class attribute that holds it; the line, if its comments move along."""

    name: str
    value: cst.BaseExpression
    hidden: str = ""
    line: cst.SimpleStatementLine | None = None


def move_defaults(node: cst.ClassDef, names: Sequence[str], context: Context) -> tuple[cst.ClassDef, list[Default]]:
    """Take class attributes with these names out of the body, and give what they were.

    Raises:
        Refused: one is more than a default, or not written as one assignment.
    """
    bound = bound_names(node)
    wanted = [name for name in bound if name in names]
    for name in wanted:
        _check(name, bound[name], node, context)
    defaults: list[Default] = []
    for statement in statements_of(node):
        if isinstance(statement, cst.SimpleStatementLine):
            kept, taken = _split_line(statement, wanted, context)
            if taken:
                defaults += taken
                node = replace_statement(node, statement, kept)
    missing = set(wanted) - {default.name for default in defaults}
    if missing:
        raise context.refuse(f"the class attribute {min(missing)} is not a plain assignment")
    return node, defaults


def set_in_init(node: cst.ClassDef, defaults: Sequence[Default], context: Context) -> cst.ClassDef:
    """Set the defaults first of all in ``__init__``; one is made if there is none."""
    if not defaults:
        return node
    _check_subclasses(defaults, context)
    init = method_named(node, INIT)
    if init is None:
        node = append_first(node, _new_init(node, context), context)
        init = method_named(node, INIT)
    assert init is not None
    return _with_lines(node, init, defaults, context)


def set_in_setstate(node: cst.ClassDef, defaults: Sequence[Default], context: Context) -> cst.ClassDef:
    """Set the defaults before ``__setstate__`` runs: a pickle need not hold them."""
    method = method_named(node, "__setstate__") if defaults else None
    bare = [dataclasses.replace(default, line=None) for default in defaults]
    return node if method is None else _with_lines(node, method, bare, context)


def append_first(node: cst.ClassDef, text: str, context: Context) -> cst.ClassDef:
    """Put a method before the first other one."""
    statements = statements_of(node)
    positions = [index for index, each in enumerate(statements) if isinstance(each, cst.FunctionDef)]
    if not positions:
        return append_methods(node, text, context.tree)
    lone = append_methods(node, text, context.tree)
    *others, new = statements_of(lone)
    index = positions[0]
    return with_statements(lone, [*others[:index], new, *others[index:]])


def _with_lines(
    node: cst.ClassDef, method: cst.FunctionDef, defaults: Sequence[Default], context: Context
) -> cst.ClassDef:
    owner = first_parameter(method)
    if owner is None:
        raise context.refuse(f"{method.name.value} has no parameter for the instance", method)
    lines = [_assignment(default, owner, context) for default in defaults]
    edited = insert_in_function(method, lines)
    body = [each for each in statements_of(edited) if not _is_pass(each)]
    return replace_statement(node, method, [with_statements(edited, body)])


def _is_pass(statement: Statement) -> bool:
    return (
        isinstance(statement, cst.SimpleStatementLine)
        and isinstance(statement.body[0], cst.Pass)
        and statement.trailing_whitespace.comment is None
    )


def _assignment(default: Default, owner: str, context: Context) -> Statement:
    (made,) = parse_lines(context.assign(owner, default.name, "None") + "\n", context.tree)
    assert isinstance(made, cst.SimpleStatementLine)
    (small,) = made.body
    value = cst.Attribute(cst.Name(owner), cst.Name(default.hidden)) if default.hidden else default.value
    if isinstance(small, cst.Assign):
        new: cst.BaseSmallStatement = small.with_changes(value=value)
    else:
        assert isinstance(small, cst.Expr)
        assert isinstance(small.value, cst.Call)
        *first, last = small.value.args
        new = small.with_changes(value=small.value.with_changes(args=[*first, last.with_changes(value=value)]))
    if default.line is not None:
        return without_blanks_above(default.line.with_changes(body=[new]))
    return made.with_changes(body=[new])


def _split_line(
    line: cst.SimpleStatementLine, names: Sequence[str], context: Context
) -> tuple[list[Statement], list[Default]]:
    """Give what stays of a line, and the defaults in it."""
    kept: list[cst.BaseSmallStatement] = []
    taken: list[Default] = []
    for small in line.body:
        stays, found = _split_small(small, names, context)
        kept += stays
        taken += found
    if not taken:
        return [line], []
    if not kept and len(line.body) == 1:  # its comments move along
        return [], [dataclasses.replace(taken[0], line=line), *taken[1:]]
    if len(kept) < len(line.body):
        kept = [*kept[:-1], kept[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)] if kept else []
    return ([line.with_changes(body=kept)] if kept else []), taken


def _split_small(
    small: cst.BaseSmallStatement, names: Sequence[str], context: Context
) -> tuple[list[cst.BaseSmallStatement], list[Default]]:
    if isinstance(small, cst.AnnAssign) and isinstance(small.target, cst.Name) and small.value is not None:
        name = small.target.value
        if name in names:
            value = _movable(name, small.value, context)
            if value is not None:
                bare = small.with_changes(value=None, equal=cst.MaybeSentinel.DEFAULT)
                return [bare], [Default(name, value)]
            raise context.refuse(f"the annotated default of {name} is not a constant", small)
    if not isinstance(small, cst.Assign):
        return [small], []
    mine = [each for each in small.targets if isinstance(each.target, cst.Name) and each.target.value in names]
    if not mine:
        return [small], []
    targets = list(small.targets)
    taken = []
    for each in mine:
        assert isinstance(each.target, cst.Name)
        name = each.target.value
        value = _movable(name, small.value, context)
        if value is None:  # it is made once, in the body of the class, and stays there under another name
            hidden = context.free_name(f"_default_{name.lstrip('_')}", f"_class_default_{name.lstrip('_')}")
            targets[targets.index(each)] = each.with_changes(target=cst.Name(hidden))
            context.note(f"the default of {name} stays one object shared by all instances, as {hidden}", small)
            taken.append(Default(name, small.value, hidden))
        else:
            targets.remove(each)
            taken.append(Default(name, value))
    return ([small.with_changes(targets=targets)] if targets else []), taken


def _movable(name: str, value: cst.BaseExpression, context: Context) -> cst.BaseExpression | None:
    """Give the expression if its value is the same whenever it is evaluated."""
    if is_constant(value):
        return value
    if name not in context.change.moved_defaults:
        raise context.refuse(f"the class attribute {name} is no constant: is it a default?", value)
    return None


def is_constant(value: cst.BaseExpression) -> bool:
    """Tell whether an expression is a literal of an immutable value."""
    if isinstance(value, cst.Tuple):
        return all(isinstance(each, cst.Element) and is_constant(each.value) for each in value.elements)
    if isinstance(value, cst.UnaryOperation):
        return isinstance(value.expression, cst.BaseNumber)
    if isinstance(value, cst.ConcatenatedString):
        return is_constant(value.left) and is_constant(value.right)
    if isinstance(value, cst.Name):
        return value.value in ("None", "True", "False")
    return isinstance(value, cst.BaseNumber | cst.SimpleString | cst.Ellipsis)


def _check(name: str, binders: Sequence[cst.CSTNode], node: cst.ClassDef, context: Context) -> None:
    """Refuse a class attribute that is more than a default."""
    if any(isinstance(each, cst.FunctionDef) for each in binders):
        raise context.refuse(f"{name} is also a method or property of the class: rename one of them", binders[0])
    if len(binders) != 1 or not isinstance(binders[0], cst.Assign | cst.AnnAssign):
        raise context.refuse(f"the class attribute {name} is not set by one assignment", binders[-1])
    deleted = deleted_from_instance(node, name)
    if deleted is not None:
        raise context.refuse(f"{name} is deleted from the instance to read its default again", deleted)
    for use in names_in_class_scope(node, name):
        raise context.refuse(f"the class body reads its attribute {name}", use)
    read = class_reads(context, name)
    if read is not None:
        raise context.refuse(f"{name} is read from the class itself, not from an instance ({read})")
    for other in context.hierarchy.subclasses(context.located):
        if name in bound_names(other.place.node):
            raise context.refuse(f"the subclass {other.place.qualname} has a value of its own for {name}")


def _check_subclasses(defaults: Sequence[Default], context: Context) -> None:
    for other in context.hierarchy.subclasses(context.located):
        init = method_named(other.place.node, INIT)
        code = context.tree.code_for_node(init) if init is not None else ""
        if init is not None and f".{INIT}(" not in code:
            names = ", ".join(default.name for default in defaults)
            raise context.refuse(
                f"__init__ of {other.place.qualname} calls no other, and would miss the defaults ({names})"
            )
    if "__new__(" in context.tree.code_for_node(context.place.node):
        context.note("instances made by __new__ alone do not get the defaults that moved into __init__")


def _new_init(node: cst.ClassDef, context: Context) -> str:
    ancestors, unknown = context.hierarchy.ancestors(context.located)
    if unknown:
        raise context.refuse(f"it has no __init__ for the defaults, and its base {min(unknown)} is in another file")
    if any("__new__" in bound_names(each) for each in (node, *(base.place.node for base in ancestors))):
        raise context.refuse("it has no __init__ for the defaults, but a __new__")
    if any(INIT in bound_names(base.place.node) for base in ancestors):
        context.note("__init__ is new: it passes all arguments on to the base's")
        return "def __init__(self, *args, **kwargs):\n    super().__init__(*args, **kwargs)\n"
    return "def __init__(self):\n    pass\n"
