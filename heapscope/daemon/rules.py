"""When rules fire: conditions, cooldowns, limits per day; and how soon an instance must be looked at again.

Pure; never reads a figure, and never captures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from heapscope.daemon.conditions import Condition
from heapscope.daemon.config import RuleConfig
from heapscope.daemon.model import Reading, RuleStatus

DAY_S = 86400.0
NEAR_S = 0.25  # between looks when a threshold is close
FAR_S = 5.0
SUSPECTED_SPEED = 100 << 20  # bytes a second that a process may begin to grow by, between two looks
RETRY_S = 10.0  # after an action that failed; doubled each time
WARM_S = 10.0  # a worker is kept ready when a threshold may be so near: 1 GB, or twenty seconds at 50 MB/s

Figures = Mapping[str, float | str | None]


@dataclass(slots=True)
class RuleState:
    """One rule for one instance slot; it outlives the process in it, so that a crash loop does not begin anew each time."""

    config: RuleConfig
    condition: Condition = field(init=False)
    last_fired_at: float | None = None  # on the wall
    is_early: bool = False  # the last firing was before the threshold
    _fired: deque[float] = field(default_factory=deque)  # steady
    _quiet_until: float = 0.0
    _early_until: float = 0.0
    _failures: int = 0

    def __post_init__(self) -> None:
        self.condition = self.config.condition

    def should_fire(self, figures: Figures, steady: float) -> bool:
        """Whether the rule fires now; whoever asks says afterwards that it did, with ``fire``."""
        return self.is_armed(steady) and self.condition.holds(figures)

    def should_fire_early(self, figures: Figures, steady: float) -> bool:
        """Whether the rule fires before its threshold is reached; ``figures`` with the share as it will be when evidence is whole.

        Once in a cooldown; the threshold itself makes it fire all the same.
        """
        shares = [each for each in self.condition.comparisons if each.figure == "rss_ratio"]
        is_upper = bool(shares) and all(each.operator in (">", ">=") for each in shares)
        return is_upper and steady >= self._early_until and self.should_fire(figures, steady)

    def fire_early(self, steady: float, wall: float) -> None:
        """Note that it fired early: that counts neither for the day nor as the firing at the threshold."""
        self.is_early = True
        self.last_fired_at = wall
        self._early_until = steady + self.config.cooldown

    def is_armed(self, steady: float) -> bool:
        """Whether the rule may fire at all."""
        self._forget(steady)
        return steady >= self._quiet_until and len(self._fired) < self.config.max_per_day

    def fire(self, steady: float, wall: float) -> None:
        """Note that it fired."""
        self.is_early = False
        self._fired.append(steady)
        self.last_fired_at = wall
        self._quiet_until = steady + self.config.cooldown

    def settle(self, *, is_ok: bool, steady: float) -> None:
        """Note how its action went: one that failed is tried again soon, and does not count for the day."""
        if is_ok:
            self._failures = 0
            return
        self._failures += 1
        wait = min(float(self.config.cooldown), RETRY_S * 2 ** (self._failures - 1))
        if self.is_early:
            self._early_until = steady + wait
            return
        self._quiet_until = steady + wait
        if self._fired:
            self._fired.pop()

    def resume(self, ages: Iterable[float], steady: float, wall: float) -> None:
        """Take over what an earlier run of the daemon fired; ``ages`` in seconds before now."""
        for age in sorted((age for age in ages if 0 <= age < DAY_S), reverse=True):
            self._fired.append(steady - age)
            self.last_fired_at = wall - age
            self._quiet_until = max(self._quiet_until, steady - age + self.config.cooldown)

    def status(self, steady: float) -> RuleStatus:
        """Say where the rule stands."""
        self._forget(steady)
        left = max(0.0, self._quiet_until - steady)
        return RuleStatus(self.config.name, self.config.when, len(self._fired), self.last_fired_at, left)

    def _forget(self, steady: float) -> None:
        while self._fired and self._fired[0] < steady - DAY_S:
            self._fired.popleft()


def seconds_to_threshold(rules: Iterable[RuleState], reading: Reading, speed: float, steady: float) -> float | None:
    """Return how soon a rule on resident bytes may fire, if the process grows as it did, or starts to grow fast. None: no such rule."""
    fastest = max(2.0 * speed, float(SUSPECTED_SPEED))
    soonest: float | None = None
    for rule in rules:
        if not rule.is_armed(steady):
            continue
        for comparison in rule.condition.comparisons:
            if comparison.operator not in (">", ">=") or isinstance(comparison.threshold, str):
                continue
            if comparison.figure == "rss":
                distance = comparison.threshold - reading.rss_bytes
            elif comparison.figure == "rss_ratio" and reading.limit_bytes and reading.ratio is not None:
                distance = (comparison.threshold - reading.ratio) * reading.limit_bytes
            else:
                continue
            seconds = max(0.0, distance / fastest)
            soonest = seconds if soonest is None else min(soonest, seconds)
    return soonest


def pace(seconds: float | None) -> float:
    """Return how long to wait before the next look."""
    return FAR_S if seconds is None else min(FAR_S, max(NEAR_S, seconds / 4))
