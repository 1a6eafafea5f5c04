"""What goes into a patch and what comes out of it.

Never parses anything; loading it costs nothing (libcst takes 0.6 s).
"""

from __future__ import annotations

import dataclasses

from heapscope.analysis.slots.layout import Version


class Refused(Exception):
    """A class that is left as it is, because the right change is not certain. ``line`` is 0 where no line shows why."""

    def __init__(self, text: str, line: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.line = line


@dataclasses.dataclass(frozen=True, slots=True)
class PatchOptions:
    """``version`` is the target's; ``old_pickles`` has pickles written before the change load after it."""

    version: Version
    old_pickles: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class PatchNote:
    """Something to know about the patch of one class. ``is_refusal``: the class was left as it is."""

    type_name: str
    text: str
    file: str = ""
    line: int = 0
    is_refusal: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class FilePatch:
    """One changed file, as bytes in its own encoding, and the classes that were changed in it."""

    file: str
    old: bytes
    new: bytes
    type_names: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Patch:
    """All changed files, and what could not be changed or has to be known."""

    files: tuple[FilePatch, ...] = ()
    notes: tuple[PatchNote, ...] = ()

    @property
    def type_names(self) -> tuple[str, ...]:
        """The classes that were changed."""
        return tuple(name for file in self.files for name in file.type_names)
