"""Sentences that several kinds of suspects share. Pure; names of the target come out as recorded, bounded in length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from heapscope.analysis.code_names import Place
from heapscope.analysis.suspects.naming import Naming
from heapscope.analysis.suspects.scene import Scene
from heapscope.snapshot.model import U32Array
from heapscope.units import clean_text, format_bytes, format_count, short_type_name

MAX_NAME = 120


def address_of(scene: Scene, index: int) -> str:
    """Write the address of an object, as commands take it."""
    return f"{int(scene.snapshot.address[index]):#x}"


def entries_text(kind: str, entries: int | None) -> str:
    """Say how many entries a container has."""
    return f"{format_count(entries)} entries" if entries is not None else f"this {kind}"


def kind_text(name: str) -> str:
    """Write a type's name for people."""
    return clean_text(short_type_name(name), MAX_NAME)


def sentence_of_children(scene: Scene, naming: Naming, children: U32Array, subject: str) -> str:
    """Say what an object holds alone: the most frequent types, and the mean size."""
    objects = children[children < scene.snapshot.object_count]
    if not objects.size:
        return f"{subject}, and nothing below that it holds alone"
    retained = int(scene.tree.retained[objects].sum())
    kinds = naming.types_in(objects)[:3]
    listed = ", ".join(f"{format_count(count)} × {kind_text(name)}" for name, count in kinds)
    mean = format_bytes(retained // objects.size)
    return f"{subject}; it alone holds {format_count(int(objects.size))} objects of {mean} each on average: {listed}"


def users_sentence(users: Sequence[Place]) -> str:
    """Name the code that uses a holder."""
    return "used by " + ", ".join(clean_text(str(place), 200) for place in users)


def mean_retained(scene: Scene, objects: U32Array) -> int:
    """Give the mean retained size of some objects, in bytes."""
    return int(scene.tree.retained[objects].mean()) if objects.size else 0


def total_retained(scene: Scene, objects: U32Array) -> int:
    """Give the sum of the retained sizes of objects that retain disjoint parts."""
    return int(scene.tree.retained[np.asarray(objects, dtype=np.uint32)].sum())
