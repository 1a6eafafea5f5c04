"""The compiled walker, laid into a clone: its ELF image mapped, and the symbols of the interpreter that it asks for.

No dynamic loader is involved: the image has no relocations and no imports, so it works beside any libc, and the locks of the
clone's own loader, which another thread may have held, do not matter. No page is writable and executable.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import struct
from pathlib import Path

from heapscope.errors import HeapscopeError
from heapscope.inject.arch import current_arch
from heapscope.inject.memory import write_memory
from heapscope.inject.ptrace import Tracee
from heapscope.inject.server import CloneServer
from heapscope.target.elf import Layout, SymbolTable, read_layout

_PAGE = 4096
_PROT_READ, _PROT_WRITE, _PROT_EXEC = 1, 2, 4
_MAP_PRIVATE_ANONYMOUS, _MAP_FIXED = 0x22, 0x10
_SEGMENT_EXECUTABLE, _SEGMENT_WRITABLE = 1, 2
_ENTRY = "heapwalk_run"
_SYMBOL_NAMES = "heapwalk_symbols"


@dataclasses.dataclass(frozen=True, slots=True)
class NativeImage:
    """The walker as it lies in its file. ``symbols`` are the names whose addresses it wants, in its order."""

    data: bytes
    layout: Layout
    entry: int
    symbols: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of address space from its first to its last segment, whole pages."""
        end = max(segment.address + segment.memory_size for segment in self.layout.segments)
        return -(-end // _PAGE) * _PAGE


def open_image(path: str) -> NativeImage:
    """Read the walker's file.

    Raises:
        OSError, ElfError: it is not there, or no such file.
        ValueError: it was built for another processor, or not as the walker is.
    """
    data = Path(path).read_bytes()
    layout = read_layout(lambda offset, size: data[offset : offset + size])
    if layout.machine != current_arch().ELF_MACHINE:
        raise ValueError("the compiled walker is made for another processor")

    def read_address(address: int, size: int) -> bytes:
        for segment in layout.segments:
            if segment.address <= address < segment.address + segment.file_size:
                start = segment.offset + address - segment.address
                return data[start : start + min(size, segment.offset + segment.file_size - start)]
        return b""

    found = SymbolTable(layout, read_address).find((_ENTRY, _SYMBOL_NAMES))
    if _ENTRY not in found or _SYMBOL_NAMES not in found:
        raise ValueError("the compiled walker lacks its entry")
    names = read_address(found[_SYMBOL_NAMES].value, found[_SYMBOL_NAMES].size)
    return NativeImage(data, layout, found[_ENTRY].value, tuple(names.rstrip(b"\0").decode("ascii").split()))


def keep_alive(server: CloneServer, seconds: int) -> None:
    """Have the clone live for so many seconds from now, instead of the few that it has for getting its orders.

    On a busy machine the host needs longer than those for reading what goes into the orders.

    Raises:
        CaptureInconsistent: the clone does not answer.
    """
    server.system_call(current_arch().SYS_ALARM, seconds)


def load_image(pid: int, server: CloneServer, image: NativeImage) -> int:
    """Lay the image into a serving clone; return the address of its entry.

    Raises:
        OSError: the clone may not map or be written to (a limit, a security policy).
        CaptureInconsistent: the clone does not answer.
    """
    mmap = current_arch().SYS_MMAP
    base = server.system_call(mmap, 0, image.size, _PROT_READ | _PROT_EXEC, _MAP_PRIVATE_ANONYMOUS, -1, 0)
    for segment in image.layout.segments:
        content = image.data[segment.offset : segment.offset + segment.file_size]
        if segment.flags & _SEGMENT_WRITABLE:
            start = segment.address // _PAGE * _PAGE
            size = -(-(segment.address + segment.memory_size - start) // _PAGE) * _PAGE
            flags = _MAP_PRIVATE_ANONYMOUS | _MAP_FIXED
            server.system_call(mmap, base + start, size, _PROT_READ | _PROT_WRITE, flags, -1, 0)
            write_memory(pid, base + segment.address, content)
        else:
            _write_text(pid, base + segment.address, content)
    return base + image.entry


def _write_text(pid: int, address: int, content: bytes) -> None:
    """Fill pages that are not writable, as a debugger does; the private copy is the clone's alone.

    Another user's /proc/PID/mem takes CAP_DAC_OVERRIDE; word by word, CAP_SYS_PTRACE is enough (20 ms, of the clone's time).
    """
    try:
        memory = open(f"/proc/{pid}/mem", "r+b", buffering=0)  # noqa: SIM115 - what fails is opening
    except PermissionError:
        _poke_text(pid, address, content)
        return
    with memory:
        memory.seek(address)
        done = memory.write(content)
    if done != len(content):
        raise OSError(5, f"only {done} of {len(content)} bytes of the walker could be written")


def _poke_text(pid: int, address: int, content: bytes) -> None:
    """Write through ptrace. The clone waits for commands in a call that the kernel resumes."""
    before = address % 8  # these pages were zeros
    try:
        tracee = Tracee(pid, pid)
        try:
            tracee.write_text(address - before, bytes(before) + content)
        finally:
            tracee.release()
    except HeapscopeError as error:
        raise OSError(errno.EIO, f"the walker could not be written: {error.message}") from error


def encode_options(
    words: tuple[int, ...], symbols: list[int], ranges: list[int], root_ranges: list[int], seeds: list[int]
) -> bytes:
    """Encode what the walker reads first (struct Options in agent/native/heapwalk.h): the fixed words, then four lists."""
    fixed = [*words, len(ranges) // 2, len(root_ranges) // 2, len(seeds), len(symbols)]
    every = [*fixed, *symbols, *ranges, *root_ranges, *seeds]
    return struct.pack(f"<{len(every)}Q", *every)


def default_image_path() -> str:
    """Return where the build puts the compiled walker."""
    return os.fspath(Path(__file__).resolve().parents[1] / "agent" / "native" / "libheapwalk.so")
