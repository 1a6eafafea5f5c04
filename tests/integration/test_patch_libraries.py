"""Patches of real classes of real libraries: the diff applies, the library works as before, and the saving is the predicted one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MIN_CLASSES = 10

pytestmark = [pytest.mark.thirdparty, pytest.mark.timeout(3600)]


def test_real_classes_save_what_was_predicted(tmp_path: Path) -> None:
    """scripts/patch_libraries.py: each row is a capture, a diff, two copies of a library, and tracemalloc."""
    python = os.environ.get("HEAPSCOPE_LIBRARIES_PYTHON", "")
    if not python:
        pytest.skip("HEAPSCOPE_LIBRARIES_PYTHON is not set: scripts/test --matrix sets it")
    report = tmp_path / "report.json"
    words = [sys.executable, str(ROOT / "scripts" / "patch_libraries.py"), "--python", python, "--json", str(report)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert report.exists(), done.stderr
    rows = json.loads(report.read_text())
    assert len(rows) >= MIN_CLASSES
    assert [(row["type_name"], row["trouble"]) for row in rows if row["trouble"]] == []
    wrong = [row for row in rows if row["predicted"] != row["measured"] or row["now"] > row["measured_now"]]
    assert wrong == []
    assert all(row["measured"] > 0 for row in rows), done.stdout
