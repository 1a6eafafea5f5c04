"""Compare what heapscope says that instances cost, now and slotted, with what their allocator says, shape by shape.

Never measures: the target does (tests/integration/targets/slots_measure.py). Never forgives a byte.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from heapscope.analysis.slots.costs import ClassCosts, class_costs
from heapscope.analysis.slots.model import Cost
from heapscope.analysis.slots.population import Population
from heapscope.service.capture import CaptureOptions, capture
from heapscope.snapshot.model import Snapshot
from tests.support.pythons import Python
from tests.support.targets import Situation, Target, running

TIMEOUT_S = 200.0
POOL_SLACK_BYTES = (
    1024  # what else Python does meanwhile; one size class more per instance is 1056 for the fewest that are measured
)

Figures = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """One kind of class of one shape: ``what`` is now, slotted or leaf. Bytes of all instances, without their contents."""

    shape: str
    what: str
    instances: int
    predicted: Cost | None
    measured: Cost
    doubts: tuple[str, ...]

    @property
    def error(self) -> Cost | None:
        """Predicted minus measured; None where nothing was predicted."""
        if self.predicted is None:
            return None
        return Cost(
            self.predicted.requested - self.measured.requested, self.predicted.allocated - self.measured.allocated
        )

    @property
    def is_right(self) -> bool:
        """Whether it is equal to the byte."""
        return self.error == Cost(0, 0)


def slots_corpus(count: int, shapes: Sequence[str] = ()) -> Situation:
    """The target, for all shapes or some."""
    return Situation("slots corpus", "slots_corpus.py", (str(count), ",".join(shapes)))


def compare_under(
    python: Python, count: int, *, collector: str = "native", shapes: Sequence[str] = ()
) -> list[Comparison]:
    """Run the corpus under an interpreter, capture it and compare."""
    with running(python, slots_corpus(count, shapes)) as target:
        return compare_target(target, collector)


def compare_target(target: Target, collector: str) -> list[Comparison]:
    """Capture a running corpus and compare."""
    figures: dict[str, dict[str, Figures]] = target.ask("facts")["extra"]["shapes"]
    snapshot = capture(target.pid, CaptureOptions(collector=collector, timeout_s=TIMEOUT_S))
    assert snapshot.meta.warnings == ()
    return compare(snapshot, figures)


def compare(snapshot: Snapshot, figures: dict[str, dict[str, Figures]]) -> list[Comparison]:
    """Compare all shapes of a snapshot with the target's own figures."""
    assigned: dict[str, list[str]] = {}
    for kinds in figures.values():
        assigned |= kinds["plain"]["assigned"] if kinds else {}
    population = Population(snapshot, lambda info: assigned.get(info.name, ()))
    costs = costs_by_name(population)
    found = []
    for shape, kinds in figures.items():
        if kinds:  # none of a shape that this version does not know
            plain = costs[kinds["plain"]["type"]]
            assert plain.instances == kinds["plain"]["count"]
            found += [_compare_kind(shape, kind, each, plain) for kind, each in kinds.items()]
    return found


def _compare_kind(shape: str, kind: str, figures: Figures, plain: ClassCosts) -> Comparison:
    predicted = {
        "plain": plain.now,
        "twin": plain.slotted.total if plain.slotted else None,
        "leaf": plain.leaf_only,
    }[kind]
    requested, allocated = figures["contents"]
    measured = Cost(figures["requested"] - requested, figures["allocated"] - allocated)
    what = {"plain": "now", "twin": "slotted"}.get(kind, kind)
    return Comparison(shape, what, figures["count"], predicted, measured, plain.doubts)


def costs_by_name(population: Population) -> dict[str, ClassCosts]:
    """Give the costs of every class of the corpus by its name."""
    facts = (population.facts_of(info) for info in population.snapshot.types if info.name.startswith("corpus_"))
    return {one.info.name: class_costs(one, population) for one in facts if one is not None}


def pool_differences(figures: dict[str, dict[str, Figures]]) -> dict[str, int]:
    """Give by how much pymalloc's own count differs from rounded sizes, where that is more than a few blocks."""
    gaps = {
        f"{shape} {kind}": each["pools"] - each["small"]
        for shape, kinds in figures.items()
        for kind, each in kinds.items()
    }
    return {name: gap for name, gap in gaps.items() if abs(gap) > POOL_SLACK_BYTES}
