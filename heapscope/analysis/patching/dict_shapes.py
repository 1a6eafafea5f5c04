"""Shapes of code around ``__dict__``: what is read from whom, what is written, and its counterpart over slots.

Never looks beyond one statement of one method.
"""

from __future__ import annotations

import libcst as cst


class Names(cst.CSTVisitor):
    """Collects every name in a function."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def visit_Name(self, node: cst.Name) -> None:
        self.found.add(node.value)


class MadeObjects(cst.CSTVisitor):
    """Finds whether a name holds an instance made by ``__new__`` or by a call of the class."""

    def __init__(self, name: str, class_name: str) -> None:
        super().__init__()
        self.made = False
        self.is_empty = True
        self._name = name
        self._class = class_name

    def visit_Assign(self, node: cst.Assign) -> None:
        targets = [each.target.value for each in node.targets if isinstance(each.target, cst.Name)]
        if self._name in targets and isinstance(node.value, cst.Call):
            function = node.value.func
            by_new = isinstance(function, cst.Attribute) and function.attr.value == "__new__"
            by_call = is_class(function) or (isinstance(function, cst.Name) and function.value == self._class)
            self.made = self.made or by_new or by_call
            self.is_empty = self.is_empty and by_new


def dict_owner(node: cst.CSTNode) -> cst.BaseExpression | None:
    """Give X of ``X.__dict__`` or ``vars(X)``."""
    if isinstance(node, cst.Attribute) and node.attr.value == "__dict__":
        return node.value
    if (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Name)
        and node.func.value == "vars"
        and len(node.args) == 1
    ):
        return node.args[0].value
    return None


def is_class(node: cst.BaseExpression) -> bool:
    """``type(x)``, ``x.__class__``, ``super()``, ``cls``."""
    if isinstance(node, cst.Call):
        return isinstance(node.func, cst.Name) and node.func.value in ("type", "super")
    if isinstance(node, cst.Attribute):
        return node.attr.value == "__class__"
    return isinstance(node, cst.Name) and node.value == "cls"


def is_dict_of(node: cst.BaseExpression, owner: str) -> bool:
    """Tell whether an expression is the ``__dict__`` of a name."""
    receiver = dict_owner(node)
    return isinstance(receiver, cst.Name) and receiver.value == owner


def is_update(call: cst.BaseExpression, use: cst.CSTNode) -> bool:
    """Tell whether a call is ``X.__dict__.update(...)`` of that use."""
    if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute) or call.func.attr.value != "update":
        return False
    return call.func.value is use and bool(call.args)


def target_of(node: cst.CSTNode) -> cst.CSTNode | None:
    """Give what is assigned or deleted."""
    return node.target if isinstance(node, cst.AssignTarget | cst.Del | cst.AugAssign) else None


def constant_key(target: cst.BaseExpression, use: cst.CSTNode) -> str | None:
    """Give the text that a ``__dict__`` is subscripted with."""
    if not isinstance(target, cst.Subscript) or target.value is not use or len(target.slice) != 1:
        return None
    index = target.slice[0].slice
    text = (
        index.value.evaluated_value
        if isinstance(index, cst.Index) and isinstance(index.value, cst.SimpleString)
        else None
    )
    return text if isinstance(text, str) else None


def set_slot(line: cst.CSTNode, owner: str, name: str) -> cst.CSTNode:
    """Set a slot where ``__dict__`` was written past ``__setattr__``."""
    assert isinstance(line, cst.SimpleStatementLine)
    assert isinstance(line.body[0], cst.Assign)
    call = cst.parse_expression(f'object.__setattr__({owner}, "{name}", None)')
    assert isinstance(call, cst.Call)
    *first, last = call.args
    call = call.with_changes(args=[*first, last.with_changes(value=line.body[0].value)])
    return line.with_changes(body=[cst.Expr(call)])


def items_of(small: cst.BaseSmallStatement) -> cst.BaseExpression:
    """Give ``state.items()`` for an update by, or an assignment of, ``state``."""
    if isinstance(small, cst.Assign):
        source = small.value
    else:
        assert isinstance(small, cst.Expr)
        assert isinstance(small.value, cst.Call)
        args = small.value.args
        plain = len(args) == 1 and args[0].keyword is None and not args[0].star and _is_mapping(args[0].value)
        source = args[0].value if plain else cst.Call(cst.Name("dict"), args=args)
    if not isinstance(source, cst.Name | cst.Attribute | cst.Call | cst.Dict | cst.Subscript):
        source = cst.Call(cst.Name("dict"), args=[cst.Arg(source)])
    return cst.Call(cst.Attribute(source, cst.Name("items")))


def _is_mapping(node: cst.BaseExpression) -> bool:
    """Tell whether an argument of update is a dict for sure, or the state that a pickle hands over."""
    if isinstance(node, cst.Name):
        return node.value in ("state", "kwargs", "kw", "kwds")
    return isinstance(node, cst.Dict) or (isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute))
