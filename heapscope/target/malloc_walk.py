"""The chunks of glibc's malloc in another process: the compiled walk over them, and what it found as arrays.

Never touches the process but by reading; a heap that makes no sense ends the walk, and is reported as such.
"""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from heapscope.errors import HeapscopeError

U64Array = npt.NDArray[np.uint64]

MAX_FREE_CHUNKS = 1 << 24  # 256 MB here; a heap that is more fragmented is counted in part
_AT_ONCE = 1 << 16
_MAX_GAPS = 64  # places in one region where the chunks break off
_RESUME_WITHIN = 1 << 20
_MAX_LIST = 1 << 22
_NEVER_S = 1e9
_ABI = 2
_DONE, _FULL, _LATE = 0, 1, 3
_LIBRARY = Path(__file__).with_name("native") / "libheapmalloc.so"
_HINT = "Install heapscope again; in a source tree: pip install -e . (needs a C compiler)"
_NO_CHUNKS: U64Array = np.empty((0, 2), dtype=np.uint64)


class _Walk(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in ("at", "end", "free_count", "used_count", "used_bytes", "before", "before_size", "deadline_ns")
    )


@dataclass(slots=True)
class Chunks:
    """The chunks of one region. ``free`` are (address, size) in address order; ``lost`` ranges could not be followed."""

    free: U64Array = field(default_factory=lambda: _NO_CHUNKS)
    used_count: int = 0
    used_bytes: int = 0
    lost: list[range] = field(default_factory=list)


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(_LIBRARY))
    except OSError as error:
        raise HeapscopeError("The compiled part of heapscope is missing or cannot be loaded", hint=_HINT) from error
    if library.heapmalloc_abi() != _ABI:
        raise HeapscopeError("The compiled part of heapscope belongs to another version", hint=_HINT)
    word = ctypes.c_uint64
    library.heapmalloc_walk.argtypes = [ctypes.c_int, ctypes.POINTER(_Walk), ctypes.c_void_p, word]
    library.heapmalloc_resume.argtypes = [ctypes.c_int, word, word, word]
    library.heapmalloc_resume.restype = word
    flag = ctypes.POINTER(ctypes.c_int)
    library.heapmalloc_list.argtypes = [ctypes.c_int, word, word, word, ctypes.c_int, flag]
    library.heapmalloc_list.restype = word
    return library


def walk_chunks(pid: int, start: int, end: int, deadline_s: float = math.inf) -> Chunks:
    """Go through the chunks between two addresses; the last one ends at ``end``. Past ``deadline_s`` (monotonic) the rest is lost.

    Time O(chunks), some nanoseconds each, and reading the memory that holds their headers. Does not raise for what it finds.
    """
    chunks = Chunks()
    parts: list[U64Array] = []
    pairs: U64Array = np.empty((_AT_ONCE, 2), dtype=np.uint64)
    walk = _Walk(at=start, end=end, deadline_ns=int(min(deadline_s, _NEVER_S) * 1e9))
    found = 0
    while walk.at < end or walk.before:
        state = _library().heapmalloc_walk(pid, ctypes.byref(walk), _place(pairs), _AT_ONCE)
        parts.append(pairs[: walk.free_count].copy())
        found += int(walk.free_count)
        if found > MAX_FREE_CHUNKS or state == _LATE:
            chunks.lost.append(range(walk.before or walk.at, end))
            break
        if state == _FULL:
            continue
        if state == _DONE:
            break
        broken_at = int(walk.before or walk.at)
        resumed = _library().heapmalloc_resume(pid, walk.at + 16, end, _RESUME_WITHIN)
        chunks.lost.append(range(broken_at, int(resumed) or end))
        if not resumed or len(chunks.lost) >= _MAX_GAPS:
            chunks.lost[-1] = range(broken_at, end)
            break
        walk.at, walk.before = resumed, 0
    chunks.free = np.concatenate(parts) if parts else _NO_CHUNKS
    chunks.used_count, chunks.used_bytes = int(walk.used_count), int(walk.used_bytes)
    return chunks


def count_list(pid: int, first: int, size: int) -> int:
    """Count the chunks of a list of fast chunks of ``size`` bytes, 0 if it is none."""
    best = 0
    for is_mangled in (1, 0):
        is_whole = ctypes.c_int()
        count = int(_library().heapmalloc_list(pid, first, size, _MAX_LIST, is_mangled, ctypes.byref(is_whole)))
        if is_whole.value:
            return count
        best = max(best, count)
    return best


def _place(array: npt.NDArray[Any]) -> int:
    return int(array.ctypes.data)
