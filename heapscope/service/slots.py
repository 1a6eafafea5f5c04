"""The use case "advise on slots": the snapshot, the code in it, and the sources behind it, joined for front ends.

Never judges anything itself: analysis does. Reads files of the target, through its own root while it runs.
"""

from __future__ import annotations

from heapscope.analysis.slots.advice import advise_slots
from heapscope.analysis.slots.evidence import Evidence
from heapscope.analysis.slots.model import SlotsRow
from heapscope.service.target_source import TargetSources
from heapscope.snapshot.model import Snapshot


def advise(snapshot: Snapshot, *, min_instances: int = 1, all_is_ours: bool = False) -> tuple[SlotsRow, ...]:
    """Judge every class with a ``__dict__`` per instance, largest saving first; sources count where they can be read.

    With ``all_is_ours`` classes of libraries are judged as if they could be changed. O(objects), and some milliseconds for each
    file of source that is read.
    """
    evidence = evidence_of(snapshot, all_is_ours=all_is_ours)
    return advise_slots(snapshot, evidence=evidence, min_instances=min_instances)


def evidence_of(snapshot: Snapshot, *, all_is_ours: bool = False) -> Evidence:
    """Give what the snapshot, and the sources that can be read, show of all code. Reads nothing yet."""
    return Evidence(snapshot, TargetSources.of(snapshot.meta).module, all_is_ours=all_is_ours)
