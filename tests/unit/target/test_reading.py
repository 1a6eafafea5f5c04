"""Reading maps, ELF files, versions and /proc texts, also broken ones."""

from __future__ import annotations

import os
import shutil
import struct
import sys
from pathlib import Path

import pytest

from heapscope.target import elf, process, runtime
from heapscope.target.maps import mappings_by_file, parse_maps, parse_maps_text

MAPS = """\
00400000-00500000 r-xp 00000000 08:01 42                                 /usr/bin/py thon (deleted)
7f0000000000-7f0000001000 rw-p 00000000 00:00 0
7f0000002000-7f0000003000 r-xp 00001000 08:01 42                         /usr/bin/py thon (deleted)
garbage
7f0000004000-zzz r-xp 0 08:01 1 /x
"""


def test_maps_lines_keep_blanks_and_lose_garbage() -> None:
    """Paths may contain blanks; the kernel's mark for deleted files is no part of the path."""
    found = parse_maps_text(MAPS)
    assert [mapping.start for mapping in found] == [0x400000, 0x7F0000000000, 0x7F0000002000]
    assert (found[0].file_path, found[0].is_deleted, found[1].is_file) == ("/usr/bin/py thon", True, False)
    assert [len(group) for group in mappings_by_file(found).values()] == [2]


def test_a_page_mapped_twice_does_not_outvote_the_program() -> None:
    """The load bias is where most of the file lies."""
    segments = [elf.Segment(0, 0, 0x100000, 0x100000, 5)]
    mappings = [mapping for mapping in parse_maps_text(MAPS) if mapping.is_file]
    assert elf.load_bias(segments, mappings) == 0x400000
    assert elf.load_bias(segments, []) is None


def _own_libc() -> str:
    return next(
        mapping.path for mapping in parse_maps(os.getpid()) if "/libc." in mapping.path and mapping.is_executable
    )


def test_symbols_of_libc_are_found_and_unknown_ones_are_not() -> None:
    """Value and size of a function; nothing for a name that is not there."""
    with Path(_own_libc()).open("rb") as file:
        found = elf.dynamic_symbols(file, ["pthread_create", "no_such_function"])
    assert list(found) == ["pthread_create"]
    assert found["pthread_create"].value > 0
    assert found["pthread_create"].size > 0


@pytest.mark.parametrize("size", [0, 3, 63, 64, 200, 4096, 20000])
def test_a_truncated_file_is_an_error_and_no_crash(tmp_path: Path, size: int) -> None:
    """Hostile files raise ElfError only."""
    path = tmp_path / "cut"
    path.write_bytes(Path(_own_libc()).read_bytes()[:size])
    with path.open("rb") as file, pytest.raises(elf.ElfError):
        elf.dynamic_symbols(file, ["pthread_create"])


def test_a_32_bit_file_is_refused(tmp_path: Path) -> None:
    """Only 64-bit little-endian files are read."""
    path = tmp_path / "small"
    path.write_bytes(b"\x7fELF\x01\x01" + bytes(200))
    with path.open("rb") as file, pytest.raises(elf.ElfError, match="64-bit"):
        elf.symbols_of_file(file)


@pytest.mark.parametrize("bits", range(0, 64 * 8, 5))
def test_a_flipped_header_bit_gives_an_answer_or_an_elf_error(tmp_path: Path, bits: int) -> None:
    """Never another exception."""
    source = Path(shutil.which("true") or "/bin/true").read_bytes()
    data = bytearray(source)
    data[bits // 8] ^= 1 << bits % 8
    path = tmp_path / "flipped"
    path.write_bytes(data)
    with path.open("rb") as file:
        try:
            elf.dynamic_symbols(file, ["main"])
        except elf.ElfError:
            return


def test_our_own_runtime_is_recognised() -> None:
    """Version and build of the interpreter that runs the tests."""
    pid = os.getpid()
    found = runtime.find_runtime(pid, parse_maps(pid), os.readlink(f"/proc/{pid}/exe"))
    assert found is not None
    assert (found.implementation, found.version_info) == ("cpython", sys.version_info[:2])
    assert found.version == ".".join(str(part) for part in sys.version_info[:3])
    assert not found.free_threaded


def test_hex_versions_are_written_like_python_does() -> None:
    """Final versions have no suffix."""
    assert runtime.version_of_hex(0x030C01F0) == "3.12.1"
    assert runtime.version_of_hex(0x030E00C2) == "3.14.0rc2"


def test_a_stored_version_must_fit_the_path_or_be_unique() -> None:
    """Other libraries store numbers that look the same."""
    data = b"\x001.2.11\x003.9.4\x00/opt/3.8.18\x00"
    assert runtime.find_stored_version(data, (3, 8)) == "3.8.18"
    assert runtime.find_stored_version(data, None) is None
    assert runtime.find_stored_version(data, (3, 10)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0::/system.slice/docker-" + "9f3c2a7b1d04" + "a" * 52 + ".scope", "docker:9f3c2a7b1d04"),
        ("0::/kubepods/besteffort/podx/cri-containerd-" + "b" * 64 + ".scope", "containerd:bbbbbbbbbbbb"),
        ("4:memory:/docker/" + "c" * 64, "docker:cccccccccccc"),
        ("0::/lxc.payload.web1", "lxc:web1"),
        ("0::/user.slice/session-1.scope", None),
    ],
)
def test_containers_are_told_by_their_control_group(text: str, expected: str | None) -> None:
    """Kind and short id."""
    assert process.container_of(text) == expected


def test_the_gnu_hash_is_the_known_one() -> None:
    """Two published values."""
    assert elf.gnu_hash_of(b"") == 5381
    assert elf.gnu_hash_of(b"printf") == 0x156B2BB8
    assert struct.calcsize("<IBBHQQ") == 24
