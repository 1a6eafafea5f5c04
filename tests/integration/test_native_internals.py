"""The compiled walker in a forked child, without injection: fast, and the way in which sanitizers watch it (scripts/sanitize)."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from heapscope.wire.protocol import Kind
from heapscope.wire.values import decode_value
from tests.support.counting import count_of
from tests.support.native_harness import Run, run_walker
from tests.support.pythons import Python, found_pythons

pytestmark = [pytest.mark.integration, pytest.mark.apart]

_SUPPORTED = [python for python in found_pythons() if not python.free_threaded]
WORDS_BEFORE_LISTS = 11
SIMPLE = """
class Thing:
    def __init__(self, number): self.number = number; self.tags = [number]
things = [Thing(number) for number in range(1000)]
"""
SHAPES = """
import native_classes, native_graph, native_values
heap = [native_graph.built(seed, 3000) for seed in range(3)]
values = [getattr(native_values, name)() for name in ("plain_values", "library_values", "modern", "suspended", "failures")]
shapes = [native_values.frozen_values(), native_classes.sub_instances(), native_classes.class_shapes()]
"""
HUGE = """
untracked = [(number, str(number)) for number in range(70000)]
import gc; gc.collect()
flat = list(range(200000)); wide = {number: [number] for number in range(90000)}; texts = {str(n): n for n in range(70000)}
class Sub(dict): pass
sub = Sub(wide); chain = None
for _ in range(100000): chain = (chain,)
node = []
for _ in range(100000): node = [node]
"""


COUNTS_LIKE_ADDRESSES = """
import ctypes, importlib.machinery, types
c = ctypes.CDLL(None).mmap
c.restype, c.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
LOW = 0x20000000
assert c(LOW, 1 << 20, 3, 0x100022, -1, 0) == LOW  # MAP_FIXED_NOREPLACE, MAP_ANONYMOUS, MAP_PRIVATE
number = 1234.5678
names = list(vars(importlib.machinery.ModuleSpec("a", None)))
for counted in (number, *names):
    count = ctypes.c_ssize_t.from_address(id(counted))
    if 0 < count.value < 1 << 28:  # not immortal
        count.value = LOW + 16
held = [number, names]
"""


@pytest.fixture(params=_SUPPORTED, ids=lambda python: python.label)
def gil_python(request: pytest.FixtureRequest) -> Python:
    """Each interpreter that the compiled walker knows, in turn."""
    python = request.param
    assert isinstance(python, Python)
    return python


def good(run: Run) -> Run:
    """Assert that a walk came to its end and no sanitizer complained."""
    assert run.report == ""
    assert run.status == 0
    assert run.frames[-1][0] == Kind.END, [(kind, data[:200]) for kind, data in run.frames[-1:]]
    return run


def test_a_count_may_be_as_large_as_an_address(gil_python: Python) -> None:
    """Programs that lie below 4 GB, and objects with millions of references: the count is no link in a list of free blocks."""
    run = good(run_walker(gil_python, COUNTS_LIKE_ADDRESSES))
    assert decode_value(run.frames[-1][1])["warnings"] == []


@pytest.mark.parametrize("script", [SIMPLE, SHAPES, HUGE], ids=["simple", "shapes", "huge"])
def test_a_walk_comes_to_its_end(gil_python: Python, script: str) -> None:
    """Small heaps, all shapes, and objects with more references than any buffer takes."""
    snapshot = good(run_walker(gil_python, script)).snapshot()
    assert snapshot.object_count > 5000
    if script is SIMPLE:
        assert count_of(snapshot, "__main__.Thing") == 1000


def test_every_row_of_a_large_object_is_there(gil_python: Python) -> None:
    """The chunks of an object's references, in order, across frames."""
    snapshot = good(run_walker(gil_python, HUGE)).snapshot()
    counts = snapshot.reference_offsets[1:] - snapshot.reference_offsets[:-1]
    lengths = {int(length): int(count) for length, count in zip(snapshot.length, counts, strict=True)}
    assert lengths[200000] == 200000
    assert lengths[90000] in {180000, 180001}
    assert lengths[70000] in {70000, 140000}


