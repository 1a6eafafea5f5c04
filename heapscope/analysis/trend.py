"""What a series of figures says: how often it rose, how fast, and how much of it is steady.

Never says why, and never calls growth a leak. Pure functions; no I/O.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence

BURST_SHARE = 0.1  # what growth that does not go on counts, beside growth that does


def count_rising(series: Sequence[int], second: Sequence[int] = ()) -> int:
    """Count the steps at which a series rose; or did not fall while ``second``, of the same length, rose.

    The table of a dict grows in jumps, its entries one by one.
    """
    steps = list(itertools.pairwise(series))
    others = list(itertools.pairwise(second)) or [(0, 0)] * len(steps)
    return sum(
        after > before or (after == before and more > less)
        for (before, after), (less, more) in zip(steps, others, strict=True)
    )


def per_minute(series: Sequence[int], times: Sequence[float]) -> float | None:
    """Give the growth per minute; None where no time passed."""
    seconds = times[-1] - times[0] if times else 0.0
    return 60 * (series[-1] - series[0]) / seconds if seconds > 0 else None


def steady_growth(series: Sequence[int], times: Sequence[float]) -> float:
    """Give the growth of the whole series, had it gone on all the time as in its median step; never less than 0.

    One burst, or a wave, has a median step of nothing. Of an even number of steps the lower median counts.
    """
    spans = [after - before for before, after in itertools.pairwise(times)]
    if not spans or min(spans) <= 0:
        spans = [1.0] * (len(series) - 1)
    rates = [(after - before) / span for (before, after), span in zip(itertools.pairwise(series), spans, strict=True)]
    return max(0.0, statistics.median_low(rates) * sum(spans)) if rates else 0.0


def growth_score(series: Sequence[int], times: Sequence[float], rising: int) -> float:
    """Rank growth: what is steady counts in full, what is not a tenth, by how often it rose; what shrank is below 0."""
    delta = series[-1] - series[0]
    if delta <= 0:
        return float(delta)
    return steady_growth(series, times) + BURST_SHARE * delta * rising / max(1, len(series) - 1)
