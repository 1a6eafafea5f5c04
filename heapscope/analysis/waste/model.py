"""What the search for waste speaks of: patterns, how sure a figure is, findings, rows, the report.

Never computes more than a property of one record. No I/O.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from heapscope.analysis.roots import RootInfo
from heapscope.snapshot.model import U32Array, U64Array

I64Array = npt.NDArray[np.int64]

MIN_BYTES = 64 << 10  # less is not worth a person's time, however small the heap
MIN_SHARE = 0.001  # of the heap; less disappears in the noise of the next capture


class Pattern(enum.StrEnum):
    """One kind of waste. The values are a contract (docs/cli.md)."""

    RECORDS = "dict records"
    DICT_READ = "read __dict__"
    UNSHARED = "unshared __dict__"
    CLIFF = "too many attributes"
    RESERVED = "reserved attributes"
    NUMBERS = "boxed numbers"
    DUPLICATES = "duplicates"
    SPARSE = "sparse containers"
    EMPTY = "empty containers"
    WIDE_TEXT = "wide text"
    CACHED_UTF8 = "cached utf-8"


class Precision(enum.StrEnum):
    """How sure a saving is. EXACT: what the allocator would give back. AT_MOST: contents decide, and are not recorded."""

    EXACT = "exact"
    ESTIMATE = "estimate"
    AT_MOST = "at most"


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """Objects with one fault, before anybody has asked who holds them.

    ``objects`` are object indexes; ``saves[k]`` are allocated bytes that ``objects[k]`` stands for, as is ``now[k]`` what they
    cost today. ``splits`` says that different holders are different rows; ``describe`` then gives the details of one.
    """

    pattern: Pattern
    subject: str
    type_name: str
    objects: U32Array
    now: U64Array
    saves: U64Array
    fix: str
    precision: Precision = Precision.EXACT
    names: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    describe: Callable[[U32Array], tuple[str, ...]] | None = None
    splits: bool = False

    @property
    def saves_bytes(self) -> int:
        """What the fix saves in all."""
        return int(self.saves.sum())


@dataclasses.dataclass(frozen=True, slots=True)
class HolderStep:
    """One step on the way from a root: how it is called by the one before, "" where that is not known or differs."""

    name: str
    type_name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Owner:
    """Who holds objects: the way from a root that the largest part of them shares, ``share`` 0...1 of them."""

    root: RootInfo
    steps: tuple[HolderStep, ...]
    share: float


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class WasteRow:
    """One thing to change. Sizes are allocated bytes; ``objects`` are object indexes, in no particular order.

    ``subject`` says what they are, ``names`` are keys or attributes. ``owner`` is None for garbage.
    """

    pattern: Pattern
    subject: str
    type_name: str
    objects: U32Array
    bytes_now: int
    saves_bytes: int
    precision: Precision
    owner: Owner | None
    fix: str
    names: tuple[str, ...]
    details: tuple[str, ...]
    share: float

    @property
    def count(self) -> int:
        """How many objects the row speaks of."""
        return int(self.objects.size)

    @property
    def example(self) -> int:
        """The object index of one of them."""
        return int(self.objects[0])

    @property
    def each_bytes(self) -> int:
        """What one of the objects costs today, on average."""
        return round(self.bytes_now / self.count) if self.count else 0


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class WasteReport:
    """All rows, largest saving first. Rows of different patterns may speak of the same bytes, so no sum is given.

    ``not_recorded`` says what the capture had no facts about. ``least_bytes`` is the saving below which rows were left out.
    """

    rows: tuple[WasteRow, ...]
    not_recorded: tuple[str, ...]
    least_bytes: int


def least_of(heap_bytes: int) -> int:
    """Give the saving below which a row is left out unless somebody says otherwise."""
    return max(MIN_BYTES, int(heap_bytes * MIN_SHARE))
