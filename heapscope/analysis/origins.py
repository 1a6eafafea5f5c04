"""Whose code a class is: the application's, a third party's, or Python's own.

Never opens a file: decides by paths and module names as the target reported them.
"""

from __future__ import annotations

import enum
import re
import sys
from collections.abc import Iterable

from heapscope.snapshot.model import TypeInfo

_INSTALLED = re.compile(r"/(?:site|dist)-packages/")
_STANDARD_LIBRARY = re.compile(r"(?:/lib(?:64)?/python[23](?:\.\d+)?t?/|/python3\d*\.zip/|^<frozen )")


class Origin(enum.Enum):
    """Whose code a class is."""

    APPLICATION = "application"
    THIRD_PARTY = "third party"
    STANDARD_LIBRARY = "standard library"
    BUILT_IN = "built-in"


def origin_of(info: TypeInfo, package_file: str = "") -> Origin:
    """Decide by the class's file, else by a file known for its package, else by its module's name."""
    if not info.is_heap:
        return Origin.BUILT_IN
    package = top_package(info)
    for path in (info.file, package_file):
        if path.startswith(("/", "<frozen ")) and _is_of(package, path):
            return origin_of_path(path)
    if package == "builtins":
        return Origin.BUILT_IN
    if package != "__main__" and package in sys.stdlib_module_names:
        return Origin.STANDARD_LIBRARY
    return Origin.APPLICATION


def origin_of_path(path: str) -> Origin:
    """Decide by a path alone."""
    if _INSTALLED.search(path):
        return Origin.THIRD_PARTY
    return Origin.STANDARD_LIBRARY if _STANDARD_LIBRARY.search(path) else Origin.APPLICATION


def _is_of(package: str, path: str) -> bool:
    """Tell whether a file can be of a package: a class also has functions that a library made for it or lent it."""
    origin = origin_of_path(path)
    if origin is Origin.STANDARD_LIBRARY and package in sys.stdlib_module_names and package != "__main__":
        return True
    inside = (_INSTALLED if origin is Origin.THIRD_PARTY else _STANDARD_LIBRARY).split(path)[-1]
    return origin is Origin.APPLICATION or inside.partition("/")[0].partition(".")[0] == package


def top_package(info: TypeInfo) -> str:
    """Give the first part of the module's name."""
    return (info.module or info.name.rpartition(".")[0]).partition(".")[0]


def files_by_package(types: Iterable[TypeInfo]) -> dict[str, str]:
    """Collect one file per top-level package, for classes without code of their own."""
    files: dict[str, str] = {}
    for info in types:
        package = top_package(info)
        if info.is_heap and info.file.startswith("/") and _is_of(package, info.file):
            files.setdefault(package, info.file)
    return files
