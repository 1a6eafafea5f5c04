"""The packed agent: the syntax of Python 3.8, nothing imported, one expression statement to start it."""

from __future__ import annotations

import ast
from importlib.resources import files

import pytest

from heapscope.service.payload import bootstrap_source, build_payload
from heapscope.wire.protocol import MAX_PAYLOAD_SOURCE_SIZE

SOURCES = {
    f"{package}/{entry.name}": entry.read_text(encoding="utf-8")
    for package in ("wire", "agent")
    for entry in files(f"heapscope.{package}").iterdir()
    if entry.name.endswith(".py") and entry.name != "script.py"
}


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_module_has_the_syntax_of_python_38_and_imports_only_packed_modules(name: str) -> None:
    """An import of anything else could wait for a lock that nobody releases."""
    tree = ast.parse(SOURCES[name], feature_version=(3, 8))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Import)
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[:2] in (["heapscope", "wire"], ["heapscope", "agent"])


def test_the_bootstrap_is_one_expression_statement() -> None:
    """Nothing is bound in ``__main__``."""
    (statement,) = ast.parse(bootstrap_source()).body
    assert isinstance(statement, ast.Expr)
    assert bootstrap_source().isascii()


def test_the_payload_is_source_within_its_limit() -> None:
    """It compiles, and holds the walker."""
    payload = build_payload()
    assert len(payload) <= MAX_PAYLOAD_SOURCE_SIZE
    assert "heapscope.agent.walk" in payload.decode()
    ast.parse(payload)