def with_word(place: int, value: int) -> Callable[[bytes], bytes]:
    """Return a change of one of the fixed words of the options."""
    return lambda options: options[: 8 * place] + struct.pack("<Q", value) + options[8 * place + 8 :]


def with_version(value: int) -> Callable[[bytes], bytes]:
    """Return a change of the version."""
    return with_word(0, value)


@pytest.mark.parametrize("version", [0x03070000, 0x03100000, 0x04000000, 0, 0xFFFFFFFFFFFFFFFF])
def test_a_version_that_is_not_known_is_refused(one_python: Python, version: int) -> None:
    """With a reason, as the only frame."""
    run = run_walker(one_python, SIMPLE, change=with_version(version))
    assert (run.report, run.status) == ("", 0)
    ((kind, payload),) = run.frames
    assert kind == Kind.ERROR
    assert decode_value(payload)["code"] == "refused"


@pytest.mark.parametrize("minor", range(8, 16))
def test_a_wrong_version_is_refused_and_not_believed(gil_python: Python, minor: int) -> None:
    """Every other version's layout, on this interpreter: never a walk, never a crash."""
    if (3, minor) == gil_python.minor:
        pytest.skip("that is the right one")
    run = run_walker(gil_python, SIMPLE, change=with_version(0x03 << 24 | minor << 16 | 0xF0))
    assert (run.report, run.status) == ("", 0)
    assert [kind for kind, _ in run.frames] == [Kind.ERROR]
    assert decode_value(run.frames[0][1])["code"] == "refused"


@pytest.mark.parametrize(("place", "value"), [(7, 1 << 40), (8, 1 << 62), (9, 1 << 33), (10, 3), (10, 1 << 50)])
def test_options_whose_lists_do_not_fit_end_the_walker(one_python: Python, place: int, value: int) -> None:
    """Counts that lead beyond what was sent: an exit, no reading there."""
    run = run_walker(one_python, SIMPLE, change=with_word(place, value))
    assert run.report == ""
    assert run.status == 1 << 8
    assert run.frames == []


@pytest.mark.parametrize("length", [0, 7, 8, 80])
def test_options_cut_short_end_the_walker(one_python: Python, length: int) -> None:
    """The host has gone in the middle."""
    run = run_walker(one_python, SIMPLE, change=lambda options: options[:length])
    assert (run.report, run.status, run.frames) == ("", 1 << 8, [])


def test_a_missing_symbol_is_refused(gil_python: Python) -> None:
    """Each core symbol in turn could be hidden; the first stands for them."""
    run = run_walker(gil_python, SIMPLE, change=with_word(WORDS_BEFORE_LISTS, 0))
    assert (run.report, run.status) == ("", 0)
    assert decode_value(run.frames[0][1])["code"] == "refused"


def test_a_limit_on_objects_ends_the_walk(one_python: Python) -> None:
    """After the frame in which it was passed."""
    run = run_walker(one_python, HUGE, change=with_word(3, 1000))
    assert run.frames[-1][0] == Kind.ERROR
    assert decode_value(run.frames[-1][1])["code"] == "too-many-objects"


def test_a_deadline_ends_the_walk(one_python: Python) -> None:
    """One nanosecond is always over when the first frame is full."""
    run = run_walker(one_python, HUGE, change=with_word(1, 1))
    assert run.frames[-1][0] == Kind.ERROR
    assert decode_value(run.frames[-1][1])["code"] == "deadline"


def test_seeds_that_make_no_sense_are_refused(one_python: Python) -> None:
    """A frame whose list of targets is longer than all there is."""

    def spoil(options: bytes) -> bytes:
        (count,) = struct.unpack_from("<Q", options, 8 * 9)
        start = len(options) - 8 * count
        return options[: start + 24] + struct.pack("<Q", 1 << 60) + options[start + 32 :]

    run = run_walker(one_python, SIMPLE, change=spoil)
    assert (run.report, run.status) == ("", 0)
    assert decode_value(run.frames[-1][1])["message"] == "the frames make no sense"
