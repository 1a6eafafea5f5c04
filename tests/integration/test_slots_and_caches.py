"""Slots have their names, and lru_caches their counts, in a capture of any release."""

from __future__ import annotations

from typing import Any

import pytest

from heapscope.analysis.edge_names import EdgeNames
from heapscope.service.capture import CaptureOptions, capture
from heapscope.snapshot.model import Snapshot
from tests.support.pythons import Python, usual_pythons
from tests.support.targets import Situation, running

pytestmark = [pytest.mark.integration, pytest.mark.apart]

SITUATION = Situation("slots and caches", "slots_and_caches.py")
TIMEOUT_S = 200.0


def captured(python: Python, *collectors: str) -> tuple[dict[str, Any], list[Snapshot]]:
    """Capture with some collectors; what the program says comes with it."""
    with running(python, SITUATION) as target:
        truth = target.ask("truth")
        found = [capture(target.pid, CaptureOptions(collector=one, timeout_s=TIMEOUT_S)) for one in collectors]
        assert target.ask("truth") == truth
    return truth, found


def counts_in(snapshot: Snapshot) -> dict[str, list[int | None]]:
    """Give what each cache counts, as cache_info does: hits, misses, maxsize, currsize."""
    return {
        str(int(snapshot.address[one.object_index])): [
            *(one.hits, one.misses, one.limit),
            int(snapshot.length[one.table_index]),
        ]
        for one in snapshot.caches
    }


def check_names(snapshot: Snapshot, truth: dict[str, Any]) -> None:
    """Each slot that is filled is named, also where another one holds the same object; nothing has a wrong name."""
    names = EdgeNames(snapshot)
    place = {int(address): index for index, address in enumerate(snapshot.address.tolist())}
    for address, slots in truth["slots"].items():
        holder = place[int(address)]
        for name, held in slots.items():
            same = {f".{other}" for other, target in slots.items() if target == held}
            assert names.name(holder, place[held]) in same, (snapshot.type_index[holder], name)
        offsets = snapshot.reference_offsets
        references = snapshot.reference_targets[int(offsets[holder]) : int(offsets[holder + 1])].tolist()
        others = {int(snapshot.address[one]) for one in references[:200]} - set(slots.values())
        assert {names.name(holder, place[one]) for one in others} <= {""}
    for address in truth["open"]:
        holder = place[int(address)]
        held = [int(one) for one in snapshot.reference_targets[int(snapshot.reference_offsets[holder]) :][:4]]
        assert all(names.name(holder, one) in {"", ".left", ".right", "._Base__private"} for one in held)


def check(python: Python) -> None:
    """Compare a capture with what the program says of itself."""
    truth, (native, python_walk) = captured(python, "native", "python")
    for snapshot in (native, python_walk):
        found = counts_in(snapshot)
        assert {address: found.get(address) for address in truth["caches"]} == truth["caches"]
    check_names(native, truth)


def test_slots_have_names_and_caches_counts(one_python: Python) -> None:
    """Of bases, private ones, empty ones; bounded and unbounded, typed, in a class, never asked."""
    check(one_python)


@pytest.mark.matrix
@pytest.mark.parametrize("python", usual_pythons(), ids=lambda python: python.label)
def test_slots_have_names_and_caches_counts_everywhere(python: Python) -> None:
    """Where the fields of a cache lie is no one's promise."""
    check(python)
