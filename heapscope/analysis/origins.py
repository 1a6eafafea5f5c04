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
    for path in (info.file, package_file):
        if path.startswith(("/", "<frozen ")):
            return origin_of_path(path)
    package = top_package(info)
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


def top_package(info: TypeInfo) -> str:
    """Give the first part of the module's name."""
    return (info.module or info.name.rpartition(".")[0]).partition(".")[0]


def files_by_package(types: Iterable[TypeInfo]) -> dict[str, str]:
    """Collect one file per top-level package, for classes without code of their own."""
    files: dict[str, str] = {}
    for info in types:
        if info.is_heap and info.file.startswith("/"):
            files.setdefault(top_package(info), info.file)
    return files
