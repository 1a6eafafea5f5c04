"""The command line starts fast: heavy modules are loaded only by the commands that need them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("numpy", "textual", "psutil", "objgraph", "pyrasite", "asyncio", "sqlite3", "rich.table", "elftools", "libcst")
_RUN_HELP = """
import json, sys
from heapscope.cli.main import main
sys.argv = ["heapscope", *{arguments!r}]
try:
    main()
except SystemExit as end:
    code = end.code or 0
else:
    code = 0
print("LOADED", json.dumps([code, sorted(sys.modules)]))
"""


def modules_after(*arguments: str) -> set[str]:
    """Return the modules that are loaded when the command has run."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN_HELP.format(arguments=list(arguments))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "LOADED" in done.stdout, done.stderr
    code, modules = json.loads(done.stdout.rpartition("LOADED ")[2])
    assert code == 0
    return set(modules)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        *((name, "--help") for name in ("types", "dominators", "paths", "object", "slots", "attach")),
    ],
)
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    """Help answers without numpy, Textual or psutil."""
    loaded = modules_after(*arguments)
    assert sorted(loaded.intersection(HEAVY)) == []


def test_help_never_loads_the_agent() -> None:
    """The agent's modules live in the target, never in the host."""
    assert not [name for name in modules_after("--help") if name.startswith("heapscope.agent")]


def test_the_terminal_ui_comes_up_without_numpy() -> None:
    """The first figures of a target are read without it; threads load it while they are shown."""
    code = "import sys, heapscope.tui.app; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "psutil"} & set(done.stdout.split())
