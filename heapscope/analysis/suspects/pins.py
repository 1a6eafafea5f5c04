"""Which objects keep freed memory from being given back: the few that lie where everything around them was freed.

Never blames them: they were only made at the wrong time, between many that did not live. No I/O.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from heapscope.analysis.code_names import Place
from heapscope.analysis.suspects.model import PathStep
from heapscope.analysis.suspects.naming import Naming
from heapscope.analysis.suspects.scene import Scene
from heapscope.analysis.suspects.wording import kind_text
from heapscope.snapshot.model import U32Array
from heapscope.units import clean_text, format_count
from heapscope.wire.protocol import Flag

WINDOW_SHIFT = 18  # a quarter of a mebibyte: an arena of older versions
SPARSE = 0.2  # of a window: less is in use
MAX_SMALL = 512  # larger blocks are malloc's
WORTH = 0.5  # of the freed memory has to lie in such windows
KEPT_BY_ONE = 0.4


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Pins:
    """The objects in sparse windows, who holds most of them, and the code that uses that holder."""

    objects: U32Array
    holder: str
    path: tuple[PathStep, ...]
    users: tuple[Place, ...]
    sentence: str


def find_pins(scene: Scene, naming: Naming, freed: int, *, in_malloc: bool) -> Pins | None:
    """Find what pins ``freed`` bytes of malloc's, or of pymalloc's; None where that cannot be told. O(n log n)."""
    objects = _in_sparse_windows(scene, freed)
    objects = objects[(scene.snapshot.allocated[objects] > MAX_SMALL) == in_malloc]
    if not objects.size:
        return None
    keeper = scene.common_holder(objects, np.ones(objects.size, dtype=np.uint64), KEPT_BY_ONE)
    steps = naming.steps_to(keeper) if scene.is_object(keeper) else ()
    holder = naming.holder(steps)
    kinds = ", ".join(f"{format_count(count)} × {kind_text(name)}" for name, count in naming.types_in(objects)[:3])
    kept = f", most of them kept by {clean_text(holder, 120)}" if holder else ""
    sentence = f"{format_count(int(objects.size))} objects lie where nearly all around them was freed{kept}: {kinds}"
    return Pins(objects, holder, steps, naming.users_of(steps), sentence)


def _in_sparse_windows(scene: Scene, freed: int) -> U32Array:
    snapshot = scene.snapshot
    is_moving = (scene.tree.roots.reached != 0) & (snapshot.flags & np.uint32(Flag.IMMORTAL | Flag.SYNTHETIC) == 0)
    images = snapshot.memory.images if snapshot.memory is not None else ()
    for start, end in images:
        is_moving &= ~((snapshot.address >= np.uint64(start)) & (snapshot.address < np.uint64(end)))
    objects = np.flatnonzero(is_moving).astype(np.uint32)
    windows, inverse = np.unique(snapshot.address[objects] >> np.uint64(WINDOW_SHIFT), return_inverse=True)
    used = np.bincount(inverse, weights=snapshot.allocated[objects], minlength=windows.size)
    is_sparse = used < SPARSE * (1 << WINDOW_SHIFT)
    if int(np.count_nonzero(is_sparse)) << WINDOW_SHIFT < WORTH * freed:
        return objects[:0]
    return objects[is_sparse[inverse]]
