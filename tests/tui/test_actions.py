"""Keys, help, copying, and files."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from heapscope.errors import SnapshotFileError
from heapscope.snapshot.file import load_snapshot
from heapscope.tui.actions import ACTIONS, Scope, bindings_of, key_sign
from heapscope.tui.app import HeapscopeApp
from heapscope.tui.chrome import FilterInput
from heapscope.tui.files import propose_path, write_new_file
from heapscope.tui.lines import plain
from heapscope.tui.screens.advice import AdviceScreen
from heapscope.tui.screens.attach import AttachScreen
from heapscope.tui.screens.dialogs import ConfirmScreen, HelpScreen, PathScreen, all_help
from heapscope.tui.screens.inspect import InspectScreen
from heapscope.tui.screens.instances import InstancesScreen
from heapscope.tui.screens.main import MainScreen
from heapscope.tui.screens.paths import PathsScreen
from heapscope.tui.screens.picker import PickerScreen
from heapscope.tui.screens.tabs import TabsScreen
from heapscope.tui.screens.treemap import TreemapScreen
from heapscope.tui.views.dominators import DominatorsTab
from heapscope.tui.views.growth import GrowthTab
from heapscope.tui.views.overview import OverviewTab
from heapscope.tui.views.slots import SlotsTab
from heapscope.tui.vtable import VTable
from tests.tui.support.heaps import hostile_snapshot
from tests.tui.support.pilot import running


def only_file(folder: Path, ending: str = "") -> Path:
    """Return the one file with an ending."""
    (path,) = folder.glob(f"*{ending}")
    return path


OWNERS: dict[Scope, Any] = {
    Scope.APP: HeapscopeApp,
    Scope.MAIN: MainScreen,
    Scope.TABLE: VTable,
    Scope.OVERVIEW: OverviewTab,
    Scope.TREE: DominatorsTab,
    Scope.REMEDIES: TabsScreen,
    Scope.GROWTH: GrowthTab,
    Scope.TREEMAP: TreemapScreen,
    Scope.PATHS: PathsScreen,
    Scope.INSTANCES: InstancesScreen,
    Scope.OBJECT: InspectScreen,
    Scope.SLOTS: SlotsTab,
    Scope.ADVICE: AdviceScreen,
    Scope.FILTER: FilterInput,
    Scope.PICKER: PickerScreen,
    Scope.ATTACH: AttachScreen,
    Scope.HELP: HelpScreen,
    Scope.PATH: PathScreen,
    Scope.CONFIRM: ConfirmScreen,
}


def test_every_action_is_implemented_by_its_owner() -> None:
    """A key without an action would be a dead promise."""
    for action in ACTIONS:
        name = action.name.partition("(")[0]
        owner: type = OWNERS[action.scope]
        if name.startswith("app."):
            owner, name = HeapscopeApp, name.removeprefix("app.")
        assert hasattr(owner, f"action_{name}"), action


def test_every_binding_appears_in_the_help() -> None:
    """All bindings come from the registry, and the help lists the registry."""
    text = plain(all_help())
    for scope, owner in OWNERS.items():
        assert bindings_of(scope) == owner.BINDINGS
    for action in ACTIONS:
        assert action.help in text
        for key in action.keys:
            assert key_sign(key) in text


def test_no_key_means_two_things_in_one_place() -> None:
    """Within a scope, and between a screen and its tables."""
    together = [
        (Scope.MAIN, Scope.TABLE, Scope.TREE, Scope.APP),
        (Scope.PATHS, Scope.TABLE, Scope.APP),
        (Scope.TREEMAP, Scope.APP),
        (Scope.INSTANCES, Scope.TABLE, Scope.APP),
        (Scope.OBJECT, Scope.TABLE, Scope.APP),
        (Scope.PICKER, Scope.TABLE),
    ]
    for scopes in [*((scope,) for scope in Scope), *together]:
        keys = [key for action in ACTIONS if action.scope in scopes for key in action.keys]
        assert len(keys) == len(set(keys)), scopes


async def test_an_export_is_a_new_private_file_with_plain_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the rows that the filter lets through, in the order shown."""
    monkeypatch.chdir(tmp_path)
    async with running() as driver:
        await driver.press("2", "slash", *"app", "enter", "e")
        assert "4 of 26 rows" in driver.text()
        await driver.press("enter")
        assert f"wrote {only_file(tmp_path).name}" in driver.text()
        await driver.press("6", "e", "tab", "enter")
        await driver.press("1", "e", "tab", "tab", "enter")
    path = only_file(tmp_path, ".csv")
    assert path.stat().st_mode & 0o777 == 0o600
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["type"] for row in rows][:2] == ["app.cart.LineItem", "app.sessions.Session"]
    assert rows[0]["count"] == "12405"
    first = json.loads(only_file(tmp_path, ".json").read_text())[0]
    assert first["attributes"] == ["currency", "price", "qty", "sku"]
    assert "| pid | 48213 |" in only_file(tmp_path, ".md").read_text()


async def test_hostile_names_are_harmless_in_every_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No formula in csv, no broken table in markdown, lossless json."""
    monkeypatch.chdir(tmp_path)
    async with running(loaded=hostile_snapshot(), path="x") as driver:
        for tabs in (0, 1, 2):
            await driver.press("2", "e", *["tab"] * tabs, "enter")
    csv_path, json_path, md_path = (only_file(tmp_path, ending) for ending in (".csv", ".json", ".md"))
    names = [row["type"] for row in csv.DictReader(csv_path.read_text().splitlines())]
    assert any(name.startswith("'=cmd") for name in names)
    assert not any(name.startswith("=") for name in names)
    assert "esc\x1b[2J\x1b]0;title\x07" in [row["type"] for row in json.loads(json_path.read_text())]
    assert {line.replace("\\|", "").count("|") for line in md_path.read_text().splitlines() if line[:1] == "|"} == {8}


def test_a_file_is_never_overwritten_and_links_are_not_followed(tmp_path: Path) -> None:
    """Neither by choice nor by surprise."""
    there = tmp_path / "x.csv"
    there.write_text("mine")
    (tmp_path / "link.csv").symlink_to(tmp_path / "elsewhere.csv")
    for name in ("x.csv", "link.csv", "missing/x.csv"):
        with pytest.raises(SnapshotFileError):
            write_new_file(str(tmp_path / name), "new")
    assert there.read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["link.csv", "x.csv"]
    assert propose_path("x", "csv", str(tmp_path)) == str(tmp_path / "x-2.csv")


async def test_the_snapshot_can_be_written_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path is shown."""
    monkeypatch.chdir(tmp_path)
    async with running() as driver:
        text = await driver.press("w", "enter")
    path = only_file(tmp_path)
    assert f"wrote {path.name}" in text
    assert load_snapshot(str(path)).object_count == 122_269


async def test_help_opens_scrolls_and_closes_and_copying_gives_the_slots_line() -> None:
    """Help on every screen with the same key; copies through OSC 52, as the terminal allows."""
    async with running() as driver:
        assert "capture again and show what changed" in (await driver.press("question_mark"))
        for _ in range(18):
            await driver.press("pagedown")
        assert "coverage" in driver.text()
        assert "[1 Overview]" in (await driver.press("escape"))
        await driver.press("6", "y")
        assert driver.app.clipboard == '__slots__ = ("currency", "price", "qty", "sku")'
        await driver.press("1", "y")
        assert "Python heap" in driver.app.clipboard
