"""The walker's file: it needs no loader, and what is no such file is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from heapscope.inject.native import default_image_path, encode_options, open_image
from heapscope.target.elf import ElfError
from tests.support.native_elf import assert_stands_alone

WALKER = Path(default_image_path())


def test_the_library_stands_alone() -> None:
    """No relocations, no imports, no page that is writable and executable, two names."""
    assert_stands_alone(WALKER)


def test_the_image_names_its_entry_and_the_symbols_that_it_wants() -> None:
    """In the order in which it takes their addresses."""
    image = open_image(str(WALKER))
    source = (WALKER.parent / "heapwalk.h").read_text()
    listed = source[source.index("#define SYMBOLS(X)") : source.index("enum {", source.index("#define SYMBOLS(X)"))]
    assert list(image.symbols) == [part.split(")")[0] for part in listed.split("X(")[1:]]
    assert 0 < image.entry < image.size
    assert image.size % 4096 == 0
    assert image.symbols[0] == "PyType_Type"


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """The build left it out."""
    with pytest.raises(FileNotFoundError):
        open_image(str(tmp_path / "none.so"))


def test_a_library_for_another_processor_is_refused(tmp_path: Path) -> None:
    """The machine in its header is what counts."""
    data = bytearray(WALKER.read_bytes())
    data[18:20] = struct.pack("<H", 243)
    other = tmp_path / "other.so"
    other.write_bytes(data)
    with pytest.raises(ValueError, match="another processor"):
        open_image(str(other))


def test_a_library_without_the_entry_is_refused(tmp_path: Path) -> None:
    """Some other library of the same name."""
    other = tmp_path / "other.so"
    other.write_bytes(WALKER.read_bytes().replace(b"heapwalk_run", b"heapwalk_ran"))
    with pytest.raises(ValueError, match="lacks its entry"):
        open_image(str(other))


@pytest.mark.parametrize("size", [0, 3, 63, 64, 200, 600])
def test_a_file_cut_short_is_refused(tmp_path: Path, size: int) -> None:
    """Wherever it was cut."""
    part = tmp_path / "part.so"
    part.write_bytes(WALKER.read_bytes()[:size])
    with pytest.raises((ElfError, ValueError)):
        open_image(str(part))


def test_options_are_words_counts_and_lists() -> None:
    """Seven words, four counts, then symbols, ranges, ranges of roots, seeds."""
    data = encode_options((1, 2, 3, 4, 5, 6, 7), [10, 11, 12], [20, 21, 22, 23], [30, 31], [40])
    words = struct.unpack(f"<{len(data) // 8}Q", data)
    assert words == (1, 2, 3, 4, 5, 6, 7, 2, 1, 1, 3, 10, 11, 12, 20, 21, 22, 23, 30, 31, 40)
