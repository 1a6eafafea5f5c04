"""What is copied: commands that run as copied, the incident summary, and the file behind the clipboard."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from heapscope.cli.main import main
from heapscope.snapshot.file import save_snapshot
from heapscope.tui.files import keep_copy
from heapscope.tui.presenters.commands import command, filter_words
from tests.tui.support.heaps import make_snapshot
from tests.tui.support.pilot import running

SCREENS = (
    ("1",), ("2",), ("2", "slash", *"app count>2 mod:app ret>1k", "enter"), ("3",), ("4",), ("4", "down", "down"), ("5",), ("6",),
    ("6", "slash", *"slots:safe", "enter"), ("o",), ("7",), ("2", "p"), ("escape", "2", "I"), ("i",),
)  # fmt: skip


async def test_every_copied_command_runs_as_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the file that is open: each exits with 0 and says something."""
    monkeypatch.chdir(tmp_path)
    snapshot = make_snapshot()
    save_snapshot(snapshot, "a b.heapscope")
    copied = []
    async with running(loaded=snapshot, path="a b.heapscope") as driver:
        for keys in SCREENS:
            await driver.press(*keys, "c")
            copied.append(driver.app.clipboard)
        assert "copied: heapscope" in driver.text()
        await driver.press("escape", "escape", "escape", "Y")
        summary = driver.app.clipboard
    assert "api_worker.py" in summary
    assert "see it: heapscope open 'a b.heapscope'" in summary
    for line in dict.fromkeys(copied):
        words = shlex.split(line)
        assert words[0] == "heapscope"
        assert main(words[1:]) == 0, line
        assert capsys.readouterr().out.strip(), line


def test_names_are_quoted_and_parts_that_commands_do_not_know_are_left_out() -> None:
    """The shell runs nothing of a target."""
    line = command("paths", "-x; rm", "--type", "$(reboot)")
    assert line == "heapscope paths './-x; rm' --type '$(reboot)'"
    words = filter_words("app !cart /^a b/ mod:x.y ret>1M grew>1 slots:no", {"retained_bytes"})
    assert words == r"app !cart /^a b/ /^x\.y\./ retained_bytes>1M verdict:no"


def test_what_was_copied_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    """For terminals that do not take it; a folder that cannot be made is no failure."""
    path = tmp_path / "heapscope" / "copied.txt"
    keep_copy(str(path), "one")
    keep_copy(str(path), "two")
    assert path.read_text() == "two\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(list(path.parent.iterdir())) == 1
    keep_copy("/proc/nowhere/copied.txt", "three")
