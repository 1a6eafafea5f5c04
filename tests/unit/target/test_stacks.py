"""Stacks in memory that no CPython has made: this process holds it, well-formed first, then broken in every way."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import random
import struct

import pytest

from heapscope.target import code_objects, stacks
from heapscope.target.stack_frames import Held, Stacks
from heapscope.target.stack_layout import LAYOUTS, StackLayout, read_published
from heapscope.target.stacks import read_threads
from heapscope.target.symbols import PythonImage
from heapscope.wire.protocol import MAX_NAME
from tests.support.fake_stacks import DEPTH, IDENT, LINE, FakeProcess, value_of

VERSIONS = sorted(LAYOUTS)
UNMAPPED = 0x10_0000


@pytest.fixture(params=VERSIONS, ids=lambda version: "{}.{}".format(*version))
def fake(request: pytest.FixtureRequest) -> FakeProcess:
    """A well-formed interpreter of each version."""
    return FakeProcess(request.param)


def test_what_is_well_formed_is_read_whole(fake: FakeProcess) -> None:
    """Thread, names, lines, variables, stack."""
    found = fake.read()
    assert found.warnings == ()
    (thread,) = found.threads
    assert (thread.ident, thread.state, thread.interpreter) == (IDENT, fake.thread, 0)
    assert [frame.address for frame in thread.frames] == fake.frames
    for number, frame in enumerate(thread.frames):
        assert (frame.code.name, frame.code.file, frame.line) == ("work", "/𐍈/file.py", LINE)
        held = [("a", False), ("ß", False), ("名", True)]
        assert frame.variables == [
            Held(name, value_of(number, index), is_cell) for index, (name, is_cell) in enumerate(held)
        ]
        assert frame.global_names == fake.names
        if fake.layout.has_frame_objects:
            assert frame.stack_candidates == [value_of(number, index) for index in (3, 4, 5)]
            assert (frame.stack, frame.frame_object, frame.function) == ([], frame.address, 0)
        else:
            assert frame.stack == [Held("", value_of(number, index)) for index in (3, 4)]
            assert (frame.stack_candidates, frame.frame_object) == ([], 0)
            assert frame.code.qualified_name == "outer.<locals>.work"


def test_tags_are_taken_off_and_tagged_integers_left_out() -> None:
    """3.14 and newer."""
    fake = FakeProcess((3, 14))
    first = fake.frames[0] + fake.layout.variables
    for index, word in enumerate((value_of(0, 0) | 1, 1, 7 << 2 | 3, (1 << 40) | 3, value_of(0, 4) | 1)):
        fake.put(first + 8 * index, word)
    frame = fake.read().threads[0].frames[0]
    assert frame.variables == [Held("a", value_of(0, 0), is_borrowed=True)]
    assert frame.stack == [Held("", value_of(0, 4), is_borrowed=True)]


def test_an_unknown_stack_depth_gives_candidates() -> None:
    """While the interpreter holds the depth in a register; also a depth that is not possible."""
    for version, value in [((3, 11), -1), ((3, 13), -1), ((3, 12), 2), ((3, 12), 7), ((3, 14), 0), ((3, 15), 8)]:
        fake = FakeProcess(version)
        fake.put(fake.frames[0] + fake.layout.stack_top, value, 8 if version >= (3, 14) else 4)
        frame = fake.read().threads[0].frames[0]
        assert (frame.stack_depth, frame.stack) == (-1, [])
        assert frame.stack_candidates == [value_of(0, index) for index in (3, 4, 5)]


def test_frames_of_c_code_and_unfinished_ones_are_left_out() -> None:
    """They are passed over; what called them is not."""
    for version in VERSIONS[3:]:
        fake = FakeProcess(version)
        fake.put(fake.frames[1] + fake.layout.instruction, fake.code + fake.layout.instructions)
        if version >= (3, 12):
            fake.put(fake.frames[2] + fake.layout.owner, 3, 1)
            fake.put(fake.frames[2] + fake.layout.code, UNMAPPED)
        found = fake.read()
        assert found.warnings == ()
        kept = [0, 3, 4] if version >= (3, 12) else [0, 2, 3, 4]
        assert [frame.address for frame in found.threads[0].frames] == [fake.frames[index] for index in kept]


def test_a_stack_that_bites_its_tail_ends(fake: FakeProcess) -> None:
    """Each frame is seen once, also from another thread."""
    fake.put(fake.frames[-1] + fake.layout.previous, fake.frames[1])
    other = fake.new(512)
    fake.put(fake.thread + fake.layout.thread_next, other)
    fake.put(other + fake.layout.thread_next, fake.thread)
    fake.put(other + fake.layout.thread_interpreter, fake.interpreter)
    for offset in range(0, 256, 8):
        if offset not in (fake.layout.thread_next, fake.layout.thread_interpreter):
            fake.put(other + offset, int.from_bytes(ctypes.string_at(fake.thread + offset, 8), "little"))
    found = fake.read()
    assert [len(thread.frames) for thread in found.threads] == [DEPTH, 0]
    assert set(found.warnings) == {"a thread's stack is broken", "the list of thread states is broken"}


def test_wrong_types_are_not_taken_for_what_they_are_not(fake: FakeProcess) -> None:
    """Code, globals: left out, with a warning, and the rest is read."""
    stranger = fake.object("PyTuple_Type", 512)
    fake.put(fake.frames[1] + fake.layout.code, stranger)
    fake.put(fake.frames[2] + fake.layout.global_names, stranger)
    found = fake.read()
    assert [frame.address for frame in found.threads[0].frames] == [fake.frames[index] for index in (0, 2, 3, 4)]
    assert [frame.global_names for frame in found.threads[0].frames] == [fake.names, 0, fake.names, fake.names]
    assert set(found.warnings) == {
        "a frame has no code that can be read",
        "a frame refers to an object of an unexpected type",
    }


@pytest.mark.parametrize("where", ["variable_count", "code_stack_size", "variable_names", "name", "line_table"])
def test_impossible_code_objects_are_left_out(fake: FakeProcess, where: str) -> None:
    """Counts beyond any use, pointers into the void."""
    is_count = where in ("variable_count", "code_stack_size")
    fake.put(fake.code + getattr(fake.layout, where), 0x7FFF_FFFF if is_count else UNMAPPED, 4 if is_count else 8)
    found = fake.read()
    assert found.threads[0].frames == ()
    assert found.warnings == ("a frame has no code that can be read",)


def test_lengths_in_objects_are_bounded(fake: FakeProcess) -> None:
    """A tuple, a table and a text of absurd length: none is read."""
    for pointer in ("variable_names", "line_table"):
        broken = FakeProcess(fake.layout.version)
        at = broken.code + getattr(broken.layout, pointer)
        broken.put(int.from_bytes(ctypes.string_at(at, 8), "little") + 16, 1 << 62)
        assert broken.read().threads[0].frames == ()
    name = int.from_bytes(ctypes.string_at(fake.code + fake.layout.name, 8), "little")
    fake.put(name + 16, 1 << 62)
    assert fake.read().threads[0].frames == ()


def test_long_texts_keep_their_end(fake: FakeProcess) -> None:
    """What differs between paths stands there."""
    fake.put(fake.code + fake.layout.file_name, fake.text("/x" * 2000 + "/file.py"))
    file = fake.read().threads[0].frames[0].code.file
    assert len(file) == MAX_NAME
    assert file.endswith("/x/file.py")


def test_texts_never_hold_what_cannot_be_written(fake: FakeProcess) -> None:
    """Lone surrogates, and characters beyond Unicode."""
    text = fake.text("𐍈bc")
    fake.put(text + fake.layout.long_text, 0xDCFF_FFFF, 4)
    fake.put(text + fake.layout.long_text + 4, 0xDC80, 4)
    fake.put(fake.code + fake.layout.name, text)
    assert fake.read().threads[0].frames[0].code.name.encode("utf-8", "strict").endswith(b"c")


def test_limits_hold(fake: FakeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of words in all frames, of frames in a thread, of work: what was read before is kept."""
    with monkeypatch.context() as patch:
        patch.setattr(stacks, "MAX_WORDS", 13)
        found = fake.read()
        assert [frame.address for frame in found.threads[0].frames] == fake.frames[:2]
        assert found.warnings == ("the stacks are too large to be read in full",)
    monkeypatch.setattr(stacks, "MAX_FRAMES_PER_THREAD", 3)
    found = fake.read()
    assert [frame.address for frame in found.threads[0].frames] == fake.frames[:3]
    assert found.warnings == ("a thread's stack is deeper than what is read of it",)
    monkeypatch.setattr(code_objects, "MAX_WORK", 300)
    found = fake.read()
    assert found.threads[0].frames == ()
    assert found.warnings == ("the stacks are too large to be read in full",)


