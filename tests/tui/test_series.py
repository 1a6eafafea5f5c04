"""The snapshots of one session: how many are kept whole, and what is remembered of the rest."""

from __future__ import annotations

from unittest import mock

from heapscope.analysis.histogram import build_histogram
from heapscope.tui.series import MAX_WHOLE, Series, column_bytes
from heapscope.tui.state import Analysis, HeapView
from tests.tui.support.heaps import make_snapshot

ROWS = (("builtins.str", 3, 50, ()),)


def view_of(number: int, baseline: Analysis | None = None) -> HeapView:
    """Make a view of a small snapshot."""
    snapshot = make_snapshot(ROWS, captured_at=1_000.0 + number)
    analysis = Analysis(snapshot, build_histogram(snapshot, recursive=False), (), has_recursive=False)
    return HeapView(analysis, number, baseline=baseline)


def test_the_first_and_the_newest_stay_whole_and_all_are_remembered() -> None:
    """Beyond ten, those in between are given up, the oldest first."""
    series = Series()
    for number in range(1, MAX_WHOLE + 4):
        view = series.add_to(view_of(number))
    times = [one.snapshot.meta.captured_at - 1_000 for one in view.series]
    assert times == [1, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert [one.number for one in view.taken] == list(range(1, MAX_WHOLE + 4))


def test_more_about_a_snapshot_replaces_what_was_known() -> None:
    """It is not a further snapshot."""
    series = Series()
    view = series.add_to(view_of(1))
    again = series.add_to(view)
    assert (len(again.series), len(again.taken)) == (1, 1)


def test_large_snapshots_give_way_sooner_but_never_the_baseline() -> None:
    """The budget is of bytes, not of snapshots only."""
    series = Series()
    first = view_of(1)
    series.add_to(first)
    room = 2 * column_bytes(first.current.snapshot)
    with mock.patch("heapscope.tui.series.MAX_WHOLE_BYTES", room):
        for number in range(2, 7):
            view = series.add_to(view_of(number, baseline=first.current))
    assert view.series[0] is first.current
    assert [one.snapshot.meta.captured_at - 1_000 for one in view.series] == [1, 4, 5, 6]


def test_snapshots_that_were_opened_together_come_first_with_their_paths() -> None:
    """Oldest first; the one on the screen is the last."""
    views = [view_of(number) for number in (1, 2, 3)]
    (*earlier, newest) = (view.current for view in views)
    series = Series([(analysis.snapshot, f"{at}.heapscope") for at, analysis in enumerate(earlier)])
    opened = HeapView(newest, 0, "newest.heapscope", earlier[0], series=tuple(earlier))
    view = series.add_to(opened)
    assert view.series == (*earlier, newest)
    assert [one.path for one in view.taken] == ["0.heapscope", "1.heapscope", "newest.heapscope"]
    assert len(series.add_to(view).taken) == 3
