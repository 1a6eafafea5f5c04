"""What heapscope says that instances cost, now and slotted, is what their own allocator says, to the byte, on every version.

One target per interpreter has all shapes of classes, each as it is and slotted as advised; tests/support/slots_accuracy.py compares.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from heapscope.analysis.slots.model import Cost
from tests.support.invariants import unharmed
from tests.support.pythons import Python, one_per_release, usual_pythons
from tests.support.slots_accuracy import Comparison, compare_target, pool_differences, slots_corpus
from tests.support.targets import running

pytestmark = [pytest.mark.integration, pytest.mark.apart]

INSTANCES = 66  # a few more than a class needs to settle
MANY = 500
MOST_SHAPES = 100
DIFFERENT = {
    "unique",
    "polluted_early",
    "polluted_late",
}  # names differ per instance: what would stay in a dict is an estimate
EARLY = {
    "first_thirty",
    "first_five",
    "only_one",
    "polluted_a_little",
}  # 3.11 and 3.12 do not tell the last word of these

Check = Callable[[Python, int, str], None]


# The allocator of a debug build puts guard words around each block, so pool headers do not tell sizes.
PYTHONS = one_per_release(python for python in usual_pythons() if not python.debug)


@pytest.fixture(params=PYTHONS, ids=lambda each: each.label)
def python(request: pytest.FixtureRequest) -> Python:
    """Each interpreter in turn."""
    found = request.param
    assert isinstance(found, Python)
    return found


def wrong(comparisons: list[Comparison]) -> list[Comparison]:
    """Give those that are wrong and do not say that they may be."""
    return [one for one in comparisons if not one.is_right and not one.doubts]


def check(python: Python, count: int, collector: str) -> None:
    """Capture the corpus under an interpreter and judge every figure."""
    with running(python, slots_corpus(count)) as target:
        with unharmed(target):
            comparisons = compare_target(target, collector)
        shapes = target.ask("facts")["extra"]["shapes"]
    assert wrong(comparisons) == []
    assert len({one.shape for one in comparisons}) >= MOST_SHAPES
    assert sum(one.what == "slotted" for one in comparisons) >= MOST_SHAPES - 10
    assert sum(one.what == "leaf" for one in comparisons) == 2
    doubtful = {one.shape for one in comparisons if one.doubts}
    assert doubtful <= DIFFERENT | (EARLY if python.minor in ((3, 11), (3, 12)) else set())
    for one in comparisons:
        if one.shape in EARLY:
            assert one.error is not None
            assert one.error.allocated == 0
    assert pool_differences(shapes) == {}


def test_every_figure_is_true_to_the_byte(python: Python) -> None:
    """Now, slotted, and with the leaf alone slotted; requested and allocated; the allocator's own count agrees."""
    check(python, INSTANCES, "native")


@pytest.mark.matrix
@pytest.mark.parametrize("collector", ["native", "python"])
def test_every_figure_of_many_instances_is_true_with_both_walkers(python: Python, collector: str) -> None:
    """So many that nothing of the first ones hides an error per instance."""
    check(python, MANY, collector)


def test_the_walker_written_in_python_says_the_same() -> None:
    """Under the newest interpreter; the others take their turn with the marker matrix."""
    check(PYTHONS[-1], INSTANCES, "python")


def test_a_wrong_figure_is_found() -> None:
    """The comparison itself can fail."""
    one = Comparison("shape", "now", 1, Cost(96, 96), Cost(104, 112), ())
    assert not one.is_right
    assert one.error == Cost(-8, -16)
    assert wrong([one]) == [one]
