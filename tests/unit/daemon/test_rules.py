"""Rules fire when their conditions hold for sure, not too often, and looks come closer together near a threshold."""

from __future__ import annotations

import pytest

from heapscope.daemon.conditions import parse_condition
from heapscope.daemon.config import RuleConfig
from heapscope.daemon.model import Reading
from heapscope.daemon.quantities import Seconds
from heapscope.daemon.rules import FAR_S, NEAR_S, RuleState, pace, seconds_to_threshold

MB = 1 << 20


def rule_of(when: str, *, cooldown: float = 100, max_per_day: int = 3) -> RuleState:
    """Make a rule."""
    return RuleState(RuleConfig(name="r", when=when, cooldown=Seconds(cooldown), max_per_day=max_per_day))


@pytest.mark.parametrize(
    ("when", "figures", "wanted"),
    [
        ("rss > 1GiB", {"rss": 1.1 * (1 << 30)}, True),
        ("rss > 1GiB", {"rss": 0.9 * (1 << 30)}, False),
        ("rss > 1GiB", {}, False),
        ("rss_ratio >= 75%", {"rss_ratio": 0.75}, True),
        ("rss_ratio > 0.75", {"rss_ratio": None}, False),
        ("rss_slope_5m > 10MiB/min", {"rss_slope_5m": 11.0 * MB}, True),
        ("rss_slope_5m > 1MiB/s", {"rss_slope_5m": 59.0 * MB}, False),
        ("rss_slope_5m > 1MiB/s", {"rss_slope_5m": 61.0 * MB}, True),
        ("psi_some_avg10 > 20%", {"psi_some_avg10": 0.21}, True),
        ("memory_oom > 0", {"memory_oom": 1.0}, True),
        ("verdict == growing", {"verdict": "growing"}, True),
        ("verdict = growing", {"verdict": "plateau"}, False),
        ("rss > 1GiB and rss_ratio > 0.5", {"rss": 2.0 * (1 << 30), "rss_ratio": 0.4}, False),
        ("rss > 1GiB and rss_ratio > 0.5", {"rss": 2.0 * (1 << 30), "rss_ratio": 0.6}, True),
    ],
)
def test_a_condition_holds_only_for_sure(when: str, figures: dict[str, float | str | None], wanted: bool) -> None:
    """What is not known makes no rule fire."""
    assert parse_condition(when).holds(figures) is wanted


