"""The ``__slots__`` of a class body: a new statement, or names added to the one that is there.

Never turns a ``__slots__`` that is computed into one that is not.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import cast

import libcst as cst

from heapscope.analysis.patching.model import Refused
from heapscope.analysis.patching.module import ClassPlace, Module
from heapscope.analysis.patching.nodes import (
    Statement,
    after_docstring,
    append_element,
    bound_names,
    is_docstring,
    leading_lines,
    move_comment,
    parse_lines,
    replace_statement,
    statements_of,
    with_blank_above,
    with_statements,
    without_blanks_above,
)

LINE_LENGTH = 88  # what black does unless told otherwise
_DICT = "__dict__"
_CLOSING = {cst.List: "rbracket", cst.Set: "rbrace", cst.Dict: "rbrace"}


def declared_slots(node: cst.ClassDef) -> tuple[str, ...] | None:
    """Give the names in the class's ``__slots__``; None if it has none.

    Raises:
        Refused: it is not written as texts in one statement of the class body.
    """
    found = _slots_statement(node)
    if found is None:
        return None
    value = found[1].value
    assert value is not None
    try:
        names = ast.literal_eval(cst.Module(body=[]).code_for_node(value))
    except (ValueError, SyntaxError) as error:
        raise Refused("its __slots__ is computed") from error
    names = (names,) if isinstance(names, str) else tuple(names)
    if not all(isinstance(name, str) for name in names):
        raise Refused("its __slots__ has other things than names")
    return names


def with_slots(node: cst.ClassDef, names: Sequence[str], module: Module, place: ClassPlace) -> cst.ClassDef:
    """Have the class declare the names, in their order; those that it declares already stay where they are."""
    declared = declared_slots(node)
    if declared is None:
        return _insert(node, names, module, place)
    missing = [name for name in names if name not in declared]
    dropped = _DICT in declared and _DICT not in names
    if not missing and not dropped:
        return node
    found = _slots_statement(node)
    assert found is not None
    line, statement = found
    value = statement.value
    assert value is not None
    if dropped or not isinstance(value, cst.Tuple | cst.List | cst.Set | cst.Dict) or not value.elements:
        kept = [name for name in declared if name != _DICT or not dropped]
        new = _value_of(_lines_for([*kept, *missing], module, column_of(place, module))[0])
    else:
        new = _extended(value, missing, module.quote)
    small = [each.with_changes(value=new) if each is statement else each for each in line.body]
    return replace_statement(node, line, [line.with_changes(body=small)])


def _slots_statement(node: cst.ClassDef) -> tuple[cst.SimpleStatementLine, cst.Assign | cst.AnnAssign] | None:
    if "__slots__" not in bound_names(node):
        return None
    found = [
        (line, small)
        for line in statements_of(node)
        if isinstance(line, cst.SimpleStatementLine)
        for small in line.body
        if _is_slots(small)
    ]
    if len(found) != 1 or len(bound_names(node)["__slots__"]) != 1:
        raise Refused("its __slots__ is not set by one statement of the class body")
    return cast("tuple[cst.SimpleStatementLine, cst.Assign | cst.AnnAssign]", found[0])


def _is_slots(small: cst.BaseSmallStatement) -> bool:
    if isinstance(small, cst.Assign):
        targets = [target.target for target in small.targets]
    elif isinstance(small, cst.AnnAssign) and small.value is not None:
        targets = [small.target]
    else:
        return False
    return len(targets) == 1 and isinstance(targets[0], cst.Name) and targets[0].value == "__slots__"


def _extended(value: cst.BaseExpression, names: Sequence[str], quote: str) -> cst.BaseExpression:
    elements: list[cst.BaseElement | cst.BaseDictElement] = list(value.elements)  # type: ignore[attr-defined]
    for name in names:
        text = cst.SimpleString(f"{quote}{name}{quote}")
        if isinstance(value, cst.Dict):
            elements = append_element(elements, cst.DictElement(text, cst.Name("None")))
        else:
            if len(elements) == 1 and isinstance(value, cst.Tuple) and _is_in_line(elements[0]):
                elements = [elements[0].with_changes(comma=cst.MaybeSentinel.DEFAULT)]  # of ("a",)
            elements = append_element(elements, cst.Element(text))
    return _with_comment_in_place(value.with_changes(elements=elements), len(elements) - len(names) - 1)


def _with_comment_in_place(value: cst.BaseExpression, last: int) -> cst.BaseExpression:
    """Keep the comment behind what was the last element there: the parser has it before the closing bracket."""
    if isinstance(value, cst.Tuple) and not value.rpar:
        return value
    comma = value.elements[last].comma  # type: ignore[attr-defined]
    closing = value.rpar[0] if isinstance(value, cst.Tuple) else getattr(value, _CLOSING[type(value)])
    space, comma = move_comment(closing.whitespace_before, comma)
    elements = list(value.elements)  # type: ignore[attr-defined]
    elements[last] = elements[last].with_changes(comma=comma)
    closing = closing.with_changes(whitespace_before=space)
    changed = {"rpar": [closing]} if isinstance(value, cst.Tuple) else {_CLOSING[type(value)]: closing}
    return value.with_changes(elements=elements, **changed)


def _is_in_line(element: cst.BaseElement | cst.BaseDictElement) -> bool:
    comma = element.comma
    return not isinstance(comma, cst.Comma) or isinstance(comma.whitespace_after, cst.SimpleWhitespace)


def _insert(node: cst.ClassDef, names: Sequence[str], module: Module, place: ClassPlace) -> cst.ClassDef:
    statements = statements_of(node)
    new = _lines_for(names, module, column_of(place, module))
    index = after_docstring(statements)
    rest = statements[index:]
    if len(rest) == 1 and _is_bare_pass(rest[0]):
        rest = []
    if index and not _follows_at_once(place.node):
        new = [with_blank_above(new[0])]
    if rest and not isinstance(rest[0], cst.SimpleStatementLine):
        rest[0] = with_blank_above(rest[0])
    elif rest and not is_docstring(rest[0]):
        rest[0] = _keep_distance(rest[0])
    return with_statements(node, [*statements[:index], *new, *rest])


def _keep_distance(statement: Statement) -> Statement:
    """Have comments above the next statement apart from the slots; a plain next line follows at once or as it did."""
    lines = leading_lines(statement)
    return with_blank_above(statement) if any(line.comment is not None for line in lines) else statement


def _follows_at_once(node: cst.ClassDef) -> bool:
    """Tell whether the file has code right below the docstring of this class."""
    below = statements_of(node)[after_docstring(statements_of(node)) :][:1]
    return any(isinstance(each, cst.SimpleStatementLine) and not leading_lines(each) for each in below)


def _is_bare_pass(statement: Statement) -> bool:
    return (
        isinstance(statement, cst.SimpleStatementLine)
        and len(statement.body) == 1
        and isinstance(statement.body[0], cst.Pass)
        and statement.trailing_whitespace.comment is None
        and without_blanks_above(statement).leading_lines == []
    )


def column_of(place: ClassPlace, module: Module) -> int:
    """Give the width of the indentation of a class's body."""
    body = place.node.body
    own = body.indent if isinstance(body, cst.IndentedBlock) else None
    return place.column + len(module.tree.default_indent if own is None else own)


def _lines_for(names: Sequence[str], module: Module, column: int) -> list[Statement]:
    """Write the statement as black does: one line if it fits behind the indentation, else one name per line."""
    quoted = [f"{module.quote}{name}{module.quote}" for name in names]
    text = f"__slots__ = ({quoted[0]},)" if len(quoted) == 1 else f"__slots__ = ({', '.join(quoted)})"
    if column + len(text) > LINE_LENGTH and quoted:
        text = "__slots__ = (\n" + "".join(f"    {name},\n" for name in quoted) + ")"
    return parse_lines(text + "\n", module.tree)


def _value_of(statement: Statement) -> cst.BaseExpression:
    assert isinstance(statement, cst.SimpleStatementLine)
    assert isinstance(statement.body[0], cst.Assign)
    return statement.body[0].value
