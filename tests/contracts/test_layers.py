"""The layers of ARCHITECTURE.md hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_import_linter_keeps_every_contract() -> None:
    """Imports point downwards, and the host never imports the agent."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_no_host_source_names_the_agent_in_an_import() -> None:
    """Also imports inside functions, or by name, would load the agent into the host."""
    offenders = []
    for path in sorted((ROOT / "heapscope").rglob("*.py")):
        parts = path.relative_to(ROOT / "heapscope").parts
        if parts[0] == "agent":
            continue
        text = path.read_text(encoding="utf-8")
        if (
            "import heapscope.agent" in text
            or "from heapscope.agent" in text
            or 'import_module("heapscope.agent' in text
        ):
            offenders.append("/".join(parts))
    assert offenders == []
