"""Every screen in every state at every size it is designed for, as text, compared with what is kept in ``golden/``.

A change that is meant is taken over by ``HEAPSCOPE_UPDATE_GOLDENS=1 python -m pytest tests/tui/test_goldens.py``, and then looked at.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from heapscope.errors import HeapscopeError
from tests.tui.support.engine import FakeEngine
from tests.tui.support.heaps import make_snapshot
from tests.tui.support.pilot import Driver, running

FOLDER = Path(__file__).parent / "golden"
SIZES = ((60, 16), (80, 24), (120, 40))
SCREENS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("overview", ("1",)),
    ("types", ("2",)),
    ("growth", ("3",)),
    ("dominators", ("4",)),
    ("rss", ("5",)),
    ("slots", ("6",)),
    ("remedies", ("o",)),
    ("snaps", ("7",)),
    ("instances", ("2", "home", "I")),
    ("inspect", ("escape", "i")),
    ("paths", ("escape", "p")),
    ("help", ("escape", "question_mark")),
)

MAIN_SCREENS = SCREENS[: next(at for at, (name, _) in enumerate(SCREENS) if name == "instances")]
DARK = 1  # the ground that most of a screen has


def _fail(engine: FakeEngine) -> None:
    engine.holders_error = HeapscopeError("A kernel failed: not enough memory", hint="Open it on a larger machine.")


def _hold(engine: FakeEngine) -> None:
    engine.holders_gate = threading.Event()


def _work(_engine: FakeEngine) -> None:
    """Change nothing."""


STATES: dict[str, tuple[Callable[[FakeEngine], None], dict[str, Any]]] = {
    "loaded": (_work, {"pid": 48213}),
    "loading": (_hold, {"pid": 48213}),
    "error": (_fail, {"pid": 48213}),
    "empty": (_work, {"loaded": make_snapshot(()), "path": "empty.heapscope"}),
}


async def steady(driver: Driver) -> str:
    """Wait until no worker runs but the one that is held, and the screen stays as it is; return it."""
    before = ""
    for _ in range(1_000):
        await driver.drain()
        waiting = [worker for worker in driver.app.workers if not worker.is_finished]
        text = driver.text()
        if text == before and len(waiting) == 1:
            return text
        before = text
    raise AssertionError(before)


@pytest.mark.parametrize(
    ("state", "sizes"),
    [
        ("loaded", SIZES),
        *((state, SIZES[1:2]) for state in ("loading", "error", "empty")),
        *(pytest.param(state, SIZES[::2], marks=pytest.mark.matrix) for state in ("loading", "error", "empty")),
    ],
)
async def test_every_screen_looks_as_it_did(
    state: str, sizes: tuple[tuple[int, int], ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run of the application is taken through all screens, each at several sizes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    prepare, facts = STATES[state]
    engine = FakeEngine()
    prepare(engine)
    shown: dict[tuple[int, int], list[str]] = {size: [] for size in sizes}
    async with running(engine, size=sizes[-1], settle=state != "loading", **facts) as driver:
        await driver.until("1 Overview" if state != "loading" else "finding out who holds what 26%")
        for name, keys in SCREENS:
            await driver.pilot.press(*keys)
            for size in sizes:
                if len(sizes) > 1:
                    await driver.pilot.resize_terminal(*size)
                text = await (steady(driver) if state == "loading" else settled(driver))
                assert all(cell_len(line) == size[0] for line in text.splitlines()), text
                shown[size].append(f"== {name}\n" + "\n".join(line.rstrip() for line in text.splitlines()))
    for (width, height), texts in shown.items():
        compare(FOLDER / f"{state}-{width}x{height}.txt", "\n".join(texts) + "\n")


async def test_without_colours_the_main_screens_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR takes colours and no word; what is bold, reversed or on another ground is kept in a file of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setenv("NO_COLOR", "1")
    width, height = SIZES[1]
    marks = []
    async with running(size=(width, height), pid=48213) as driver:
        for name, keys in MAIN_SCREENS:
            await driver.pilot.press(*keys)
            text = await settled(driver)
            strips = driver.app.screen._compositor.render_strips()
            assert all(is_grey(segment.style) for strip in strips for segment in strip), name
            assert [line.rstrip() for line in text.splitlines()] == section(
                FOLDER / f"loaded-{width}x{height}.txt", name
            )
            marks.append(f"== {name}\n" + "\n".join(map(marked, strips)))
    compare(FOLDER / f"no-color-{width}x{height}.txt", "\n".join(marks) + "\n")


def section(path: Path, name: str) -> list[str]:
    """Return one screen of those that are kept in a file."""
    return path.read_text(encoding="utf-8").partition(f"== {name}\n")[2].partition("\n== ")[0].splitlines()


def is_grey(style: Style | None) -> bool:
    """Whether a piece of the screen has no colour."""
    colours = [style.color, style.bgcolor] if style is not None else []
    triplets = [colour.get_truecolor() for colour in colours if colour is not None]
    return all(len({*triplet}) == 1 for triplet in triplets)


def marked(strip: Strip) -> str:
    """Mark what stands out in a line: b for bold, r for reversed, a digit for how light the ground is."""
    out = []
    for text, style, _control in strip:
        ground = style.bgcolor.get_truecolor().red // 16 if style is not None and style.bgcolor is not None else 0
        mark = "b" if style is not None and style.bold else "r" if style is not None and style.reverse else ""
        out.append((mark or (f"{ground:x}" if ground > DARK else " ")) * cell_len(text))
    return "".join(out).rstrip()


async def settled(driver: Driver) -> str:
    """Wait until no worker runs; return the screen."""
    await driver.settle()
    return driver.text()


def compare(path: Path, text: str) -> None:
    """Compare with what is kept, or keep it."""
    if os.environ.get("HEAPSCOPE_UPDATE_GOLDENS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text.splitlines() == path.read_text(encoding="utf-8").splitlines()
