"""All instances of a type, and one object with what it refers to and what refers to it."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from heapscope.errors import HeapscopeError
from heapscope.graph.library import UNWATCHED
from heapscope.tui.engine import LiveEngine
from heapscope.tui.holders import PathQuestion
from heapscope.tui.inspecting import list_instances
from heapscope.tui.presenters.objects import instances_model
from heapscope.tui.screens.inspect import InspectScreen
from heapscope.tui.screens.instances import InstancesScreen
from heapscope.tui.screens.paths import PathsScreen
from heapscope.tui.state import Writing
from tests.tui.support.engine import FakeEngine
from tests.tui.support.heaps import make_snapshot
from tests.tui.support.pilot import Driver, only_text, running


def inspected(driver: Driver) -> InspectScreen:
    """Return the screen in front."""
    screen = driver.app.screen
    assert isinstance(screen, InspectScreen)
    return screen


async def test_from_a_type_to_its_instances_to_one_of_them_and_on() -> None:
    """Enter goes deeper, escape comes back the same way; the names of the neighbours, sizes and ways are there."""
    async with running() as driver:
        text = await driver.press("2", "slash", *"Sess", "enter", "enter")
        assert isinstance(driver.app.screen, InstancesScreen)
        assert "4,129 × app.sessions.Session" in text
        assert "collections.OrderedDict 0x7f21c" in text
        text = await driver.press("enter")
        assert "Inspect  app.sessions.Session 0x7f21c02b4d80" in text
        assert "/srv/app/app/sessions.py:14" in text
        assert "retained 685B   recursive 685B   refs 1  all accounted for" in text
        assert "Values are not captured" in text
        assert "Referred to by" in text
        text = await driver.press("enter")
        assert "Inspect  dict 0x7f21c0049f00, 3 entries" in text
        text = await driver.press("tab", "enter")
        assert "Inspect  app.sessions.Session 0x7f21c02b4d80" in text
        await driver.press("y")
        assert "alive by way of module app.sessions ▸" in driver.app.clipboard
        await driver.press("escape", "escape")
        assert "Inspect  app.sessions.Session" in driver.text()
        assert "All instances" in (await driver.press("escape"))
        assert "[2 Types]" in (await driver.press("escape"))


async def test_instances_are_ordered_by_what_the_keys_say_and_exported_in_that_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is there before the key is pressed."""
    monkeypatch.chdir(tmp_path)
    async with running() as driver:
        await driver.press("2", "slash", *"OrderedD", "enter", "I")
        assert "Retained▼" in driver.text()
        first = driver.lines()[3]
        assert "Retained▲" in (await driver.press("r"))
        assert driver.lines()[3] != first
        await driver.press("e", "tab", "enter")
        await driver.press("y")
        assert driver.app.clipboard.startswith("collections.OrderedDict 0x")
    rows = json.loads(only_text(tmp_path, "heapscope-objects-*.json"))
    assert len(rows) == 120
    sizes = [row["retained_bytes"] for row in rows]
    assert sizes == sorted(sizes)


async def test_an_object_leads_to_its_paths_and_to_its_place_in_the_tree() -> None:
    """Of several objects of a row the largest is inspected, and it is said that there are more."""
    async with running() as driver:
        text = await driver.press("2", "slash", *"OrderedD", "enter", "i")
        assert "Inspect  largest of 120  collections.OrderedDict" in text
        assert inspected(driver).facts is not None
        await driver.press("p")
        assert isinstance(driver.app.screen, PathsScreen)
        text = await driver.press("i")
        assert "Inspect  collections.OrderedDict" in text
        await driver.press("d")
        main = driver.app.main_screen
        assert main is not None
        assert driver.app.screen is main
        assert main.dominators.current_row().row.type_name == "collections.OrderedDict"
        await driver.press("5", "i")
        assert "this row is no object" in driver.text()


async def test_an_object_waits_for_the_dominators_and_leaving_gives_it_up() -> None:
    """The screen is there at once and says what it waits for; a failure can be tried again."""
    engine = FakeEngine()
    engine.holders_gate = threading.Event()
    async with running(engine, settle=False) as driver:
        await driver.until("[1 Overview]")
        await driver.pilot.press("2", "i")
        await driver.until("waiting for the dominators")
        engine.objects_error = HeapscopeError("out of luck", hint="Try again.")
        engine.holders_gate.set()
        await driver.until("out of luck")
        engine.objects_error = None
        await driver.pilot.press("R")
        await driver.until("self ")
        await driver.settle()
        engine.objects_gate = threading.Event()
        await driver.pilot.press("escape", "I")
        await driver.until("looking 43%")
        await driver.pilot.press("escape")
        await driver.settle()
        assert engine.given_up == ["objects"]


def test_a_row_of_a_list_costs_its_own_object_only() -> None:
    """Orders are arrays that were made before; nothing is made per row."""
    snapshot = make_snapshot()
    holders = LiveEngine().find_holders(snapshot, UNWATCHED)
    objects = list_instances(holders, PathQuestion("x", "builtins.str"), UNWATCHED)
    model = instances_model(holders, objects, Writing())
    retained = holders.tree.retained[objects.objects]
    assert retained[model.row_at(0)] == retained.max()
    model.sort_by("address", descending=False)
    addresses = [int(snapshot.address[objects.objects[model.row_at(at)]]) for at in range(model.visible_count)]
    assert np.all(np.diff(addresses) > 0)