@pytest.mark.parametrize(
    "when",
    [
        "",
        "rss",
        "rss > lots",
        "rss >> 1G",
        "rss_slope_5m > 10MiB",
        "rss_slope_999m > 1M/s",
        "verdict > growing",
        "rss > 1G or rss < 2G",
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(when: str) -> None:
    """When the configuration is read, not when the memory is full."""
    with pytest.raises(ValueError, match=r"."):
        parse_condition(when)


def test_a_rule_that_fired_is_quiet_for_its_cooldown_and_its_day() -> None:
    """Three a day, 100 seconds apart."""
    rule = rule_of("rss > 1")
    fired = []
    for steady in range(0, 1000, 10):
        if rule.should_fire({"rss": 2.0}, steady):
            rule.fire(steady, wall=steady)
            rule.settle(is_ok=True, steady=steady)
            fired.append(steady)
    assert fired == [0, 100, 200]
    assert rule.should_fire({"rss": 2.0}, 86401)


def test_an_action_that_failed_is_tried_again_soon_and_does_not_count() -> None:
    """Evidence that could not be taken is not paid for with the cooldown; the tries come further apart."""
    rule = rule_of("rss > 1", cooldown=1000, max_per_day=1)
    waits, steady = [], 0.0
    for _ in range(4):
        rule.fire(steady, wall=0)
        rule.settle(is_ok=False, steady=steady)
        waits.append(rule.status(steady).cooldown_left_s)
        steady += waits[-1]
    assert waits == [10, 20, 40, 80]
    rule.fire(steady, wall=0)
    rule.settle(is_ok=True, steady=steady)
    assert not rule.should_fire({"rss": 2.0}, steady + 2000)


def test_a_rule_goes_on_where_an_earlier_run_stopped() -> None:
    """A daemon that restarts does not fire at once what fired a minute ago."""
    rule = rule_of("rss > 1", cooldown=100)
    rule.resume([60.0, 90000.0, -5.0], steady=10.0, wall=1000.0)
    assert rule.last_fired_at == 940.0
    assert not rule.should_fire({"rss": 2.0}, 49.0)
    assert rule.should_fire({"rss": 2.0}, 51.0)


def test_looks_come_closer_together_near_a_threshold() -> None:
    """Far away every five seconds; where 100 MB a second could reach it, four looks before; at it, every quarter of a second."""
    rules = [rule_of("rss > 2GiB")]

    def wait(rss: int, speed: float = 0.0) -> float:
        return pace(seconds_to_threshold(rules, Reading(0.0, rss), speed, 0.0))

    assert wait(10 * MB) == pytest.approx((2048 - 10) / 100 / 4, rel=0.01) or wait(10 * MB) == FAR_S
    assert wait(1648 * MB) == pytest.approx(1.0, rel=0.01)
    assert wait(1648 * MB, speed=200 * MB) == pytest.approx(0.25, rel=0.01)
    assert wait(2047 * MB) == NEAR_S
    assert wait(3000 * MB) == NEAR_S
    rules[0].fire(0.0, 0.0)
    assert wait(2047 * MB) == FAR_S


def test_a_share_of_a_limit_is_a_threshold_in_bytes() -> None:
    """rss_ratio > 0.75 of 1 GiB, now at 0.5: a quarter of a GiB away."""
    reading = Reading(0.0, 500 * MB, limit_bytes=1 << 30, ratio=0.5)
    assert seconds_to_threshold([rule_of("rss_ratio > 0.75")], reading, 0.0, 0.0) == pytest.approx(2.56)
    assert seconds_to_threshold([rule_of("rss_ratio > 0.75")], Reading(0.0, 500 * MB), 0.0, 0.0) is None


def test_a_rule_fires_early_once_and_at_its_threshold_all_the_same() -> None:
    """The early firing takes nothing from the day; only rules on a share of a limit have one."""
    rule = rule_of("rss_ratio > 0.75 and rss > 1", cooldown=100, max_per_day=1)
    now, then = {"rss": 2.0, "rss_ratio": 0.4}, {"rss": 2.0, "rss_ratio": 1.0}
    assert not rule.should_fire(now, 0.0)
    assert rule.should_fire_early(then, 0.0)
    rule.fire_early(0.0, wall=5.0)
    assert (rule.is_early, rule.last_fired_at, rule.status(0.0).fired_today) == (True, 5.0, 0)
    assert not rule.should_fire_early(then, 99.0)
    assert rule.should_fire({"rss": 2.0, "rss_ratio": 0.8}, 10.0)
    rule.fire(10.0, wall=15.0)
    assert not rule.is_early
    assert not rule.should_fire_early(then, 200.0)  # the day is over
    for when in ("rss > 1", "rss_ratio < 1", "rss_ratio > 0.75 and rss > 5"):
        assert not rule_of(when).should_fire_early(then, 0.0)


def test_an_early_action_that_failed_is_tried_again_soon() -> None:
    """As others are; the threshold stays armed meanwhile."""
    rule = rule_of("rss_ratio > 0.75", cooldown=1000)
    rule.fire_early(0.0, wall=0.0)
    rule.settle(is_ok=False, steady=1.0)
    assert not rule.should_fire_early({"rss_ratio": 1.0}, 10.9)
    assert rule.should_fire_early({"rss_ratio": 1.0}, 11.0)
    assert rule.is_armed(1.0)
