"""The compiled walker says what the one written in Python says, of the same process at rest, in every interpreter found."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import heapscope.demo
from heapscope.service.capture import CaptureOptions, capture
from heapscope.snapshot.model import NO_CODES, Snapshot
from heapscope.wire.protocol import Flag
from tests.support.invariants import unharmed
from tests.support.native_differences import compare
from tests.support.native_view import View, view_of
from tests.support.pythons import Python, found_pythons, one_per_release, probe
from tests.support.targets import Situation, Target, running
from tests.support.third_party import third_party_python

pytestmark = [pytest.mark.integration, pytest.mark.apart]

TIMEOUT_S = 200.0
SHAPES = Situation("shapes", "native_shapes.py")
SERVICE = Path(heapscope.demo.__file__).with_name("service.py")
HEAPS_PER_RUN = 6
EXAMPLES = 2  # under each interpreter
ONCE_DIFFERENT = [(999975904, 232)]
"""A list whose first attribute is also its last item, with a dict object: on 3.14 the item was missed."""


def captured(target: Target, collector: str) -> Snapshot:
    """Capture with one collector; nothing may be missing or doubtful."""
    snapshot = capture(target.pid, CaptureOptions(collector=collector, timeout_s=TIMEOUT_S))
    assert snapshot.meta.collector == f"{collector}-clone"
    assert snapshot.meta.warnings == ()
    return snapshot


def both(target: Target) -> tuple[View, View]:
    """Capture with both collectors."""
    with unharmed(target):
        return view_of(captured(target, "native")), view_of(captured(target, "python"))


def assert_same(target: Target) -> View:
    """Both collectors say the same; returns what the compiled one said."""
    native, python = both(target)
    faults = compare(native, python)
    assert faults == [], f"{len(faults)} differences, the first: {faults[:20]}"
    return native


@pytest.fixture(params=[python for python in found_pythons() if not python.free_threaded], ids=lambda each: each.label)
def gil_python(request: pytest.FixtureRequest) -> Python:
    """Each interpreter that the compiled walker knows, in turn."""
    python = request.param
    assert isinstance(python, Python)
    return python


@pytest.fixture(
    params=one_per_release(python for python in found_pythons() if not python.free_threaded),
    ids=lambda each: each.label,
)
def gil_release(request: pytest.FixtureRequest) -> Python:
    """One of each release."""
    python = request.param
    assert isinstance(python, Python)
    return python


def test_every_type_and_class_shape_is_recorded_alike(gil_python: Python) -> None:
    """Rows, references, types, instances, roots; also the locals of every thread's frames."""
    with running(gil_python, SHAPES) as target:
        native = assert_same(target)
    assert "native_classes.SubOrdered" in {kind.name for kind in native.snapshot.types}
    depths = [depth for _, depth in native.frames.values()]
    assert max(depths) > 60
    flags = native.snapshot.flags
    assert (flags & Flag.FROZEN).any()
    assert bool((flags & Flag.SYNTHETIC).any()) == (gil_python.minor >= (3, 11))


def test_the_demo_service_is_recorded_alike(gil_release: Python) -> None:
    """Its whole heap after some requests, with nobody at work in it."""
    with running(gil_release, Situation("demo heap", "native_demo.py", (str(SERVICE),))) as target:
        native = assert_same(target)
    assert "service.LineItem" in {kind.name for kind in native.snapshot.types}


def python_at(path: Path) -> Python:
    """Return an interpreter by its path in its virtual environment, whose packages it then has."""
    found = probe(path)
    assert found is not None
    return replace(found, path=path)


def test_arrays_are_recorded_alike() -> None:
    """Arrays of objects in every layout, views, and what they keep alive."""
    with running(python_at(Path(sys.executable)), Situation("arrays", "native_arrays.py")) as target:
        native = assert_same(target)
    held = [kind.address for kind in native.snapshot.types if kind.name.endswith(".Held")]
    assert sum(each.count for each in native.snapshot.instances if each.type_address in held) == 24 + 2


