"""Which Python a process runs: found by what is mapped, not by what the process calls itself.

Never stops or writes to the process, and never runs the interpreter to ask it.

A process is CPython when a mapped file defines ``Py_GetVersion`` and ``PyRun_SimpleString`` as dynamic symbols. That holds for
static, stripped, renamed, deleted and embedded builds alike, because extension modules need these symbols.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import BinaryIO

from heapscope.errors import HeapscopeError
from heapscope.target import elf
from heapscope.target.maps import Mapping, mappings_by_file, open_mapped

MAX_FILES = 512  # mapped code files looked at per process
MAX_CACHE = 8192
MAX_RODATA = 64 << 20  # bytes of one file searched for a version string; libpython has 1 to 3 MB
OLDEST_VERSION = (3, 8)
FREE_THREADED_HEAD = 24
"""Bytes of _PyRuntime that is_free_threaded_state needs."""

_WANTED = (
    "Py_GetVersion",
    "PyRun_SimpleString",
    "Py_Version",  # a u32, since 3.11
    "_PyRuntime",  # since 3.13 it starts with the debug offsets
    "_Py_NegativeRefcount",  # only in debug builds
    "_Py_DecRefShared",  # only in free-threaded builds
    "_PyEval_StopTheWorld",  # does something in free-threaded builds only, which export it since 3.14
)
_PATH_VERSION = re.compile(r"python(\d)\.(\d{1,2})([a-z]{0,2})(?![\d])")
# Linkers let a constant share the tail of a longer one, here of a path, so anything may stand in front.
_STORED_VERSION = re.compile(rb"(?<![0-9.])(3\.(\d{1,2})\.\d{1,2}(?:(?:a|b|rc)\d{1,2})?\+?)\x00")
_LEVELS = {0xA: "a", 0xB: "b", 0xC: "rc"}


@dataclass(frozen=True, slots=True)
class Runtime:
    """One Python implementation found in a process.

    ``version`` is None when the file does not tell; ``version_info`` may then still hold what the path tells.
    """

    implementation: str  # "cpython", "pypy", "graalpy"
    path: str
    version: str | None
    version_info: tuple[int, int] | None
    free_threaded: bool = False
    debug_build: bool = False
    machine: int = 0
    is_embedded: bool = False  # the program itself is neither python nor named like it
    can_stop_threads: bool = False  # exports what brings all threads of a free-threaded build to a safe point


_cache: dict[tuple[str, int, str], Runtime | None] = {}


def find_runtime(pid: int, mappings: Iterable[Mapping], exe_path: str = "") -> Runtime | None:
    """Return the Python of a process, or None. Answers per file are cached for the life of this process.

    Files with "python" in their name come first, then the program itself, then other mapped code.
    """
    files = mappings_by_file(mappings)
    groups = [group for group in files.values() if any(mapping.is_executable for mapping in group)]
    exe_path = exe_path.removesuffix(" (deleted)")
    groups.sort(key=lambda group: _rank(group[0].file_path, exe_path))
    for group in groups[:MAX_FILES]:
        runtime = _runtime_of_file(pid, group[0])
        if runtime is not None:
            return _seen_from(runtime, exe_path)
    return None


def is_python_name(text: str) -> bool:
    """Whether a program name looks like Python: all there is to go by where the memory map may not be read."""
    return re.match(r"(lib)?(python|pypy|graalpy)[\d.]*", os.path.basename(text)) is not None


def version_of_hex(value: int) -> str:
    """Write a ``PY_VERSION_HEX``: ``0x030e00c2`` is ``3.14.0rc2``."""
    major, minor, micro, level = value >> 24, value >> 16 & 255, value >> 8 & 255, value >> 4 & 15
    suffix = f"{_LEVELS[level]}{value & 15}" if level in _LEVELS else ""
    return f"{major}.{minor}.{micro}{suffix}"


def find_stored_version(data: bytes, hint: tuple[int, int] | None) -> str | None:
    """Find ``PY_VERSION`` among constant strings (3.10 and older export no version number).

    Other libraries' versions may look the same, so a minor version known from the path decides; without one the
    answer must be unique.
    """
    found = set()
    for match in _STORED_VERSION.finditer(data):
        minor = int(match[2])
        if (hint is None and 3 <= minor <= 10) or (hint is not None and minor == hint[1]):
            found.add(match[1].decode())
    return found.pop() if len(found) == 1 else None


def is_free_threaded_state(head: bytes) -> bool:
    """Tell from the first FREE_THREADED_HEAD bytes of _PyRuntime whether the build has no GIL.

    Source: ``cookie``, ``version`` and ``free_threaded`` of _Py_DebugOffsets, Include/internal/pycore_debug_offsets.h, 3.13+.
    """
    return head[:8] == b"xdebugpy" and head[16:24] != bytes(8)


def _rank(path: str, exe_path: str) -> int:
    base = os.path.basename(path)
    if "python" in base or "pypy" in base:
        return 0
    return 1 if path == exe_path else 2


def _seen_from(runtime: Runtime, exe_path: str) -> Runtime:
    embedded = exe_path not in ("", runtime.path) and not is_python_name(exe_path)
    if not embedded:
        return runtime
    return replace(runtime, is_embedded=True)


def _runtime_of_file(pid: int, mapping: Mapping) -> Runtime | None:
    key = (mapping.device, mapping.inode, mapping.path)
    if key in _cache:
        return _cache[key]
    base = os.path.basename(mapping.file_path)
    if base.startswith(("libpypy", "pypy")):
        runtime: Runtime | None = Runtime("pypy", mapping.file_path, None, None)
    elif base.startswith(("libgraalpy", "graalpy", "libpythonvm")):
        runtime = Runtime("graalpy", mapping.file_path, None, None)
    else:
        try:
            with open_mapped(pid, mapping) as file:
                runtime = _read_runtime(file, mapping.file_path)
        except (OSError, HeapscopeError):
            return None  # another process may be able to open it: not remembered
        except (elf.ElfError, struct.error):
            runtime = None
    if len(_cache) >= MAX_CACHE:
        _cache.clear()
    _cache[key] = runtime
    return runtime


def _read_runtime(file: BinaryIO, path: str) -> Runtime | None:
    layout, table = elf.symbols_of_file(file)
    symbols = table.find(_WANTED)
    if "Py_GetVersion" not in symbols or "PyRun_SimpleString" not in symbols:
        return None
    named = _PATH_VERSION.search(os.path.basename(path)) or _PATH_VERSION.search(path)
    hint = (int(named[1]), int(named[2])) if named else None
    if "Py_Version" in symbols:
        (value,) = struct.unpack("<I", elf.read_file_address(file, layout, symbols["Py_Version"].value, 4))
        version: str | None = version_of_hex(value)
        hint = (value >> 24, value >> 16 & 255)
    else:
        version = find_stored_version(_read_constants(file, layout), hint)
        hint = _minor_of(version) or hint
    flags = named[3] if named and (int(named[1]), int(named[2])) == hint else ""
    return Runtime(
        "cpython",
        path,
        version,
        hint,
        free_threaded="_Py_DecRefShared" in symbols or "t" in flags or _is_free_threaded(file, layout, symbols),
        debug_build="_Py_NegativeRefcount" in symbols or "d" in flags,
        machine=layout.machine,
        can_stop_threads="_PyEval_StopTheWorld" in symbols,
    )


def _is_free_threaded(file: BinaryIO, layout: elf.Layout, symbols: dict[str, elf.Symbol]) -> bool:
    if "_PyRuntime" not in symbols:
        return False
    try:
        data = elf.read_file_address(file, layout, symbols["_PyRuntime"].value, FREE_THREADED_HEAD)
    except elf.ElfError:
        return False  # zero-filled, hence before 3.13
    return is_free_threaded_state(data)


def _read_constants(file: BinaryIO, layout: elf.Layout) -> bytes:
    # Writable segments hold no constants; old linkers put them into the executable one.
    parts = []
    budget = MAX_RODATA
    for segment in layout.segments:
        if segment.flags & 2:
            continue
        size = min(segment.file_size, budget)
        parts.append(os.pread(file.fileno(), size, segment.offset))
        budget -= size
    return b"".join(parts)


def _minor_of(version: str | None) -> tuple[int, int] | None:
    if version is None:
        return None
    major, minor = version.split(".")[:2]
    return int(major), int(minor)
