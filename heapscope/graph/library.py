"""The compiled kernels: finding the library, and running one of its functions while somebody watches.

Never knows what a kernel computes. The library is plain C without any knowledge of Python, called through ctypes, which
releases the GIL for the call; every kernel counts its steps and gives up when told to (graph/native/control.h).
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from heapscope.errors import Cancelled, HeapscopeError
from heapscope.oversight import UNWATCHED, Oversight
from heapscope.snapshot.model import U32Array, U64Array

__all__ = [
    "NONE",
    "UNWATCHED",
    "NativeGraph",
    "NativeHolders",
    "NativeRoots",
    "Oversight",
    "contiguous",
    "pointer_or_null",
    "run",
]

NONE = 0xFFFFFFFF

_ABI = 2
_LIBRARY = Path(__file__).with_name("native") / "libheapgraph.so"
_HINT = "Install heapscope again; in a source tree: pip install -e . (needs a C compiler)"
_OK = 0
_CANCELLED = -2

POLL_S = 0.02  # how long a caller that gave up waits at most, but for the kernel's own milliseconds
DIRECT_STEPS = 200_000  # some milliseconds: less than starting a thread is worth watching

U8: Any = np.ctypeslib.ndpointer(dtype=np.uint8, ndim=1, flags="C_CONTIGUOUS")
U32: Any = np.ctypeslib.ndpointer(dtype=np.uint32, ndim=1, flags="C_CONTIGUOUS")
U64: Any = np.ctypeslib.ndpointer(dtype=np.uint64, ndim=1, flags="C_CONTIGUOUS")


class _Control(ctypes.Structure):
    _fields_ = (("cancel", ctypes.c_uint32), ("unused", ctypes.c_uint32), ("done", ctypes.c_uint64))


class NativeGraph(ctypes.Structure):
    """References as the kernels take them. Keeps the arrays alive."""

    _fields_ = (
        ("offsets", ctypes.c_void_p),
        ("targets", ctypes.c_void_p),
        ("target_count", ctypes.c_uint64),
        ("object_count", ctypes.c_uint32),
    )

    @classmethod
    def of(cls, offsets: U64Array, targets: U32Array) -> Self:
        """View arrays; copies only what is not contiguous or of another type."""
        offsets, targets = contiguous(offsets, np.uint64), contiguous(targets, np.uint32)
        graph = cls(offsets.ctypes.data, targets.ctypes.data, targets.size, offsets.size - 1)
        graph.arrays = offsets, targets
        return graph


class NativeRoots(ctypes.Structure):
    """Roots as heapgraph_dominators takes them. Keeps the arrays alive."""

    _fields_ = (
        ("tops", ctypes.c_void_p),
        ("member_offsets", ctypes.c_void_p),
        ("members", ctypes.c_void_p),
        ("top_count", ctypes.c_uint32),
        ("group_count", ctypes.c_uint32),
    )


class NativeHolders(ctypes.Structure):
    """Columns of holders as heapgraph_holders fills them. Keeps the arrays alive."""

    _fields_ = (
        ("parent", ctypes.c_void_p),
        ("name", ctypes.c_void_p),
        ("kind", ctypes.c_void_p),
        ("first", ctypes.c_void_p),
    )

    @classmethod
    def of(cls, *columns: U32Array) -> Self:
        """View arrays of the limit's length."""
        holders = cls(*(column.ctypes.data for column in columns))
        holders.arrays = columns
        return holders


_GRAPH: Any = ctypes.POINTER(NativeGraph)
_ROOTS: Any = ctypes.POINTER(NativeRoots)
_HOLDERS: Any = ctypes.POINTER(NativeHolders)
_CONTROL: Any = ctypes.POINTER(_Control)
_COUNT: Any = ctypes.c_uint32
_COUNT_OUT: Any = ctypes.POINTER(ctypes.c_uint32)
_SIZE_OUT: Any = ctypes.POINTER(ctypes.c_uint64)
_OPTIONAL: Any = ctypes.c_void_p

