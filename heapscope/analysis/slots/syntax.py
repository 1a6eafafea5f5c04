"""Small questions to syntax trees: how a name is spelled, what is assigned to, what a class statement says.

Never looks inside of functions but for what ``__reduce__`` returns. No I/O.
"""

from __future__ import annotations

import ast

from heapscope.analysis.slots.source_model import ClassSource, Decorator


def targets(node: ast.AST) -> list[ast.expr]:
    """List what a statement assigns to, tuples taken apart."""
    found: list[ast.expr] = list(getattr(node, "targets", []))
    for name in ("target", "optional_vars"):
        target = getattr(node, name, None)
        if target is not None:
            found.append(target)
    result: list[ast.expr] = []
    while found:
        target = found.pop(0)
        if isinstance(target, (ast.Tuple, ast.List)):
            found.extend(target.elts)
        else:
            result.append(target.value if isinstance(target, ast.Starred) else target)
    return result


def name_of(node: ast.AST | None) -> str:
    """Spell a dotted name; the called one of a call; "" for anything else."""
    if isinstance(node, ast.Call):
        node = node.func
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    elif not parts:
        return ""
    return ".".join(reversed(parts))


def is_dict(node: ast.AST | None) -> bool:
    """Whether an expression is the ``__dict__`` of something."""
    if isinstance(node, ast.Call):
        return name_of(node) == "vars" and len(node.args) == 1
    return isinstance(node, ast.Attribute) and node.attr == "__dict__"


def owner_of_dict(node: ast.expr) -> ast.expr:
    """Give the object in ``object.__dict__`` or ``vars(object)``."""
    if isinstance(node, ast.Call):
        return node.args[0]
    assert isinstance(node, ast.Attribute)
    return node.value


def text(node: ast.Call, position: int) -> str:
    """Give a constant text among the arguments of a call; "" where there is none."""
    value = node.args[position] if len(node.args) > position else None
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def protocol(node: ast.Call, position: int) -> object:
    """Give the constant protocol number of a call that pickles; None where there is none."""
    named = [keyword.value for keyword in node.keywords if keyword.arg == "protocol"]
    value = named[0] if named else (node.args[position] if len(node.args) > position else None)
    return value.value if isinstance(value, ast.Constant) and not isinstance(value.value, bool) else None


def class_source(node: ast.ClassDef, qualname: str) -> ClassSource:
    """Describe a class statement; uses in its methods are added by the reader."""
    annotations = [
        one.target.id for one in node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    ]
    names: set[str] = set()
    slots: tuple[str, ...] | None = None
    for statement in node.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(statement.name)
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
            bound = [target.id for target in targets(statement) if isinstance(target, ast.Name)]
            names.update(bound)
            if "__slots__" in bound:
                slots = _slot_names(statement.value)
    functions = [one for one in node.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))]
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    return ClassSource(
        qualname=qualname,
        line=first,
        end_line=node.end_lineno or first,
        bases=tuple(ast.unparse(base) for base in node.bases),
        decorators=tuple(_decorator(one) for one in node.decorator_list),
        annotations=tuple(annotations),
        names=frozenset(names),
        methods=tuple(one.name for one in functions),
        slots=slots,
        supers=(),
        reduces={one.name: _longest_tuple(one) for one in functions if one.name in ("__reduce__", "__reduce_ex__")},
        uses=(),
    )


def _slot_names(value: ast.expr) -> tuple[str, ...]:
    if isinstance(value, ast.Constant):
        return (value.value,) if isinstance(value.value, str) else ()
    items = value.elts if isinstance(value, (ast.Tuple, ast.List, ast.Set)) else []
    return tuple(one.value for one in items if isinstance(one, ast.Constant) and isinstance(one.value, str))


def _decorator(node: ast.expr) -> Decorator:
    keywords = node.keywords if isinstance(node, ast.Call) else []
    return Decorator(name_of(node), {one.arg: ast.unparse(one.value) for one in keywords if one.arg})


def _longest_tuple(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lengths = []
    for node in ast.walk(function):
        if isinstance(node, ast.Return):
            value = node.value
            known = isinstance(value, ast.Tuple) and not any(isinstance(one, ast.Starred) for one in value.elts)
            lengths.append(len(value.elts) if known and isinstance(value, ast.Tuple) else 0)
    return 0 if not lengths or 0 in lengths else max(lengths)
