"""``functools.cached_property`` in a class without a ``__dict__``: a property that keeps its value in a slot.

Never replaces another decorator of that name: some frameworks have their own.
"""

from __future__ import annotations

from typing import cast

import libcst as cst

from heapscope.analysis.patching.context import Context
from heapscope.analysis.patching.nodes import (
    Statement,
    bound_names,
    functions_named,
    is_docstring,
    parse_lines,
    replace_statement,
    statements_of,
    with_blank_above,
    with_statements,
)
from heapscope.analysis.patching.uses import assigned_attributes

CACHED_PROPERTY = "functools.cached_property"


def cached_names(node: cst.ClassDef, context: Context) -> list[str]:
    """Give the names of the cached properties in the class, those that the change names and those that the text shows.

    Raises:
        Refused: one is not the one of functools, or not made by a decorator alone.
    """
    names = [name for name in context.change.cached_properties if name in bound_names(node)]
    for statement in statements_of(node):
        if (
            isinstance(statement, cst.FunctionDef)
            and statement.name.value not in names
            and _is_cached(statement, context)
        ):
            names.append(statement.name.value)
    for name in names:
        functions = functions_named(node, name)
        if len(functions) != 1 or len(bound_names(node)[name]) != 1 or not _is_cached(functions[0], context):
            raise context.refuse(f"the cached property {name} is not made by functools.cached_property alone")
    return names


def _is_cached(function: cst.FunctionDef, context: Context) -> bool:
    return (
        len(function.decorators) == 1
        and CACHED_PROPERTY in context.module.meanings(function.decorators[0].decorator)
        and function.asynchronous is None
    )


def make_slot_aware(node: cst.ClassDef, name: str, context: Context, *, settable: bool) -> tuple[cst.ClassDef, str]:
    """Turn one cached property into a plain one; also gives the name of the slot that keeps the value.

    What computed it becomes a private method, its text unchanged. ``settable`` adds a setter, which old pickles need.
    """
    (function,) = functions_named(node, name)
    bare = name.lstrip("_")
    slot = context.free_name(f"_{bare}", f"_cached_{bare}", f"_{bare}_value")
    compute = context.free_name(f"__compute_{bare}", f"__compute_value_of_{bare}")
    statements: list[Statement] = _property(function, slot, compute, context)
    settable = settable or assigned_attributes(context, name)
    if settable:  # a cached property can be assigned to and deleted: so can this one
        assigned = context.assign("self", slot, "value")
        deleted = f'object.__delattr__(self, "{slot}")' if assigned.startswith("object.") else f"del self.{slot}"
        text = (
            f"@{name}.setter\ndef {name}(self, value):\n    {assigned}\n\n"
            f"@{name}.deleter\ndef {name}(self):\n    {deleted}\n"
        )
        statements += [with_blank_above(each) for each in parse_lines(text, context.tree)]
    private = function.with_changes(name=cst.Name(compute), decorators=[], leading_lines=[], lines_after_decorators=[])
    body = statements_of(function)
    private = with_statements(private, body[1:] if is_docstring(body[0]) and len(body) > 1 else body)
    statements.append(with_blank_above(private))
    return replace_statement(node, function, statements), slot


def _property(function: cst.FunctionDef, slot: str, compute: str, context: Context) -> list[Statement]:
    owner = "self"
    found = f"self.{slot}"
    if "__getattr__" in {name for node in _owners(context) for name in bound_names(node)}:
        found = f'object.__getattribute__(self, "{slot}")'  # an empty slot would ask __getattr__
    text = (
        f"@property\ndef {function.name.value}({owner}):\n"
        f"    try:\n        return {found}\n    except AttributeError:\n        pass\n"
        f"    value = self.{compute}()\n    {context.assign('self', slot, 'value')}\n    return value\n"
    )
    (made,) = parse_lines(text, context.tree)
    assert isinstance(made, cst.FunctionDef)
    body = statements_of(function)
    if is_docstring(body[0]):
        made = with_statements(made, [body[0], *statements_of(made)])
    decorator = function.decorators[0].with_changes(decorator=cst.Name("property"))
    made = made.with_changes(
        decorators=[decorator],
        leading_lines=function.leading_lines,
        lines_after_decorators=function.lines_after_decorators,
        returns=function.returns,
    )
    return [cast("Statement", made)]


def _owners(context: Context) -> list[cst.ClassDef]:
    return [context.place.node, *(base.place.node for base in context.ancestors())]
