"""What a detector hands on: a suspect with the objects that it is about, so that the same thing seen twice can be told.

Never shown to anybody: reports hold the suspects alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from heapscope.analysis.suspects.model import Confidence, Suspect
from heapscope.analysis.suspects.naming import Naming
from heapscope.analysis.suspects.scene import Scene
from heapscope.snapshot.model import U32Array

NOBODY: U32Array = np.empty(0, dtype=np.uint32)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A suspect, and the ``members`` that retain what it is about: disjoint parts of the tree."""

    suspect: Suspect
    members: U32Array = dataclasses.field(default_factory=lambda: NOBODY)


Detector = Callable[[Scene, Naming], list[Found]]


def lowered(confidence: Confidence, doubts: int) -> Confidence:
    """Take one level off for every doubt."""
    return Confidence(max(Confidence.LOW, confidence - doubts))


def raised(confidence: Confidence) -> Confidence:
    """Add one level."""
    return Confidence(min(Confidence.HIGH, confidence + 1))


def by_share(share: float, alarm: float) -> Confidence:
    """Grade what should not be there at all by its size: a little, an alarm, much."""
    if share < alarm:
        return Confidence.LOW
    return Confidence.HIGH if share >= 2.5 * alarm else Confidence.MEDIUM