def test_a_thread_of_nobody_ends_the_list(fake: FakeProcess) -> None:
    """Its interpreter is another one: the offsets do not fit this build."""
    fake.put(fake.thread + fake.layout.thread_interpreter, fake.runtime)
    assert fake.read() == Stacks((), ("a thread state belongs to no interpreter",))


def test_garbage_never_raises(fake: FakeProcess) -> None:
    """Any words anywhere, most of them pointers to somewhere in it."""
    rng = random.Random(7)
    words = fake.words()
    saved = ctypes.string_at(words.start, len(words) * 8)
    frames = 0
    for _ in range(300):
        ctypes.memmove(words.start, saved, len(saved))
        for _ in range(rng.choice([1, 3, 10, 300])):
            value = rng.choice([rng.choice(words), rng.choice(words), rng.getrandbits(64), rng.getrandbits(20), 0])
            fake.put(rng.choice(words), value)
        found = read_threads(os.getpid(), fake.image, fake.layout.version)
        for thread in found.threads:
            for frame in thread.frames:
                frames += 1
                assert all(held.address % 4 == 0 for held in [*frame.variables, *frame.stack])
                assert all(address % 4 == 0 for address in frame.stack_candidates)
    assert frames > 300


def test_versions_without_a_layout_are_a_warning() -> None:
    """Older and newer ones."""
    image = PythonImage(range(4096, 8192), {})
    for version in ((3, 7), (3, 16)):
        found = read_threads(os.getpid(), image, version)
        assert found.threads == ()
        assert len(found.warnings) == 1
    assert read_threads(os.getpid(), image, (3, 12)).threads == ()


