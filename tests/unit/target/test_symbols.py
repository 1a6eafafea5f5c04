"""Symbols found in the memory of a process: this one."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import types
from collections.abc import Container

from heapscope.target.maps import mappings_by_file, parse_maps
from heapscope.target.symbols import TYPE_NAMES, data_end, find_python, find_symbols


def test_symbols_are_where_the_loader_has_put_them() -> None:
    """Functions of libc, data of the interpreter; what nobody exports is left out."""
    mappings = parse_maps(os.getpid())
    found = find_symbols(os.getpid(), mappings, ["Py_GetVersion", "PyCode_Type", "no_such_symbol", "PyCode_Type"])
    assert set(found) == {"Py_GetVersion", "PyCode_Type"}
    assert found["Py_GetVersion"].value == ctypes.cast(ctypes.pythonapi.Py_GetVersion, ctypes.c_void_p).value
    assert found["PyCode_Type"].value == id(types.CodeType)


def test_looking_stops_when_there_is_enough() -> None:
    """It is asked after each image, and a name that nobody exports does not make it go through all of them."""
    mappings = parse_maps(os.getpid())
    asked: list[bool] = []

    def is_enough(names: Container[str]) -> bool:
        asked.append("Py_GetVersion" in names)
        return asked[-1]

    assert "Py_GetVersion" in find_symbols(
        os.getpid(), mappings, ["Py_GetVersion", "no_such_symbol"], is_enough=is_enough
    )
    assert asked == [False] * (len(asked) - 1) + [True]
    assert len(asked) < len(mappings_by_file(mappings))


def test_the_interpreter_is_found_with_its_types() -> None:
    """In a process that runs one; nowhere without mappings."""
    image = find_python(os.getpid(), parse_maps(os.getpid()))
    assert image is not None
    assert set(image.types) == set(TYPE_NAMES)
    assert image.types["PyDict_Type"] == id(dict)
    assert image.types["PyFunction_Type"] == id(types.FunctionType)
    assert image.runtime.start == ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
    assert find_python(os.getpid(), []) is None


def test_data_ends_where_the_image_says_whatever_lies_behind() -> None:
    """Of the interpreter's image in this process: behind its state, within what is mapped there; of a heap there is no end."""
    mappings = parse_maps(os.getpid())
    image = find_python(os.getpid(), mappings)
    assert image is not None
    end = data_end(os.getpid(), mappings, image.runtime.start)
    assert end is not None
    assert end % 4096 == 0
    home = next(each for each in mappings if each.start <= image.runtime.start < each.end)
    assert image.runtime.stop <= end
    assert end <= home.end or any(each.start == home.end and each.start < end <= each.end for each in mappings)
    joined = [
        each if each is not home and each.start != home.end else dataclasses.replace(each, end=each.end + (1 << 20))
        for each in mappings
    ]
    assert data_end(os.getpid(), joined, image.runtime.start) == end
    heap = next(each for each in mappings if each.path == "[heap]")
    assert data_end(os.getpid(), mappings, heap.start) is None
