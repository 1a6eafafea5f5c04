"""The compiled kernels, as Python functions over numpy arrays.

Never checks what the arrays mean: that is the callers' work. The kernels check every index against its bounds.

The library is plain C without any knowledge of Python, called through ctypes, which releases the GIL for the call.
"""

from __future__ import annotations

import ctypes
import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from heapscope.errors import HeapscopeError
from heapscope.snapshot.model import U8Array, U32Array, U64Array

GROUPS_PER_PASS = 256
NONE = 0xFFFFFFFF

_ABI = 1
_LIBRARY = Path(__file__).with_name("native") / "libheapgraph.so"
_HINT = "Install heapscope again; in a source tree: pip install -e . (needs a C compiler)"

_U8: Any = np.ctypeslib.ndpointer(dtype=np.uint8, ndim=1, flags="C_CONTIGUOUS")
_U32: Any = np.ctypeslib.ndpointer(dtype=np.uint32, ndim=1, flags="C_CONTIGUOUS")
_U64: Any = np.ctypeslib.ndpointer(dtype=np.uint64, ndim=1, flags="C_CONTIGUOUS")
_COUNT_OUT: Any = ctypes.POINTER(ctypes.c_uint32)
_GRAPH: list[Any] = [ctypes.c_uint32, _U64, _U32, ctypes.c_uint64]


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(_LIBRARY))
    except OSError as error:
        raise HeapscopeError("The compiled part of heapscope is missing or cannot be loaded", hint=_HINT) from error
    if library.heapgraph_abi() != _ABI:
        raise HeapscopeError("The compiled part of heapscope belongs to another version", hint=_HINT)
    library.heapgraph_components.argtypes = [*_GRAPH, _U8, _U32, _U32, _COUNT_OUT, _COUNT_OUT]
    library.heapgraph_condense.argtypes = [*_GRAPH, _U32, _U32, ctypes.c_uint32, ctypes.c_uint32, _U64, _U32]
    closure = [_U32, ctypes.c_uint32, _U64, _U32, _U64, _U64, _U32, ctypes.c_uint32, ctypes.c_uint32, _U64]
    library.heapgraph_closure_sizes.argtypes = [*_GRAPH, *closure]
    return library


def _check(result: int) -> None:
    if result != 0:
        raise HeapscopeError(
            "A kernel failed: not enough memory, or references out of bounds",
            hint="Open the snapshot on a machine with more memory.",
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Components:
    """Strongly connected components; references between them lead from higher to lower numbers.

    ``component`` is per object, NONE for a boundary. ``offsets`` and ``targets`` are the references between components.
    """

    count: int
    component: U32Array
    offsets: U64Array
    targets: U32Array


def _contiguous(array: npt.NDArray[Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    return np.ascontiguousarray(array, dtype=dtype)


def find_components(offsets: U64Array, targets: U32Array, boundary: U8Array) -> Components:
    """Find components without entering boundaries. O(n + m) time; 13 bytes per object and 16 per level of depth."""
    object_count = offsets.size - 1
    if object_count != boundary.size:
        raise ValueError("columns differ in length")
    graph = (object_count, _contiguous(offsets, np.uint64), _contiguous(targets, np.uint32), targets.size)
    component = np.empty(object_count, dtype=np.uint32)
    order = np.empty(object_count, dtype=np.uint32)
    order_count, count = ctypes.c_uint32(), ctypes.c_uint32()
    by_reference = ctypes.byref(order_count), ctypes.byref(count)
    library = _library()
    _check(library.heapgraph_components(*graph, _contiguous(boundary, np.uint8), component, order, *by_reference))
    component_offsets = np.empty(count.value + 1, dtype=np.uint64)
    component_targets = np.empty(targets.size, dtype=np.uint32)
    outputs = component_offsets, component_targets
    _check(library.heapgraph_condense(*graph, component, order, order_count.value, count.value, *outputs))
    return Components(count.value, component, component_offsets, component_targets)


def closure_sizes(
    offsets: U64Array,
    targets: U32Array,
    components: Components,
    *,
    component_size: U64Array,
    object_size: U64Array,
    group: U32Array,
    first_group: int,
    group_count: int,
) -> U64Array:
    """Give the size of what each of at most GROUPS_PER_PASS groups reaches. O(n + m) time, 32 bytes per component."""
    object_count = offsets.size - 1
    per_object = (components.component, object_size, group)
    if any(column.size != object_count for column in per_object) or component_size.size != components.count:
        raise ValueError("columns differ in length")
    sizes = np.zeros(group_count, dtype=np.uint64)
    result = _library().heapgraph_closure_sizes(
        object_count,
        _contiguous(offsets, np.uint64),
        _contiguous(targets, np.uint32),
        targets.size,
        components.component,
        components.count,
        components.offsets,
        components.targets,
        _contiguous(component_size, np.uint64),
        _contiguous(object_size, np.uint64),
        _contiguous(group, np.uint32),
        first_group,
        group_count,
        sizes,
    )
    _check(result)
    return sizes
