"""Where the memory is: first figures while a capture runs, then the RSS tab."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace

from heapscope.analysis.memory import Part, split_memory
from heapscope.service.capture import CaptureOptions, CaptureProgress
from heapscope.snapshot.memory import MemoryFacts
from heapscope.snapshot.model import Snapshot
from heapscope.tui.presenters.rss import BAR_WIDTH, PARTS, RssRow, split_rows, stacked_bar
from tests.support.memory import FACTS, MALLOC, MEGABYTE, PYMALLOC, with_rss
from tests.tui.support.engine import FakeEngine
from tests.tui.support.pilot import LARGE, SMALL, Driver, running


class MemoryEngine(FakeEngine):
    """Captures say where the memory was; the second one sees more of it."""

    def __init__(self, first: MemoryFacts = FACTS, second: MemoryFacts = FACTS) -> None:
        super().__init__()
        self.memory = first
        self.found = [first, second]

    def capture(
        self,
        pid: int,
        options: CaptureOptions,
        progress: Callable[[CaptureProgress], None],
        cancel: threading.Event,
    ) -> Snapshot:
        """Add the figures to an arranged snapshot."""
        snapshot = super().capture(pid, options, progress, cancel)
        return replace(snapshot, memory=self.found[min(self.captures, 2) - 1])


def row_of(driver: Driver, name: str) -> str:
    """Give the line of a part."""
    (found,) = [line for line in driver.lines() if f" {name} " in line]
    return found


async def test_the_parts_of_the_memory_are_a_tab() -> None:
    """Figures, a bar, the verdict, and each part with what it is."""
    async with running(MemoryEngine()) as driver:
        text = await driver.press("5")
        assert "RSS 109M of 512M (cgroup)  PSS 99.0M  USS 98.0M  swap 0B" in text
        assert "kept by malloc" not in text
        for sign, name, _step in PARTS.values():
            assert f"{sign} {name}" in text
        assert "5.00M" in row_of(driver, "malloc free")
        assert "malloc_trim would return" in row_of(driver, "malloc free")
        bar = next(line for line in driver.lines() if "██" in line)
        assert len(bar.strip()) == BAR_WIDTH
        assert "10 parts" in driver.lines()[1]


async def test_a_second_snapshot_shows_what_changed() -> None:
    """Since the baseline, with a sign."""
    more = with_rss(replace(FACTS, malloc=replace(MALLOC, free_resident=45 * MEGABYTE)))
    async with running(MemoryEngine(FACTS, more), size=LARGE) as driver:
        await driver.press("5")
        assert "▲" not in row_of(driver, "malloc free")
        await driver.press("n")
        assert "▲ 40.0M" in row_of(driver, "malloc free")
        assert "▲" not in row_of(driver, "shared")
        assert "Δ since" in driver.lines()[1]


async def test_while_a_capture_runs_the_first_figures_are_shown() -> None:
    """Before any heap walk; a process whose figures may not be read shows none."""
    engine = MemoryEngine()
    engine.gate = threading.Event()
    async with running(engine, settle=False) as driver:
        await asyncio.to_thread(engine.at_gate.wait, 30)
        text = await driver.until("RSS 109M of 512M")
        assert "So far: 50.0M of 109M (46%) is malloc's or private; a walk tells more" in text
        assert "in use by pymalloc, not walked yet" in text
        assert "84,000 objects" in text
        assert len(driver.lines()) == SMALL[1]
        engine.gate.set()
        await driver.settle()


async def test_a_snapshot_that_does_not_say_it_shows_what_is_known() -> None:
    """A file of an older heapscope."""
    async with running() as driver:
        assert "this snapshot does not say more" in (await driver.press("5"))


def test_the_bar_is_as_long_as_it_should_be() -> None:
    """Whatever the shares are; nothing is drawn longer than it is large."""
    for shares in ([0], [1], [1, 1, 1], [5, 0, 3, 9, 100_000], [10**12, 1]):
        rows = [RssRow(sign, "", size, 0.0, "") for sign, size in zip("abcde", shares, strict=False)]
        drawn = stacked_bar(rows, 10)
        assert len(drawn) == (10 if any(shares) else 0)
        assert drawn == "".join(sorted(drawn))


def test_every_part_has_a_sign_a_name_and_what_is_said_of_it() -> None:
    """None is left out."""
    assert list(PARTS) == [part.value for part in Part]
    facts = with_rss(replace(FACTS, pymalloc=replace(PYMALLOC, sparse_pools=0)))
    rows = split_rows(split_memory(facts, None))
    assert [row.name for row in rows] == [name for _sign, name, _step in PARTS.values()]
    assert rows[1].note == "pools that hold objects"
