"""What runs in the target parses as Python 3.8 and imports next to nothing."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

from tests.support.pythons import found_pythons

ROOT = Path(__file__).resolve().parents[2]
TARGET_SIDE = sorted([*(ROOT / "heapscope" / "agent").rglob("*.py"), *(ROOT / "heapscope" / "wire").rglob("*.py")])
# Built into every CPython and loaded before the first line of a program runs.
ALLOWED_IMPORTS = {"sys", "posix", "gc"}
# Runs in the target only where ptrace is refused, and looks into sys.modules first; libc's syscall() is the way to a raw clone.
ALLOWED_IN = {"heapscope/agent/script.py": {"_ctypes"}}
ALLOWED_PACKAGES = ("heapscope.wire", "heapscope.agent")


def imported_names(tree: ast.Module) -> set[str]:
    """Return the dotted names of every import in the module, also inside functions."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", TARGET_SIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_target_side_module_parses_as_python_3_8(path: Path) -> None:
    """No syntax newer than the oldest interpreter that heapscope attaches to."""
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize("path", TARGET_SIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_target_side_module_imports_only_what_every_target_has_loaded(path: Path) -> None:
    """An import in the clone could run the target's own import hooks and files."""
    allowed = ALLOWED_IMPORTS | ALLOWED_IN.get(str(path.relative_to(ROOT)), set())
    names = imported_names(ast.parse(path.read_text(encoding="utf-8"))) - allowed
    assert {name for name in names if not name.startswith(ALLOWED_PACKAGES)} == set()


def test_oldest_interpreter_found_compiles_the_target_side() -> None:
    """The real parser has the last word: Python 3.8 where it is installed."""
    oldest = found_pythons()[0]
    program = "import sys\nfor path in sys.argv[1:]: compile(open(path, encoding='utf-8').read(), path, 'exec')"
    command = [str(oldest.path), "-I", "-S", "-W", "error", "-c", program, *map(str, TARGET_SIDE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_target_side_has_the_modules_that_the_payload_needs() -> None:
    """The list that the other tests run over is not empty."""
    assert {"wire", "agent"} <= {path.parent.name for path in TARGET_SIDE}
