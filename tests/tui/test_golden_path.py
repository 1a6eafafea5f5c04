"""From a list of processes to a written snapshot, by keys alone, as somebody would who was woken up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heapscope.snapshot.file import load_snapshot
from tests.tui.support.pilot import running


async def test_from_the_picker_to_the_culprit_and_its_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Picker, attach, verdict, path, object, growth, copy, write."""
    monkeypatch.chdir(tmp_path)
    async with running(pid=None) as driver:
        assert "api_worker.py" in driver.text()
        text = await driver.press("enter")
        assert "1 holder" in driver.lines()[1]
        assert "app.sessions" in text
        text = await driver.press("enter")
        assert "Paths from the roots to" in text
        assert "module app.sessions" in text
        text = await driver.press("escape", "i")
        assert "Inspect  collections.OrderedDict" in text
        text = await driver.press("escape", "n")
        assert "grew 1 of 1" in text
        text = await driver.press("3")
        assert "collections.OrderedDict" in driver.lines()[5]
        assert "+1,650" in text
        await driver.press("Y")
        assert "app.sessions" in driver.app.clipboard
        assert "see it: heapscope attach 48213" in driver.app.clipboard
        await driver.press("c")
        assert driver.app.clipboard.startswith("heapscope ")
        await driver.press("w", "enter")
        (name,) = os.listdir(tmp_path)
        assert f"wrote {name}" in driver.text()
        await driver.press("c")
        assert name in driver.app.clipboard
    assert load_snapshot(str(tmp_path / name)).object_count > 122_269
