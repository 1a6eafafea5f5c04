"""Small operations on statements of a class body that keep comments and blank lines where they belong.

Never decides what a class should say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar, cast

import libcst as cst

from heapscope.analysis.patching.model import Refused

Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement
Node = TypeVar("Node", cst.ClassDef, cst.FunctionDef)
Item = TypeVar("Item", bound=cst.BaseElement | cst.Arg | cst.BaseDictElement)
_BLANK = cst.EmptyLine(indent=False)


def parse_lines(text: str, tree: cst.Module) -> list[Statement]:
    """Parse statements that are written with four spaces, for a file that may indent otherwise; blank lines between are left out."""
    parsed = cst.parse_module(text.replace("    ", tree.default_indent))
    return [without_blanks_above(statement) for statement in parsed.body]


def block_of(suite: cst.BaseSuite) -> cst.IndentedBlock:
    """Give a body as an indented block, also where it stands behind the colon."""
    if isinstance(suite, cst.IndentedBlock):
        return suite
    assert isinstance(suite, cst.SimpleStatementSuite)
    line = cst.SimpleStatementLine(body=suite.body, trailing_whitespace=suite.trailing_whitespace)
    return cst.IndentedBlock(body=[line])


def statements_of(node: cst.ClassDef | cst.FunctionDef) -> list[Statement]:
    """Give the statements of a body."""
    return list(cast("Sequence[Statement]", block_of(node.body).body))


def with_statements(node: Node, statements: Sequence[Statement]) -> Node:
    """Give the same class or function with other statements; never an empty body."""
    body = list(statements) or [cst.SimpleStatementLine(body=[cst.Pass()])]
    return node.with_changes(body=block_of(node.body).with_changes(body=body))


def is_docstring(statement: cst.CSTNode) -> bool:
    """Tell whether a first statement is a docstring."""
    if not isinstance(statement, cst.SimpleStatementLine) or not isinstance(statement.body[0], cst.Expr):
        return False
    value = statement.body[0].value
    while isinstance(value, cst.ConcatenatedString):
        value = value.left
    return isinstance(value, cst.SimpleString) and "b" not in value.prefix.lower()


def after_docstring(statements: Sequence[Statement]) -> int:
    """Give the index at which code of a body begins."""
    return 1 if statements and is_docstring(statements[0]) else 0


def leading_lines(statement: Statement) -> Sequence[cst.EmptyLine]:
    """Give the blank lines and comments above a statement."""
    return statement.leading_lines


def with_blank_above(statement: Statement) -> Statement:
    """Have a blank line above a statement and its comments."""
    lines = leading_lines(statement)
    if lines and lines[0].comment is None:
        return statement
    return statement.with_changes(leading_lines=[_BLANK, *lines])


def without_blanks_above(statement: Statement) -> Statement:
    """Take the blank lines above a statement away; comments stay."""
    lines = [line for line in leading_lines(statement) if line.comment is not None]
    return statement.with_changes(leading_lines=lines)


def small_statements(statements: Sequence[Statement]) -> Iterator[cst.BaseSmallStatement]:
    """Yield the simple statements that stand directly in a body."""
    for statement in statements:
        if isinstance(statement, cst.SimpleStatementLine):
            yield from statement.body


def functions_named(node: cst.ClassDef, name: str) -> list[cst.FunctionDef]:
    """Give the functions of that name that stand directly in a class body."""
    found = [statement for statement in statements_of(node) if isinstance(statement, cst.FunctionDef)]
    return [function for function in found if function.name.value == name]


def first_parameter(function: cst.FunctionDef) -> str | None:
    """Give the name of the first positional parameter."""
    for parameter in (*function.params.posonly_params, *function.params.params):
        return parameter.name.value
    return None


def decorator_expressions(node: cst.ClassDef | cst.FunctionDef) -> list[cst.BaseExpression]:
    """Give what stands behind each ``@``, without the call."""
    expressions = [decorator.decorator for decorator in node.decorators]
    return [value.func if isinstance(value, cst.Call) else value for value in expressions]


def replace_statement(node: cst.ClassDef, old: Statement, new: Sequence[Statement]) -> cst.ClassDef:
    """Put other statements into the place of one."""
    statements = statements_of(node)
    index = next(number for number, statement in enumerate(statements) if statement is old)
    return with_statements(node, [*statements[:index], *new, *statements[index + 1 :]])


def append_methods(node: cst.ClassDef, text: str, tree: cst.Module) -> cst.ClassDef:
    """Add methods at the end of a class, a blank line above each."""
    added = [with_blank_above(statement) for statement in parse_lines(text, tree)]
    return with_statements(node, [*statements_of(node), *added])


def insert_in_function(function: cst.FunctionDef, lines: Sequence[Statement]) -> cst.FunctionDef:
    """Put statements before all code of a function."""
    statements = statements_of(function)
    index = after_docstring(statements)
    rest = statements[index:]
    if index and rest and lines:  # a blank line below the docstring stays there
        blank = bool(leading_lines(rest[0])) and leading_lines(rest[0])[0].comment is None
        if blank:
            rest[0] = rest[0].with_changes(leading_lines=leading_lines(rest[0])[1:])
            lines = [with_blank_above(lines[0]), *lines[1:]]
    return with_statements(function, [*statements[:index], *lines, *rest])


def append_element(items: Sequence[Item], new: Item) -> list[Item]:
    """Add an element behind the last one, with the same commas and line breaks."""
    if not items:
        return [new]
    *others, last = items
    between = others[-1].comma if others else cst.MaybeSentinel.DEFAULT
    comma = between if isinstance(between, cst.Comma) else cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    comma = comma.with_changes(whitespace_after=_without_comments(comma.whitespace_after))
    return cast("list[Item]", [*others, last.with_changes(comma=comma), new.with_changes(comma=last.comma)])


def _without_comments(space: cst.BaseParenthesizableWhitespace) -> cst.BaseParenthesizableWhitespace:
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return space
    return space.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=[])


def move_comment(
    closing: cst.BaseParenthesizableWhitespace, comma: cst.Comma
) -> tuple[cst.BaseParenthesizableWhitespace, cst.Comma]:
    """Have a comment before a closing bracket stand behind a comma instead: it is about the element that was last."""
    between = comma.whitespace_after
    if not isinstance(closing, cst.ParenthesizedWhitespace) or not isinstance(between, cst.ParenthesizedWhitespace):
        return closing, comma
    comma = comma.with_changes(whitespace_after=between.with_changes(first_line=closing.first_line))
    return closing.with_changes(first_line=cst.TrailingWhitespace()), comma


def bound_names(node: cst.ClassDef) -> dict[str, list[cst.CSTNode]]:
    """Give what a class body binds by name, also in its ``if`` and ``try`` statements, not in functions and classes."""
    finder = _Binder()
    for statement in statements_of(node):
        statement.visit(finder)
    return finder.found


class _Binder(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[cst.CSTNode]] = {}

    def _bind(self, name: str, node: cst.CSTNode) -> None:
        self.found.setdefault(name, []).append(node)

    def _bind_target(self, target: cst.BaseExpression, node: cst.CSTNode) -> None:
        if isinstance(target, cst.Name):
            self._bind(target.value, node)
        elif isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                self._bind_target(element.value, target)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        self._bind(node.name.value, node)
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        self._bind(node.name.value, node)
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False

    def visit_Assign(self, node: cst.Assign) -> None:
        for target in node.targets:
            self._bind_target(target.target, node)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        if node.value is not None:
            self._bind_target(node.target, node)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        self._bind_target(node.target, node)

    def visit_For(self, node: cst.For) -> None:
        self._bind_target(node.target, node)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> None:
        self._bind_target(node.target, node)

    def visit_ImportAlias(self, node: cst.ImportAlias) -> None:
        self._bind(node.evaluated_alias or node.evaluated_name.partition(".")[0], node)

    def visit_AsName(self, node: cst.AsName) -> None:
        if isinstance(node.name, cst.Name):
            self._bind(node.name.value, node)


def method_named(node: cst.ClassDef, name: str) -> cst.FunctionDef | None:
    """Find the one method of a name.

    Raises:
        Refused: there are several, or it is defined under a condition or otherwise than by ``def``.
    """
    bound = bound_names(node).get(name, [])
    functions = functions_named(node, name)
    if not bound:
        return None
    if len(bound) != 1 or len(functions) != 1:
        raise Refused(f"{name} is not defined by one def")
    return functions[0]
