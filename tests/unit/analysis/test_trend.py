"""Series: how often they rise, how fast, and what of it is steady."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from heapscope.analysis.trend import count_rising, growth_score, per_minute, steady_growth

SERIES = st.lists(st.integers(0, 10**9), min_size=2, max_size=8)


def test_a_step_rises_by_bytes_or_by_entries_while_bytes_stay() -> None:
    """The table of a dict grows in jumps; a fall is a fall, whatever the entries do."""
    assert count_rising([10, 20, 20, 15]) == 1
    assert count_rising([10, 20, 20, 15], [1, 2, 3, 4]) == 2


def test_growth_per_minute_needs_time() -> None:
    """Files of one moment have none."""
    assert per_minute([0, 60], [0.0, 120.0]) == 30
    assert per_minute([0, 60], [5.0, 5.0]) is None


def test_one_burst_and_a_wave_are_not_steady() -> None:
    """What grows by little all the time comes before what grew by much once, or goes up and down."""
    times = [0.0, 60.0, 120.0]
    leak, burst, wave = [10, 12, 14], [10, 10, 30], [10, 3, 30]
    assert steady_growth(leak, times) == 4
    assert steady_growth(burst, times) == steady_growth(wave, times) == 0
    scores = [growth_score(series, times, count_rising(series)) for series in (leak, burst, wave)]
    assert scores == sorted(scores, reverse=True)


def test_much_growth_in_some_steps_comes_before_very_little_in_all() -> None:
    """Something that grows every hour, seen every quarter, is not hidden by a counter."""
    hourly, counter = [0, 0, 9_000_000, 9_000_000, 9_000_000, 18_000_000], [0, 10, 20, 30, 40, 50]
    times = [60.0 * number for number in range(6)]
    assert growth_score(hourly, times, 2) > growth_score(counter, times, 5)


def test_steps_count_by_the_time_they_took() -> None:
    """Ten times the growth in ten times the time is as steady as can be."""
    assert steady_growth([0, 10, 110], [0.0, 60.0, 660.0]) == 110
    assert steady_growth([0, 10, 110], [0.0, 0.0, 0.0]) == 20


@given(SERIES)
def test_bounds(series: list[int]) -> None:
    """Of any series: no more rising steps than steps; what shrank scores below 0; without change there is none."""
    times = [float(number) for number in range(len(series))]
    rising = count_rising(series)
    score = growth_score(series, times, rising)
    assert 0 <= rising <= len(series) - 1
    assert (score > 0) == (series[-1] > series[0])
    largest = max(after - before for before, after in itertools.pairwise(series))
    assert steady_growth(series, times) <= (len(series) - 1) * max(0, largest)
