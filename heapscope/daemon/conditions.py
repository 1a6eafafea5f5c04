"""The language of ``when`` in a rule: comparisons of one instance's figures, joined by ``and``.

Pure; never reads a figure itself (readings.py does), and never says false for what is not known: that is None, and no rule fires.

    rss > 2GiB                     resident bytes
    rss_ratio > 0.75               share used of the tightest memory limit above the process
    rss_slope_5m > 10MiB/min       growth over the last 5 minutes (any whole number of minutes up to 120)
    psi_some_avg60 > 20%           memory pressure of the control group: some|full, avg10|avg60|avg300
    memory_high > 0                increase of ``high`` in memory.events since the last look
    memory_oom > 0                 increase of ``oom`` and ``oom_kill``
    verdict == holder_leak         the verdict of the newest report
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from heapscope.daemon.quantities import parse_duration, parse_ratio, parse_size

_COMPARISON = re.compile(r"\s*([a-z][a-z0-9_]*)\s*(>=|<=|==|=|>|<)\s*(\S+)\s*")
_SLOPE = re.compile(r"rss_slope_([1-9][0-9]{0,2})m")
_PSI = re.compile(r"psi_(?:some|full)_avg(?:10|60|300)")
MAX_SLOPE_MINUTES = 120
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}
KNOWN = ("rss", "rss_ratio", "rss_slope_5m", "psi_some_avg10", "memory_high", "memory_oom", "verdict")

Figures = Mapping[str, float | str | None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure against one threshold: bytes, bytes per minute, a share 0...1, a count, or a word."""

    figure: str
    operator: str
    threshold: float | str

    def holds(self, figures: Figures) -> bool | None:
        """Whether it holds; None where the figure is not known."""
        value = figures.get(self.figure)
        if value is None:
            return None
        if isinstance(self.threshold, str) or isinstance(value, str):
            return value == self.threshold
        return _OPERATORS[self.operator](value, self.threshold)


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold at the same time for a rule to fire."""

    comparisons: tuple[Comparison, ...]

    def holds(self, figures: Figures) -> bool:
        """Whether all hold, for sure."""
        return all(comparison.holds(figures) is True for comparison in self.comparisons)

    @property
    def figures(self) -> frozenset[str]:
        """The figures that are needed to judge."""
        return frozenset(comparison.figure for comparison in self.comparisons)


def slope_minutes(figure: str) -> int | None:
    """Return the minutes of an ``rss_slope_Xm`` figure, None for another one."""
    found = _SLOPE.fullmatch(figure)
    return int(found[1]) if found else None


def parse_condition(text: str) -> Condition:
    """Read a ``when``. Raises ValueError, which says what is not understood."""
    if len(text) > 1000:
        raise ValueError("a condition has at most 1000 characters")
    return Condition(tuple(_parse_comparison(part) for part in re.split(r"\band\b", text)))


def _parse_comparison(text: str) -> Comparison:
    found = _COMPARISON.fullmatch(text)
    if found is None:
        raise ValueError(f"{text.strip()[:80]!r} is no comparison: write one as rss_ratio > 0.75")
    figure, sign, value = found[1], "==" if found[2] == "=" else found[2], found[3]
    if figure == "verdict":
        if sign != "==":
            raise ValueError(f"a verdict is compared with ==, not {sign}")
        return Comparison(figure, sign, value.strip("'\""))
    return Comparison(figure, sign, _threshold(figure, value))


def _threshold(figure: str, value: str) -> float:
    minutes = slope_minutes(figure)
    if minutes is not None:
        if minutes > MAX_SLOPE_MINUTES:
            raise ValueError(f"{figure}: the last {MAX_SLOPE_MINUTES} minutes are kept, no more")
        size, slash, unit = value.partition("/")
        if not slash:
            raise ValueError(f"{figure} is compared with a speed, such as 10MiB/min")
        return parse_size(size) * 60.0 / parse_duration("1" + unit)
    if figure == "rss":
        return float(parse_size(value))
    if figure == "rss_ratio" or _PSI.fullmatch(figure):
        return float(parse_ratio(value))
    if figure in ("memory_high", "memory_oom"):
        return float(value)
    close = difflib.get_close_matches(figure, KNOWN, n=1)
    raise ValueError(f"there is no figure {figure!r}" + (f": did you mean {close[0]}?" if close else ""))
