"""Every hazard that the code names is documented and has a live example, and documents name no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FINDERS = ROOT / "heapscope" / "analysis" / "slots" / "hazards"
EXAMPLES = ROOT / "tests" / "integration" / "targets" / "hazards"
PLAIN = "plain"  # the example of a class without any


def named_in_code() -> set[str]:
    """Collect the constants that calls of ``finding`` have as their hazard, chosen ones and variables among them."""
    found: set[str] = set()
    for path in FINDERS.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        values = {
            node.targets[0].id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "finding":
                hazard = node.args[1]
                hazard = values.get(hazard.id, hazard) if isinstance(hazard, ast.Name) else hazard
                parts = [hazard.body, hazard.orelse] if isinstance(hazard, ast.IfExp) else [hazard]
                found.update(part.value for part in parts if isinstance(part, ast.Constant))
    return found - {""}


def documented() -> list[str]:
    """List the cases in the table of the document."""
    text = (ROOT / "docs" / "slots-hazards.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


def test_code_and_document_name_the_same_hazards() -> None:
    """A case that is not documented cannot be looked up; one that is not found is a promise."""
    listed = documented()
    assert len(listed) == len(set(listed)) == 53
    assert named_in_code() == set(listed)


def test_every_hazard_has_a_live_example() -> None:
    """What the document claims is tried on every interpreter."""
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*documented(), PLAIN}
