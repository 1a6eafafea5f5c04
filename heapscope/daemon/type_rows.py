"""Which types a record names: the largest, and the rest as one.

Never loads anything large: every worker needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from heapscope.daemon.model import OTHER, TypeCount
from heapscope.units import clean_text

TOP_TYPES = 300
MAX_NAME = 300


class Row(Protocol):
    """What is counted of a type name."""

    @property
    def name(self) -> str:
        """The type's, as the target has it."""

    @property
    def count(self) -> int:
        """How many objects."""

    @property
    def shallow_bytes(self) -> int:
        """Their bytes."""


def top_types(rows: Sequence[Row]) -> tuple[TypeCount, ...]:
    """Keep the first rows, cleaned; what is not among them is OTHER. ``rows``: largest first."""
    found = [TypeCount(clean_text(row.name, MAX_NAME), row.count, row.shallow_bytes) for row in rows[:TOP_TYPES]]
    rest = rows[TOP_TYPES:]
    if rest:
        found.append(TypeCount(OTHER, sum(row.count for row in rest), sum(row.shallow_bytes for row in rest)))
    return tuple(found)
