"""Keep modules and functions short: a module has one idea, a function fits on a screen.

Never grows the allow-list: an entry that is no longer needed is an error too.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

MODULE_LINES = 300
FUNCTION_LINES = 50
FOLDERS = ("heapscope", "tests", "scripts")

# path, or path:function -> why it may be longer
ALLOWED: dict[str, str] = {}


def function_lengths(tree: ast.Module) -> list[tuple[str, int]]:
    """Return (name, lines without the docstring) of every function."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body[0]
            found.append((node.name, (node.end_lineno or node.lineno) - first.lineno + 1))
    return found


def too_long(root: Path) -> dict[str, str]:
    """Return what is over the budget: key as in ALLOWED -> what to say."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            key = str(path.relative_to(root))
            text = path.read_text(encoding="utf-8")
            lines = text.count("\n")
            if lines > MODULE_LINES:
                found[key] = f"{lines} lines, {MODULE_LINES} allowed"
            for name, length in function_lengths(ast.parse(text)):
                if length > FUNCTION_LINES:
                    found[f"{key}:{name}"] = f"{length} lines, {FUNCTION_LINES} allowed"
    return found


def main() -> int:
    """Print what is too long and what is allowed without need."""
    found = too_long(Path(__file__).resolve().parents[1])
    problems = [f"{key}: {what}" for key, what in found.items() if key not in ALLOWED]
    problems += [f"{key}: is short enough: take it off the allow-list" for key in ALLOWED if key not in found]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
