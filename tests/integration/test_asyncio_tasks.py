"""What tasks of asyncio retain in real processes: what their functions keep in local variables while they wait."""

from __future__ import annotations

import subprocess

import pytest

import heapscope
from tests.support.pythons import Python, found_pythons, one_per_release
from tests.support.targets import clean_environment

pytestmark = [pytest.mark.integration, pytest.mark.apart]

PROGRAM = """
import asyncio
class Payload:
    def __init__(self, count):
        self.items = ["item %d" % number for number in range(count)]
async def short(shared):
    local = Payload(500)
    await asyncio.sleep(1000)
    return local, shared
class Service:
    async def handle(self, shared):
        mine = Payload(2000)
        await self.inner()
        return mine, shared
    async def inner(self):
        deep = Payload(2000)
        await asyncio.get_running_loop().create_future()
        return deep
async def quick():
    return 1
async def main():
    shared = Payload(50_000)
    kept = [asyncio.ensure_future(Service().handle(shared)), asyncio.ensure_future(quick())]
    asyncio.ensure_future(short(shared))
    await asyncio.sleep(0.01)
    print("ready", flush=True)
    await asyncio.sleep(1000)
    return kept, shared
asyncio.run(main())
"""
ITEM_BYTES = 49 + len("item 1")  # at least


@pytest.mark.parametrize("python", one_per_release(found_pythons()), ids=lambda python: python.label)
def test_a_waiting_task_retains_its_locals(python: Python) -> None:
    """With those of the coroutine that it awaits, but nothing that two tasks share; one that has ended holds little."""
    words = [python.path, "-c", PROGRAM]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=clean_environment(), text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            tree = heapscope.capture(process.pid).queries.tree
        finally:
            process.kill()
    rows = tree.tasks()
    found = {row.label: row.retained_bytes for row in rows}
    assert sorted(found) == ["handle", "main", "quick", "short"]
    assert 4000 * ITEM_BYTES < found["handle"] < 10_000 * ITEM_BYTES
    assert 500 * ITEM_BYTES < found["short"] < 1500 * ITEM_BYTES
    assert found["quick"] < 1000
    assert [row.retained_bytes for row in rows] == sorted(found.values(), reverse=True)
