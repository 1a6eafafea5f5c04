"""Tasks of asyncio are found by their type, whatever class they are of, and named by their coroutine."""

from __future__ import annotations

from heapscope.analysis.dominators import build_dominator_tree
from heapscope.analysis.tasks import TaskInfo, find_tasks
from tests.support.heap import Heap
from tests.support.roots import snapshot_with_counts


def loop_of_tasks() -> Heap:
    """Three tasks on one loop: of C, of Python, of a subclass; the last has no coroutine.

    loop ──► _asyncio.Task ──► coroutine "fetch" ──► list(1000)        both coroutines ──► shared
         ──► asyncio.tasks.Task ──► generator "parse"
         ──► app.Job ──► nothing
    """
    heap = Heap()
    native = heap.type("_asyncio.Task")
    heap.type("app.Job", mro=[heap.type("app.Mixin"), native])
    loop, shared = heap.object("app.Loop", size=10), heap.object("builtins.bytes", size=500)
    for name, kind, holds in (("fetch", "builtins.coroutine", 1000), ("parse", "_cython_3.generator", 30)):
        coroutine = heap.object(kind, size=100)
        unnamed = heap.object("builtins.str", size=1)
        coroutine.refers_to(unnamed, heap.text(name), heap.text("local"), heap.object(size=holds), shared)
        task = heap.object("_asyncio.Task" if name == "fetch" else "asyncio.tasks.Task", size=200)
        loop.refers_to(task.refers_to(heap.object("_contextvars.Context"), coroutine))
    loop.refers_to(heap.object("app.Job", size=7))
    heap.object("app.Task")
    heap.object("_asyncio.Task", size=3)  # nothing holds it
    heap.root(loop, label="app")
    return heap


def test_tasks_are_named_by_the_coroutine_that_they_run() -> None:
    """Not by a string that the coroutine holds."""
    heap = loop_of_tasks()
    names = [(heap.objects[task.object_index].type_name, task.label) for task in find_tasks(heap.snapshot())]
    assert names == [
        ("_asyncio.Task", "fetch"),
        ("asyncio.tasks.Task", "parse"),
        ("app.Job", ""),
        ("_asyncio.Task", ""),
    ]


def test_a_task_retains_what_its_coroutine_alone_holds() -> None:
    """Not what two of them share; and one that is garbage retains nothing, and is not listed."""
    heap = loop_of_tasks()
    tree = build_dominator_tree(snapshot_with_counts(heap))
    own = 1 + 50 + len("fetch") + 50 + len("local") + 100 + 200 + 16
    assert [(row.label, row.retained_bytes) for row in tree.tasks()] == [
        ("fetch", own + 1000),
        ("parse", own + 30),
        ("", 7),
    ]


def test_a_heap_without_asyncio_has_no_tasks() -> None:
    """Nor has an empty one."""
    heap = Heap()
    assert find_tasks(heap.snapshot()) == ()
    heap.object("_asyncio.Task")
    assert find_tasks(heap.snapshot()) == (TaskInfo(0, ""),)
