"""Owns what the screens know of single objects: all instances of a type in several orders, and one object with its neighbours.

Immutable; made in a worker thread, handed to the screens whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heapscope.analysis.roots import RootInfo
    from heapscope.snapshot.model import U32Array
    from heapscope.tui.holders import FoundPath


@dataclass(frozen=True, slots=True, eq=False)
class ObjectList:
    """Some objects, by object index. ``orders`` are ascending positions in ``objects``, by what they are ordered by.

    ``name_of`` gives the name of the reference at a position, "" where none is known. Sizes in requested bytes.
    """

    objects: U32Array
    orders: Mapping[str, U32Array]
    shallow_bytes: int = 0
    name_of: Callable[[int], str] = lambda _position: ""

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.objects.size)


@dataclass(frozen=True, slots=True, eq=False)
class ObjectFacts:
    """One object. ``members`` are what it refers to, with the entries of its namespace.

    ``way``, ``referrers`` and ``recursive_bytes`` take longer than the rest: they are None until known; ``is_complete`` says that
    nothing more will come. ``chosen_from`` is how many objects there were to choose from; the largest was taken.
    """

    index: int
    type_name: str
    shallow_bytes: int
    allocated_bytes: int
    retained_bytes: int
    refcount: int
    references_seen: int
    held_by_c: int | None
    length: int | None
    dict_state: str | None
    generation: int | None
    flags: tuple[str, ...]
    is_reachable: bool
    root: RootInfo | None
    place: str
    members: ObjectList
    chosen_from: int = 1
    way: FoundPath | None = None
    referrers: ObjectList | None = None
    recursive_bytes: int | None = None
    is_complete: bool = False
