"""The page of a report on a real heap: its figures are those of the other commands."""

from __future__ import annotations

import dataclasses

from heapscope.service.queries import HeapQueries
from heapscope.service.report_page import report_page
from heapscope.snapshot.model import NO_OBJECT
from heapscope.units import format_bytes
from tests.support import reports
from tests.support.shop import SESSION, Shop, hexed


def test_the_page_shows_the_heap_that_the_report_is_about() -> None:
    """Types, treemap and the ways to the first suspect, by its index; a suspect that is no object has no picture."""
    shop = Shop()
    snapshot = shop.snapshot()
    first, second = (reports.suspect(name) for name in ("app.registry", "garbage"))
    report = dataclasses.replace(
        reports.report(),
        suspects=(
            dataclasses.replace(first, object_index=shop.index(shop.registry)),
            dataclasses.replace(second, object_index=NO_OBJECT),
            dataclasses.replace(second, object_index=shop.index(shop.lost[0])),
        ),
    )
    heap = HeapQueries(snapshot)
    page = report_page(report, snapshot, heap=heap)
    assert page.count('class="scroll graph"') == 1
    assert "Ways from roots to app.registry" in page
    assert hexed(shop.registry) in page
    for figures in heap.types(recursive=False):
        assert figures.retained_bytes is not None
        assert format_bytes(figures.retained_bytes) in page
    assert SESSION in page
    assert "module app" in page
    assert page == report_page(report, snapshot)