@pytest.mark.thirdparty
def test_tables_are_recorded_alike() -> None:
    """Tables of pandas, in the environment that third-party servers have."""
    python = python_at(Path(third_party_python()))
    with running(python, Situation("tables", "native_arrays.py", ("pandas",))) as target:
        native = assert_same(target)
    assert any(kind.name.endswith(".DataFrame") for kind in native.snapshot.types)


@contextmanager
def random_heaps(python: Python, recipes: list[tuple[int, int]]) -> Iterator[Target]:
    """Run a target that holds one random heap per recipe of seed and size."""
    words = tuple(f"{seed}:{size}" for seed, size in recipes)
    with running(python, Situation("random heaps", "native_graph.py", words)) as target:
        yield target


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(recipes=ONCE_DIFFERENT)
@given(
    recipes=st.lists(
        st.tuples(st.integers(0, 1 << 30), st.integers(1, 2000)), min_size=HEAPS_PER_RUN, max_size=HEAPS_PER_RUN
    )
)
def test_random_heaps_are_recorded_alike(gil_python: Python, recipes: list[tuple[int, int]]) -> None:
    """Several heaps in one process: objects of many types that refer to each other at random."""
    with random_heaps(gil_python, recipes) as target:
        assert_same(target)


def test_a_comparison_finds_what_is_changed(one_python: Python) -> None:
    """The rules for known differences are no licence: each kind of damage to a native snapshot is seen."""
    with random_heaps(one_python, [(3, 2000)]) as target:
        native, python = both(target)
    assert compare(native, python) == []
    node = next(address for address in native.index if native.type_name(address) == "__main__.Node")
    holder, held = next(
        (source, next(iter(targets)))
        for source, targets in native.edges.items()
        if native.type_name(source) == "builtins.list" and source in python.index
    )
    snapshot = native.snapshot
    for column in ("shallow", "allocated", "refcount", "flags"):
        values = getattr(snapshot, column).copy()
        values[native.index[node]] += 8
        assert compare(replace(native, snapshot=replace(snapshot, **{column: values})), python)
    lacking = {**native.edges, holder: native.edges[holder] - type(native.edges[holder])([held])}
    assert compare(replace(native, edges=lacking), python)
    assert compare(replace(native, snapshot=replace(snapshot, roots=snapshot.roots[1:])), python)
    assert compare(replace(native, snapshot=replace(snapshot, instances=snapshot.instances[1:])), python)
    codes = replace(snapshot.codes, first_line=snapshot.codes.first_line + 1)
    assert compare(replace(native, snapshot=replace(snapshot, codes=codes)), python)
    assert compare(replace(native, snapshot=replace(snapshot, codes=NO_CODES)), python)
    without_row = {address: row for address, row in native.index.items() if address != node}
    assert compare(replace(native, index=without_row), python)


UNCOUNTED = frozenset({"builtins.str", "builtins.bool", "builtins.NoneType", "builtins.int", "builtins.ellipsis"})
"""Keys of tables that many dicts share own one reference together; what exists once may be borrowed by C code."""


def test_no_object_has_more_references_than_its_count(gil_release: Python) -> None:
    """The reference counts are an oracle of their own: a reference shown twice shows as one too many.

    What executing frames hold is left out: they borrow some of it, and a running generator shows its frame's as well.
    """
    with running(gil_release, SHAPES) as target:
        native = view_of(captured(target, "native"))
    shown: Counter[int] = Counter()
    for targets in native.edges.values():
        shown.update(targets)
    borrowed = {held for frame in native.frames for held in native.edges.get(frame, ())} | native.frames.keys()
    flags = native.snapshot.flags
    checked = [
        address
        for address, row in native.index.items()
        if not int(flags[row]) & (Flag.IMMORTAL | Flag.IS_TYPE)
        and address not in borrowed
        and native.type_name(address) not in UNCOUNTED
    ]
    assert len(checked) > 10_000
    surplus = [address for address in checked if shown[address] > native.column("refcount", address)]
    assert [native.type_name(address) for address in surplus] == []
