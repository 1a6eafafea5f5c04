"""What the compiled walker is told: versions, ranges, frames, the ladder of collectors."""

from __future__ import annotations

import pytest

from heapscope.errors import UnsupportedTarget
from heapscope.service.collectors import NATIVE, PYTHON, rungs_of
from heapscope.service.native import hex_version, readable_ranges, static_data
from heapscope.target.maps import Mapping


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("3.8.18", 0x030812F0),
        ("3.13.0", 0x030D00F0),
        ("3.15.0b2", 0x030F00F0),
        ("3.14", 0x030E00F0),
        ("3.12.1+", 0x030C01F0),
    ],
)
def test_a_version_is_a_number(version: str, expected: int) -> None:
    """As PY_VERSION_HEX, release level apart."""
    assert hex_version(version) == expected


@pytest.mark.parametrize("version", ["", "x.y", "3.x"])
def test_what_is_no_version_is_refused(version: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="invalid literal"):
        hex_version(version)


def mapping(start: int, end: int, perms: str = "rw-p", path: str = "") -> Mapping:
    """Return a mapping."""
    return Mapping(start, end, perms, 0, "00:00", 7 if path.startswith("/") else 0, path)


def test_neighbours_are_one_range_and_what_cannot_be_read_is_none() -> None:
    """Ascending, whatever the order given; the kernel's own pages count as unreadable."""
    ranges = readable_ranges(
        [
            mapping(0x9000, 0xA000, "---p"),
            mapping(0x5000, 0x6000),
            mapping(0x1000, 0x3000, "r--p", "/lib/a"),
            mapping(0x3000, 0x4000, "r-xp", "/lib/a"),
            mapping(0x6000, 0x7000, "r--p", "[vvar]"),
            mapping(0xB000, 0xC000, "--xp"),
        ]
    )
    assert ranges == [0x1000, 0x4000, 0x5000, 0x6000]


def test_static_data_is_what_the_image_of_the_interpreter_can_write_with_its_zeroed_end() -> None:
    """Not its text, not the heap, not another library, not a zeroed end of that one."""
    mappings = [
        mapping(0x1000, 0x2000, "r-xp", "/bin/python"),
        mapping(0x2000, 0x3000, "rw-p", "/bin/python"),
        mapping(0x3000, 0x4000),
        mapping(0x4000, 0x5000, "rw-p", "[heap]"),
        mapping(0x6000, 0x7000, "rw-p", "/lib/a"),
        mapping(0x7000, 0x8000),
    ]
    assert static_data(mappings, 0x2500) == [0x2000, 0x3000, 0x3000, 0x4000]
    assert static_data(mappings, 0x3500) == [0x2000, 0x3000, 0x3000, 0x4000]
    assert static_data(mappings, 0x9999) == []


def test_memory_that_the_kernel_has_joined_to_static_data_is_not_part_of_it() -> None:
    """An arena behind the zeroed end: its objects are no static ones."""
    mappings = [
        mapping(0x2000, 0x3000, "rw-p", "/bin/python"),
        mapping(0x3000, 0x9000),
    ]
    assert static_data(mappings, 0x3500, 0x4000) == [0x2000, 0x3000, 0x3000, 0x4000]
    assert static_data(mappings, 0x2500, 0x3000) == [0x2000, 0x3000]


def test_the_ladder_ends_in_the_walker_written_in_python() -> None:
    """Forced rungs stay what they are."""
    assert rungs_of("auto") == (NATIVE, PYTHON, PYTHON)
    assert set(rungs_of("native")) == {NATIVE}
    assert set(rungs_of("python")) == {PYTHON}


def test_a_free_threaded_target_has_no_native_rung() -> None:
    """Asked for by name, it is refused with what to say instead."""
    assert set(rungs_of("auto", is_free_threaded=True)) == {PYTHON}
    with pytest.raises(UnsupportedTarget) as caught:
        rungs_of("native", is_free_threaded=True)
    assert "--collector python" in str(caught.value.hint)
