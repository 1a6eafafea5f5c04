"""The compiled kernels of this package: loads the library and names its functions and answers.

Never checks what bytes or addresses mean: the kernels do. Plain C, called through ctypes, which releases the GIL.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import numpy.typing as npt

from heapscope.errors import HeapscopeError

OK = 0
MEMORY = 1
DUPLICATE = 12
UNFIT = 13

FAULTS = {
    2: "a batch of objects is cut off",
    3: "the checksum of a batch of objects is wrong",
    4: "a number has more than 64 bits",
    5: "an address has more than 64 bits",
    6: "a type number is unknown, or there are too many types",
    7: "a row has fields that nobody knows",
    8: "the flags or the references of an object are beyond 32 bits",
    9: "the counts of a batch of objects do not fit its rows",
    10: "a batch of objects is larger than its room",
    11: "a batch of objects before was wrong",
    14: "the reference counts do not add up to the references",
}

_ABI = 2
_LIBRARY = Path(__file__).with_name("native") / "libheapdecode.so"
_HINT = "Install heapscope again; in a source tree: pip install -e . (needs a C compiler)"

_HANDLE = ctypes.c_void_p
_PLACE = ctypes.c_void_p  # the first element of an array
_U32, _U64, _SIZE = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_size_t
_INT = ctypes.c_int
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "heapmemory_resize": (_PLACE, [_PLACE, _SIZE, _SIZE]),
    "heapdecode_open": (_HANDLE, [_U32]),
    "heapdecode_close": (None, [_HANDLE]),
    "heapdecode_feed": (_INT, [_HANDLE, _PLACE, _SIZE, _PLACE]),
    "heapdecode_is_open": (_INT, [_HANDLE]),
    "heapdecode_intern": (_INT, [_HANDLE, _PLACE, _SIZE, _PLACE]),
    "heapdecode_type_count": (_U32, [_HANDLE]),
    "heapdecode_types": (None, [_HANDLE, _PLACE]),
    "heapdecode_total": (None, [_PLACE, _PLACE, _PLACE, _PLACE, _U64, _U64, _PLACE]),
    "heapindex_open": (_INT, [_PLACE, _U32, _U64, _U32, ctypes.POINTER(_HANDLE)]),
    "heapindex_close": (None, [_HANDLE]),
    "heapindex_find": (None, [_HANDLE, _PLACE, _U64, _PLACE]),
    "heapindex_compact": (_INT, [_PLACE, _U32, _PLACE, _U64, _PLACE]),
}


@cache
def library() -> ctypes.CDLL:
    """Load the library, once.

    Raises:
        HeapscopeError: it is missing, or belongs to another version.
    """
    try:
        loaded = ctypes.CDLL(str(_LIBRARY))
    except OSError as error:
        raise HeapscopeError("The compiled part of heapscope is missing or cannot be loaded", hint=_HINT) from error
    if loaded.heapdecode_abi() != _ABI:
        raise HeapscopeError("The compiled part of heapscope belongs to another version", hint=_HINT)
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def place(array: npt.NDArray[Any]) -> int:
    """Give the address of the first element. The caller keeps the array alive, and knows that it is contiguous."""
    return int(array.ctypes.data)


def out_of_memory() -> HeapscopeError:
    """Make the error that says so."""
    return HeapscopeError("There is not enough memory", hint="Free some, or work on a machine with more.")