# After the graph, where there is one, and the control.
_SIGNATURES: dict[str, list[Any]] = {
    "reverse": [_GRAPH, ctypes.c_int, U64, U32],
    "in_degrees": [_GRAPH, _OPTIONAL, U32],
    "reach": [_GRAPH, U32, _COUNT, _OPTIONAL, U8, _SIZE_OUT],
    "search": [_GRAPH, U32, _COUNT, U32, U32, _COUNT, _COUNT, U8, U32, U32, U32, _COUNT_OUT],
    "lost_without": [_GRAPH, U32, _COUNT, U32, _COUNT, _COUNT, U64, U64],
    "dominators": [_GRAPH, _ROOTS, U32, U32, _COUNT_OUT],
    "children": [_COUNT, U32, U64, U32],
    "accumulate": [_COUNT, U32, U32, _COUNT, U64],
    "topmost": [_GRAPH, _COUNT, U32, _COUNT, U64, U8, U64],
    "shapes": [_COUNT, U32, U32, _COUNT, U32, _COUNT, U32, U32, U32, _COUNT_OUT],
    "places": [_GRAPH, U32, U32],
    "holders": [_COUNT, U32, U32, _COUNT, U32, U32, _COUNT, _COUNT, _COUNT, U32, _HOLDERS, _COUNT_OUT],
    "components": [_GRAPH, U8, U32, U32, _COUNT_OUT, _COUNT_OUT],
    "condense": [_GRAPH, U32, U32, _COUNT, _COUNT, U64, U32],
    "covered": [_GRAPH, U8, U8],
    "closure_sizes": [_GRAPH, U32, _GRAPH, U64, U64, U32, _COUNT, _COUNT, U64],
}


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(_LIBRARY))
    except OSError as error:
        raise HeapscopeError("The compiled part of heapscope is missing or cannot be loaded", hint=_HINT) from error
    if library.heapgraph_abi() != _ABI:
        raise HeapscopeError("The compiled part of heapscope belongs to another version", hint=_HINT)
    for name, arguments in _SIGNATURES.items():
        at = 1 if arguments[0] is _GRAPH else 0
        getattr(library, f"heapgraph_{name}").argtypes = [*arguments[:at], _CONTROL, *arguments[at:]]
    return library


def run(name: str, *arguments: object, steps: int, oversight: Oversight = UNWATCHED) -> None:
    """Run a kernel: ``arguments`` without the control, about ``steps`` steps in all.

    Raises:
        Cancelled: the watcher gave up; at most POLL_S and some milliseconds ago.
        HeapscopeError: memory ran out, or an index is out of bounds.
    """
    oversight.check()
    function = getattr(_library(), f"heapgraph_{name}")
    control = _Control()
    at = 1 if isinstance(arguments[0], NativeGraph) else 0
    call = (*arguments[:at], ctypes.byref(control), *arguments[at:])
    result = function(*call) if steps <= DIRECT_STEPS else _run_watched(function, call, control, steps, oversight)
    if result == _CANCELLED:
        raise Cancelled("The computation was given up")
    if result != _OK:
        raise HeapscopeError(
            "A kernel failed: not enough memory, or references out of bounds",
            hint="Open the snapshot on a machine with more memory.",
        )


def _run_watched(
    function: Callable[..., int], call: tuple[object, ...], control: _Control, steps: int, oversight: Oversight
) -> int:
    results: list[int] = []
    thread = threading.Thread(target=lambda: results.append(function(*call)), name="heapscope kernel", daemon=True)
    thread.start()
    try:
        thread.join(POLL_S)
        while thread.is_alive():
            oversight.report(min(1.0, control.done / steps))
            if oversight.is_cancelled():
                control.cancel = 1
            thread.join(POLL_S)
    finally:
        # Also after KeyboardInterrupt: the kernel writes into arrays that the caller is about to drop.
        control.cancel = 1
        thread.join()
    return results[0]


def contiguous(array: npt.NDArray[Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Return the array as the kernels need it; a copy only if it is not so already."""
    return np.ascontiguousarray(array, dtype=dtype)


def pointer_or_null(array: npt.NDArray[Any] | None) -> int | None:
    """Return the address of an array's contents, None for none. The caller keeps the array."""
    return None if array is None else array.ctypes.data
