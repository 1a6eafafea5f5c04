"""Who is a suspect, by what evidence, and what is left alone: on heaps small enough to be worked out by hand."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from heapscope.analysis.suspects.model import Confidence, SuspectKind, VerdictKind
from heapscope.service.report import ReportSeries, report_on, summarise
from heapscope.snapshot.model import Snapshot
from tests.support.growing_heap import Service
from tests.support.suspect_heap import MIB, OLD, YOUNG, program, registry, report, tracked


def test_a_registry_is_named_with_the_code_that_fills_it() -> None:
    """One snapshot cannot say more than that it is large."""
    service = Service()
    program(service)
    registry(service, 151)
    found = report(service.snapshot())
    first = found.suspects[0]
    assert first.holder == "app.sessions.REGISTRY.sessions"
    assert [(step.name, step.type_name) for step in first.path] == [
        ("module app.sessions", "builtins.module"),
        (".REGISTRY", "app.Registry"),
        (".sessions", "builtins.dict"),
    ]
    assert first.place == "/srv/app/sessions.py:14"
    assert first.path[1].place == "/srv/app/sessions.py:5"
    assert first.kind is SuspectKind.ACCUMULATION
    assert first.confidence is Confidence.LOW
    assert any("151 × app.Session" in line for line in first.evidence)
    assert any("still being filled: 151" in line for line in first.evidence)
    assert first.doubts == ()
    assert found.verdict.kind is VerdictKind.NOT_ENOUGH_DATA
    assert all(command.startswith("heapscope ") for command in (*first.next, *found.verdict.next))


def growing(counts: Sequence[int], **changes: int) -> list[Snapshot]:
    """Give snapshots of a registry with so many sessions each, two minutes apart."""
    snapshots = []
    for minute, count in enumerate(counts):
        service = Service(7 * minute)
        program(service)
        registry(service, count, **changes)
        snapshots.append(service.snapshot(2 * minute))
    return snapshots


@pytest.mark.parametrize(
    ("counts", "confidence"),
    [
        ([75, 81], Confidence.LOW),
        ([75, 81, 87], Confidence.MEDIUM),
        ([75, 81, 87, 93, 99], Confidence.HIGH),
    ],
)
def test_growth_is_trusted_by_how_often_it_was_seen(counts: list[int], confidence: Confidence) -> None:
    """And the registry that grows is the accumulation point is the holder: one suspect."""
    found = report(*growing(counts))
    first = found.suspects[0]
    assert first.holder == "app.sessions.REGISTRY.sessions"
    assert set(first.kinds) == {SuspectKind.GROWTH, SuspectKind.ACCUMULATION}
    assert first.confidence is confidence
    assert (first.rising, first.steps) == (len(counts) - 1, len(counts) - 1)
    assert first.growth_bytes == pytest.approx((counts[-1] - counts[0]) * 60_000, rel=0.05)
    assert len([one for one in found.suspects if one.holder == first.holder]) == 1
    expected = VerdictKind.GROWING if confidence > Confidence.LOW else VerdictKind.NOT_ENOUGH_DATA
    assert found.verdict.kind is expected


def test_of_older_snapshots_summaries_suffice() -> None:
    """Nothing else is kept of a series."""
    snapshots = growing([75, 81, 87])
    series = ReportSeries()
    for snapshot in snapshots:
        series.add(snapshot)
    assert series.report("heap.heapscope") == report(*snapshots)
    assert report_on([summarise(snapshots[0]), *snapshots[1:]], source="heap.heapscope") == report(*snapshots)


def test_what_is_large_and_does_not_grow_is_a_plateau() -> None:
    """Once three snapshots say so."""
    found = report(*growing([151, 152, 151]))
    assert found.verdict.kind is VerdictKind.PLATEAU
    assert found.verdict.headline.startswith("plateau, not a leak: app.sessions.REGISTRY.sessions")
    assert found.verdict.confidence is Confidence.MEDIUM
    assert "it did not grow between the snapshots" in found.suspects[0].doubts


def test_growth_of_less_than_a_hundredth_of_the_heap_is_no_alarm() -> None:
    """Something always grows a little."""
    found = report(*growing([151, 151, 152]))
    assert not found.verdict.kind.is_alarm


def test_a_program_without_large_holders_has_no_suspects() -> None:
    """Modules hold the memory, each a little."""
    service = Service()
    program(service)
    found = report(service.snapshot())
    assert (found.suspects, found.verdict.kind) == ((), VerdictKind.NO_LEAK_SEEN)


@pytest.mark.parametrize("entries", [100, 128, 300])
def test_a_round_number_of_entries_speaks_for_a_limit(entries: int) -> None:
    """A cache that is full has one; what grows rarely does."""
    service = Service()
    program(service)
    registry(service, entries)
    found = report(service.snapshot())
    assert any("round number" in doubt for doubt in found.suspects[0].doubts)
    assert found.verdict.kind is VerdictKind.NO_LEAK_SEEN


def test_what_was_loaded_once_is_old() -> None:
    """While others make new objects."""
    service = Service()
    program(service)
    registry(service, 151, flags=OLD)
    service.module("busy", work=tracked(service, 64, YOUNG))
    found = report(service.snapshot())
    assert any("nothing was added to it lately" in doubt for doubt in found.suspects[0].doubts)
    assert found.verdict.kind is VerdictKind.NO_LEAK_SEEN


def test_a_table_of_names_is_part_of_the_program() -> None:
    """Settings, translations."""
    service = Service()
    program(service)
    table = service.dict({service.text(f"name{number}"): service.blob(90_000) for number in range(101)})
    service.module("app.texts", TEXTS=table)
    found = report(service.snapshot())
    assert any("keys are names" in doubt for doubt in found.suspects[0].doubts)
    assert found.verdict.kind is VerdictKind.NO_LEAK_SEEN


def test_one_large_block_is_no_pile() -> None:
    """Data, most likely."""
    service = Service()
    program(service)
    service.module("app.model", WEIGHTS=service.blob(50 * MIB))
    found = report(service.snapshot())
    assert any("one large block" in doubt for doubt in found.suspects[0].doubts)
    assert found.verdict.kind is VerdictKind.NO_LEAK_SEEN


def test_shards_are_one_holder() -> None:
    """Eight dicts in a list, each large enough to be listed."""
    service = Service()
    program(service)
    shards = [service.table([tracked(service, 100_000, YOUNG) for _ in range(31)]) for _ in range(4)]
    service.module("app.store", SHARDS=service.list(*shards))
    found = report(service.snapshot())
    assert [one.holder for one in found.suspects] == ["app.store.SHARDS"]


def test_a_linked_list_is_its_head() -> None:
    """Not the node in the middle where the share of the heap drops under the threshold."""
    service = Service()
    program(service)
    nodes = [service.heap.object("app.Node", size=100_000) for _ in range(300)]
    for node, after in itertools.pairwise(nodes):
        node.refers_to(after)
    service.module("app.queue", HEAD=nodes[0])
    found = report(service.snapshot())
    assert [one.holder for one in found.suspects] == ["app.queue.HEAD"]