def published(version: tuple[int, int], value: int) -> bytes:
    """Return debug offsets that all have one value."""
    return b"xdebugpy" + struct.pack("<QQ", version[0] << 24 | version[1] << 16, 0) + struct.pack("<Q", value) * 200


def test_published_offsets_are_preferred_if_they_make_sense() -> None:
    """Wrong cookies, other versions, absurd values and unreadable memory leave the table as it is."""
    layout = LAYOUTS[(3, 14)]
    taken, warning = read_published(layout, lambda size: published((3, 14), 64)[:size])
    assert warning == ""
    assert (taken.previous, taken.interpreters_head, taken.tuple_items) == (64, 64, 64)
    assert taken.first_traceable == layout.first_traceable

    def fail(_size: int) -> bytes:
        raise OSError(14, "not mapped")

    for read in (
        fail,
        lambda size: published((3, 13), 64)[:size],
        bytes,
        lambda size: published((3, 14), 1 << 40)[:size],
    ):
        same, warning = read_published(layout, read)
        assert same is layout
        assert warning
    assert read_published(LAYOUTS[(3, 12)], fail) == (LAYOUTS[(3, 12)], "")


def test_free_threaded_interpreters_are_a_warning() -> None:
    """Their frames and objects are laid out otherwise."""
    fake = FakeProcess((3, 14))
    data = published((3, 14), 64)[:1024]
    ctypes.memmove(fake.runtime, data[:16] + b"\1" + data[17:], 1024)
    found = read_threads(os.getpid(), fake.image, (3, 14))
    assert found == Stacks((), ("thread stacks of free-threaded interpreters cannot be read",))


def test_layouts_name_every_offset() -> None:
    """A field may be absent (-1), never forgotten; variables begin behind everything else of a frame."""
    for version, layout in LAYOUTS.items():
        assert isinstance(layout, StackLayout)
        assert layout.version == version
        values = dataclasses.asdict(layout)
        assert all(isinstance(value, int) and value >= -1 for name, value in values.items() if name != "version")
        assert layout.variables % 8 == 0
        for field in ("previous", "code", "function", "global_names", "local_names", "frame_object", "stack_top"):
            assert values[field] < layout.variables
