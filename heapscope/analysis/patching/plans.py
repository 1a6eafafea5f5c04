"""Which files the changes of class statements are in, and which others a patch has to read.

Never judges whether the change is wise, and never reads a source. Loads no libcst.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

from heapscope.analysis.slots.model import ClassChange
from heapscope.snapshot.model import Snapshot

MAX_FILES = 200  # files read for one patch, those with subclasses included


def with_files(changes: Sequence[ClassChange], snapshot: Snapshot) -> tuple[ClassChange, ...]:
    """Fill in the file where a class's own methods show none, or that of a decorator which made them: its module's file.

    That is the file of the module's name, else the one that most classes of the module are in.
    """
    modules = {info.name: info.module for info in snapshot.types}
    files: dict[str, Counter[str]] = {}
    for info in snapshot.types:
        if info.file.startswith("/"):
            files.setdefault(info.module, Counter())[info.file] += 1

    def fill(change: ClassChange) -> ClassChange:
        module = modules.get(change.type_name, "")
        found = files.get(module, Counter())
        best = max(found, key=lambda file: (_is_file_of(file, module), found[file], file), default="")
        good = change.file.startswith("/") and (_is_file_of(change.file, module) or not _is_file_of(best, module))
        if best == change.file or not best or (good and module != "__main__"):
            return change
        return dataclasses.replace(change, file=best, line=0)

    return tuple(fill(change) for change in changes)


def _is_file_of(file: str, module: str) -> bool:
    words = file.removesuffix(".py").removesuffix("/__init__").split("/")
    wanted = module.split(".")
    return words[-len(wanted) :] == wanted


def files_to_read(changes: Sequence[ClassChange], snapshot: Snapshot) -> list[str]:
    """Give the files of the changes, then those of subclasses, which may have something to say about the change."""
    names = {change.type_name for change in changes}
    addresses = {info.address for info in snapshot.types if info.name in names}
    heirs = [info.file for info in snapshot.types if addresses.intersection(info.mro)]
    found = dict.fromkeys([*(change.file for change in changes), *heirs])
    return [file for file in found if file.startswith("/")][:MAX_FILES]
