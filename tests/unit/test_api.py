"""The Python API gives the figures of the command line, and costs nothing until it is used."""

from __future__ import annotations

import ast
import dataclasses
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import heapscope
from heapscope.errors import Cancelled, SnapshotFileError, UsageError
from heapscope.service.heap import Heap
from heapscope.snapshot.file import save_snapshot
from tests.support.memory import FACTS
from tests.support.shop import SESSION, Shop

SHOP = Shop()
PACKAGE = Path(heapscope.__file__).parent


@pytest.fixture
def heap(tmp_path: Path) -> Heap:
    """Open a file of the shop."""
    save_snapshot(SHOP.snapshot(), tmp_path / "shop.heapscope")
    return heapscope.open(tmp_path / "shop.heapscope")


def loaded_after(program: str) -> set[str]:
    """Return the modules loaded in a fresh interpreter."""
    code = f"import json, sys\n{program}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_importing_the_package_loads_next_to_nothing() -> None:
    """Also sizes of own objects need neither numpy nor ctypes."""
    bare = loaded_after("import heapscope")
    assert {name for name in bare if name.startswith("heapscope")} == {"heapscope"}
    sized = loaded_after("import heapscope; heapscope.recursive_size([1.5])")
    assert not sized & {"numpy", "ctypes", "click", "textual", "psutil"}
    assert not [name for name in sized if name.startswith("heapscope.agent.")]


def test_the_stub_lists_what_the_package_offers() -> None:
    """Type checkers see the same names as programs."""
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    imported = {alias.asname or "" for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported | {"__version__"} == set(heapscope.__all__)
    assert all(hasattr(heapscope, name) for name in heapscope.__all__)
    assert set(heapscope.__all__) <= set(dir(heapscope))
    with pytest.raises(AttributeError, match="bogus"):
        _ = heapscope.bogus  # type: ignore[attr-defined]


def test_a_heap_lists_its_types(heap: Heap) -> None:
    """Cheap columns first; expensive ones when asked for."""
    rows = {row.type_name: row for row in heap.types()}
    assert rows[SESSION].count == 3
    assert rows[SESSION].retained_bytes is None
    rows = {row.type_name: row for row in heap.types(recursive=True, retained=True)}
    assert (rows[SESSION].retained_bytes, rows[SESSION].retained_is_minimum) == (96 + 97 + 98 + 56 + 70, False)
    assert rows[SESSION].recursive_bytes == 96 + 97 + 98 + 56 + 70


def test_an_object_knows_its_sizes_neighbours_and_ways(heap: Heap) -> None:
    """By address, by index, by type."""
    session = heap.object(SHOP.sessions[0].address)
    assert session == heap.object_at(session.index) == next(heap.objects(SESSION))
    assert (session.shallow_size, session.retained_size, session.recursive_size) == (96, 96 + 56, 96 + 56 + 70)
    assert [one.address for one in session.referrers()] == [SHOP.registry.address]
    assert [one.address for one in session.referents()] == [SHOP.cart.address, SHOP.shared.address]
    assert session.dominator == heap.object(SHOP.registry.address)
    assert [one.address for one in session.dominated()] == [SHOP.cart.address]
    path = session.root_path()
    assert path is not None
    assert str(path) == f"module app > builtins.dict > builtins.dict > {SESSION}"
    assert path.objects[-1] == session
    assert [len(way.objects) for way in heap.object(SHOP.shared.address).root_paths(9)] == [5, 5]
    assert f"{session.address:#x}" in repr(session)


def test_where_the_memory_was_adds_up(heap: Heap, tmp_path: Path) -> None:
    """Of a file that says so."""
    assert heap.memory is None
    path = tmp_path / "memory.heapscope"
    save_snapshot(dataclasses.replace(heap.snapshot, memory=FACTS), path)
    split = heapscope.open(path).memory
    assert split is not None
    assert sum(component.bytes for component in split.components) == split.rss_bytes == FACTS.rss_bytes


def test_what_hangs_below_a_root_has_no_dominator_and_garbage_no_way(heap: Heap) -> None:
    """Nor does garbage retain anything."""
    assert heap.object(SHOP.module.address).dominator is None
    lost = heap.object(SHOP.lost[0].address)
    assert (lost.root_path(), lost.root_paths(), lost.retained_size, lost.is_reachable) == (None, [], 0, False)
    assert (heap.garbage.count, heap.garbage.shallow_bytes) == (2, 1000)


def test_columns_are_numpy_arrays_that_cannot_be_written(heap: Heap) -> None:
    """One value per object index."""
    sizes = heap.snapshot.shallow
    assert int(sizes[heap.indexes_of(SESSION)].sum()) == 96 + 97 + 98
    assert len(heap) == sizes.size == len(SHOP.heap.objects)
    with pytest.raises(ValueError, match="read-only"):
        sizes[0] = np.uint64(0)


def test_merged_paths_and_saving(heap: Heap, tmp_path: Path) -> None:
    """A saved heap opens to the same."""
    merged = heap.paths(SESSION)
    assert [path.count for path in merged.paths] == [2, 1]
    heap.save(tmp_path / "again.heapscope")
    again = heapscope.open(tmp_path / "again.heapscope")
    assert again.types(retained=True) == heap.types(retained=True)
    with pytest.raises(SnapshotFileError):
        heap.save(tmp_path / "again.heapscope")
    assert repr(heap) == f"<Heap of pid 7: {len(heap)} objects, {heap.snapshot.heap_bytes} bytes>"


def test_a_heap_can_be_watched_and_given_up(heap: Heap, tmp_path: Path) -> None:
    """While it is loaded, and in what is asked later."""
    shares: list[float] = []
    cancel = threading.Event()
    path = tmp_path / "shop.heapscope"
    again = heapscope.open(path, progress=shares.append, cancel=cancel)
    assert shares[-1] == 1.0
    assert again.types() == heap.types()
    cancel.set()
    for ask in (
        lambda: again.types(retained=True),
        lambda: again.paths(SESSION),
        lambda: again.object_at(0).referrers(),
        lambda: again.save(tmp_path / "never"),
        lambda: heapscope.open(path, cancel=cancel),
    ):
        with pytest.raises(Cancelled):
            ask()
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_not_there_is_an_error_with_a_hint(heap: Heap, tmp_path: Path) -> None:
    """Never an empty answer."""
    for ask in (
        lambda: heap.object(1),
        lambda: heap.object(-1),
        lambda: heap.object(1 << 64),
        lambda: heap.object_at(len(heap)),
        lambda: heap.object_at(-1),
        lambda: heap.indexes_of("nothing"),
        lambda: heap.paths("Session"),
    ):
        with pytest.raises(UsageError):
            ask()
    with pytest.raises(SnapshotFileError):
        heapscope.open(tmp_path / "missing")
