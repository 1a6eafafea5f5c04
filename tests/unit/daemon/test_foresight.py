"""How long evidence takes, and when it must begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from heapscope.daemon.config import RuleConfig
from heapscope.daemon.foresight import SAFETY, START_S, Load, bytes_per_object, evidence_s, seconds_to_spare
from heapscope.daemon.model import Kind, Reading, Record, Trigger
from heapscope.daemon.watching import TargetWatch
from tests.unit.daemon.test_watching import watch_of

MB = 1 << 20
GB = 1 << 30


def load_of(running: float, processors: int = 2) -> Load:
    """Make a machine on which so many others run."""
    load = Load(processors, lambda: f"0.5 0.5 0.5 {int(running) + 1}/200 99")
    load.look(0.0)
    load.running = running
    return load


def test_the_load_is_averaged_over_seconds() -> None:
    """One burst is not believed at once, and not for long; what the kernel does not say changes nothing."""
    texts = ["1 1 1 1/9 1", "1 1 1 9/9 1", "1 1 1 9/9 1", None, "nonsense"]
    load = Load(2, lambda: texts.pop(0))
    load.look(0.0)
    assert load.running == 0
    assert load.slowdown == 1.0
    load.look(1.0)
    assert 1 < load.running < 2
    load.look(60.0)
    assert load.running == pytest.approx(8, rel=0.01)
    assert load.slowdown == pytest.approx(5, rel=0.01)
    load.look(61.0)
    load.look(62.0)
    assert load.running == pytest.approx(8, rel=0.01)


def test_evidence_takes_longer_of_many_objects_and_on_a_busy_machine() -> None:
    """In proportion to both."""
    reading = Reading(0.0, 600 * MB)
    quiet = evidence_s(reading, 400.0, load_of(0))
    assert quiet == pytest.approx(SAFETY * (START_S + 600 * MB / 400 / 1.5e6))
    assert evidence_s(reading, 400.0, load_of(8)) == pytest.approx(5 * quiet)
    assert evidence_s(reading, 100.0, load_of(0)) > 2 * quiet


def test_evidence_must_begin_so_long_before_the_limit() -> None:
    """At 50 MB/s, half a GiB below a limit of one; never where nothing grows, or nothing limits."""
    reading = Reading(0.0, 512 * MB, limit_bytes=GB, ratio=0.5)
    spare = seconds_to_spare(reading, 50.0 * MB, 400.0, load_of(0))
    assert spare == pytest.approx(0.45 * 1024 / 50 - evidence_s(reading, 400.0, load_of(0)))
    assert seconds_to_spare(reading, 0.0, 400.0, load_of(0)) is None
    assert seconds_to_spare(Reading(0.0, GB), 1.0, 400.0, load_of(0)) is None


def test_what_a_record_says_of_objects_is_believed_within_reason() -> None:
    """A process without records gets the usual figure."""
    record = Record("i", Kind.CENSUS, "api", 0, 0.0, Trigger.CENSUS, objects=1000, rss_bytes=300_000)
    assert bytes_per_object(record) == 300
    assert bytes_per_object(Record("i", Kind.CENSUS, "api", 0, 0.0, Trigger.CENSUS)) == 200
    dense = Record("i", Kind.CENSUS, "api", 0, 0.0, Trigger.CENSUS, objects=10**9, rss_bytes=300_000)
    assert bytes_per_object(dense) == 16


def growing(target: TargetWatch, running: float, monkeypatch: pytest.MonkeyPatch) -> float | None:
    """Let the one process of a target grow by 50 MB/s towards 1 GiB; return the share at which its rule fires first."""
    watch = target.slots[0]
    target.load = load_of(running)
    watch.per_object = 2000.0
    past: list[tuple[float, int]] = []

    def read(_self: object, wall: float, steady: float) -> Reading:
        rss = int(50 * MB * steady)
        past.append((steady, rss))
        return Reading(wall, rss, limit_bytes=GB, ratio=rss / GB)

    monkeypatch.setattr(type(watch.observer), "read", read)
    monkeypatch.setattr(type(watch.observer), "speed", lambda *_: 50.0 * MB)
    while past[-1:] == [] or past[-1][1] < GB:
        steady = watch.next_look
        if target.look(watch, steady, steady):
            return past[-1][1] / GB
    return None


@pytest.mark.parametrize(("running", "least", "most"), [(0, 0.75, 0.77), (8, 0.5, 0.72)])
def test_a_near_limit_rule_fires_in_time(
    running: float, least: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a quiet machine at its threshold, on a busy one before it."""
    share = growing(watch_of(rules=(RuleConfig(name="near", when="rss_ratio > 0.75"),)), running, monkeypatch)
    assert share is not None
    assert least <= share <= most


def test_the_load_of_this_machine_can_be_read() -> None:
    """Whatever it is."""
    if not Path("/proc/loadavg").exists():
        pytest.skip("no /proc/loadavg")
    load = Load()
    load.look(1.0)
    assert load.slowdown >= 1
