"""Moving between the snapshots of a session and those in files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heapscope.snapshot.file import save_snapshot
from heapscope.tui.files import write_new_file
from heapscope.tui.stored import list_snapshots
from tests.tui.support.heaps import CAPTURED_AT, make_snapshot
from tests.tui.support.pilot import running

SMALL_ROWS = (("builtins.str", 3, 50, ()), ("app.Thing", 2, 48, ("x",)))


async def test_snapshots_of_the_session_and_of_the_folder_are_listed_shown_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enter shows one, b makes one the baseline, , and . move the pair, w writes; nothing deletes."""
    monkeypatch.chdir(tmp_path)
    save_snapshot(make_snapshot(SMALL_ROWS, captured_at=CAPTURED_AT - 3_600, pid=7), "old.heapscope")
    write_new_file("broken.heapscope", "no snapshot")
    async with running() as driver:
        await driver.press("n", "n")
        text = await driver.press("7")
        assert "4 snapshots" in driver.lines()[1]
        assert "old.heapscope" in text
        assert "broken" not in text
        assert driver.lines()[5].split()[0] == "1"
        assert "baseline" in driver.lines()[5]
        await driver.press("end", "up", "enter")
        view = driver.app.keeper.view
        assert view is not None
        assert view.number == 1
        await driver.press("full_stop")
        view = driver.app.keeper.view
        assert view is not None
        assert (view.number, view.baseline is view.series[0]) == (2, True)
        await driver.press("full_stop", "full_stop")
        view = driver.app.keeper.view
        assert view is not None
        assert view.number == 3
        assert view.baseline is view.series[1]
        await driver.press("w", "enter")
        await driver.press("1", "7", "end", "enter")
        view = driver.app.keeper.view
        assert view is not None
        assert view.path.endswith("old.heapscope")
        assert view.current.snapshot.meta.pid == 7
        assert "old.heapscope" in driver.lines()[0]
        await driver.press("7", "home", "b")
        base = driver.app.keeper.base_analysis
        assert base is not None
        assert base.snapshot.meta.captured_at == CAPTURED_AT + 60
        await driver.press("end", "b")
        assert driver.app.keeper.base_analysis is not None
    assert "broken.heapscope" in os.listdir(tmp_path)
    assert len(list_snapshots(str(tmp_path))) == 2
