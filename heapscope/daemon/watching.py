"""What the daemon remembers of one target and of each watched instance: schedule, readings, rules, holds.

Never captures; it says what is due. Times are steady seconds.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from heapscope.daemon.config import Config, TargetConfig
from heapscope.daemon.foresight import BYTES_PER_OBJECT, Load, bytes_per_object, seconds_to_spare
from heapscope.daemon.matching import Chosen, choose
from heapscope.daemon.model import (
    Instance,
    InstanceStatus,
    Kind,
    Outcome,
    Reading,
    Record,
    TargetStatus,
    Trigger,
)
from heapscope.daemon.pauses import EXPECTED_S, HourLimit
from heapscope.daemon.processes import Seen
from heapscope.daemon.readings import Observer
from heapscope.daemon.rules import WARM_S, RuleState, pace, seconds_to_threshold
from heapscope.target.limits import HERE, Places

FIRST_S = 60.0  # a process that is new is captured within this time, or its interval if that is shorter
HOLD_S = 60.0  # after a capture that failed; doubled each time, up to MAX_HOLD_S
MAX_HOLD_S = 3600.0
PAUSE_HOLD_INTERVALS = 10


@dataclass(slots=True)
class InstanceWatch:
    """One process in one slot."""

    instance: Instance
    observer: Observer
    next_look: float
    next_snapshot: float | None
    next_census: float | None
    reading: Reading | None = None
    last: Outcome | None = None
    is_gone: bool = False
    held_until: float = 0.0
    held_why: str = ""
    failures: int = 0
    expected_pause_s: float = EXPECTED_S
    expected_bytes: int = 0
    observed: tuple[object, ...] | None = None
    per_object: float = BYTES_PER_OBJECT

    @property
    def names(self) -> dict[str, Any]:
        """What an event says about it."""
        return {"target": self.instance.target, "slot": self.instance.slot, "pid": self.instance.process.pid}

    def hold(self, steady: float, seconds: float, why: str) -> None:
        """Leave the instance alone for a while; what a person or a rule asks for is done all the same."""
        self.held_until, self.held_why = steady + seconds, why

    def is_held(self, steady: float) -> bool:
        """Whether the schedule leaves it alone now."""
        return steady < self.held_until

    def note(self, outcome: Outcome, steady: float, target: TargetConfig, max_pause: float) -> None:
        """Remember how a capture went, and hold the instance if it went badly."""
        self.last = outcome
        if outcome.pause_ns is not None:
            self.expected_pause_s = outcome.pause_ns / 1e9
        if outcome.record is not None:
            self.failures = 0
            self.per_object = bytes_per_object(outcome.record)
            if outcome.record.file_bytes:
                self.expected_bytes = outcome.record.file_bytes
        elif outcome.error != "interrupted":
            self.failures += 1
            self.hold(
                steady, min(MAX_HOLD_S, HOLD_S * 2 ** (self.failures - 1)), f"the last capture failed: {outcome.error}"
            )
        if outcome.pause_ns is not None and outcome.pause_ns / 1e9 > max_pause:
            self.hold(steady, PAUSE_HOLD_INTERVALS * max(float(target.interval), HOLD_S), "the last pause was too long")

    def due(self, steady: float) -> tuple[Kind, Trigger] | None:
        """Return what the schedule wants now."""
        if self.next_snapshot is not None and steady >= self.next_snapshot:
            return Kind.SNAPSHOT, Trigger.SCHEDULE
        if self.next_census is not None and steady >= self.next_census:
            return Kind.CENSUS, Trigger.CENSUS
        return None

    def next_due(self) -> float:
        """Return when to come back."""
        times = (self.next_look, self.next_snapshot, self.next_census)
        return min(time for time in times if time is not None)

    def status(self, steady: float, rules: Iterable[RuleState]) -> InstanceStatus:
        """Say where it stands."""
        times = [time for time in (self.next_snapshot, self.next_census) if time is not None]
        return InstanceStatus(
            instance=self.instance,
            reading=self.reading,
            last=self.last,
            next_in_s=max(0.0, min(times) - steady) if times else None,
            held_s=max(0.0, self.held_until - steady),
            held_why=self.held_why if self.is_held(steady) else "",
            rules=tuple(rule.status(steady) for rule in rules),
        )


@dataclass(slots=True)
class TargetWatch:
    """One target: its watched instances by slot, and the rules of each slot."""

    config: TargetConfig
    places: Places = HERE
    chance: random.Random = field(default_factory=random.Random)
    slots: dict[int, InstanceWatch] = field(default_factory=dict)
    rules: dict[int, list[RuleState]] = field(default_factory=dict)
    hour: HourLimit = field(default_factory=HourLimit)
    chosen: Chosen = field(default_factory=lambda: Chosen((), 0, ()))
    load: Load = field(default_factory=Load)

    def update(self, seen: Sequence[Seen], steady: float) -> tuple[list[InstanceWatch], list[InstanceWatch]]:
        """Match anew; return who came and who went."""
        before = [watch.instance for watch in self.slots.values() if not watch.is_gone]
        self.chosen = choose(self.config, seen, before)
        now = {instance.process.identity: instance for instance in self.chosen.instances}
        gone = [watch for watch in self.slots.values() if watch.instance.process.identity not in now or watch.is_gone]
        for watch in gone:
            self.slots.pop(watch.instance.slot)
        known = {watch.instance.process.identity: watch for watch in self.slots.values()}
        came = []
        for identity, instance in now.items():
            if identity in known:
                known[identity].instance = instance
                continue
            watch = self._new_watch(instance, steady)
            self.slots[instance.slot] = watch
            self.rules_of(instance.slot)
            came.append(watch)
        return came, gone

    def _new_watch(self, instance: Instance, steady: float) -> InstanceWatch:
        first = steady + self.chance.uniform(0.1, 1.0) * min(FIRST_S, float(self.config.interval) or FIRST_S)
        census = float(self.config.census_interval)
        return InstanceWatch(
            instance=instance,
            observer=Observer(instance.process, self.places),
            next_look=steady,
            next_snapshot=first if self.config.interval else None,
            next_census=steady + self.jittered(census) if census else None,
        )

    def resume(self, watch: InstanceWatch, records: Sequence[Record], steady: float, wall: float) -> None:
        """Go on where an earlier run of the daemon stopped: nothing is captured, and no rule fires, too soon again.

        ``records`` are of the slot, newest first.
        """
        for record in records:
            if (record.pid, record.start_ticks) == watch.instance.process.identity and record.kind is Kind.SNAPSHOT:
                self._resume_schedule(watch, record, steady, wall)
                break
        for rule in self.rules_of(watch.instance.slot):
            if rule.last_fired_at is None:
                mine = (one for one in records if (one.trigger, one.reason) == (Trigger.RULE, rule.config.name))
                rule.resume([wall - one.captured_at for one in mine], steady, wall)

    def _resume_schedule(self, watch: InstanceWatch, newest: Record, steady: float, wall: float) -> None:
        watch.expected_pause_s = newest.pause_ns / 1e9 or EXPECTED_S
        watch.expected_bytes = newest.file_bytes
        watch.per_object = bytes_per_object(newest)
        age = wall - newest.captured_at
        if watch.next_snapshot is not None and 0 <= age < self.config.interval:
            watch.next_snapshot = steady + float(self.config.interval) - age

    def find(self, slot: int | None, pid: int | None) -> InstanceWatch | None:
        """Return the instance of a slot or pid; of several, the one with the most resident memory."""
        found = [
            watch
            for watch in self.slots.values()
            if not watch.is_gone and slot in (None, watch.instance.slot) and pid in (None, watch.instance.process.pid)
        ]
        return max(found, key=lambda watch: watch.reading.rss_bytes if watch.reading else 0, default=None)

    def rules_of(self, slot: int) -> list[RuleState]:
        """Return the rules of a slot."""
        return self.rules.setdefault(slot, [RuleState(rule) for rule in self.config.rule])

    def jittered(self, interval: float) -> float:
        """Spread an interval."""
        return interval * (1 + self.config.jitter * self.chance.uniform(-1, 1))

    def reschedule(self, watch: InstanceWatch, kind: Kind, steady: float) -> None:
        """Set the next turn; a snapshot is a census too."""
        if kind is Kind.SNAPSHOT and self.config.interval:
            watch.next_snapshot = steady + self.jittered(float(self.config.interval))
        if self.config.census_interval:
            watch.next_census = steady + self.jittered(float(self.config.census_interval))

    def look(self, watch: InstanceWatch, steady: float, wall: float) -> list[RuleState]:
        """Read an instance's figures; return the rules that fire, and set the time of the next look."""
        reading = watch.observer.read(wall, steady)
        if reading is None:
            watch.is_gone = True
            return []
        watch.reading = reading
        rules = self.rules_of(watch.instance.slot)
        wanted = frozenset[str]().union(*(rule.condition.figures for rule in rules))
        figures = watch.observer.figures(reading, steady, wanted)
        fired = [rule for rule in rules if rule.should_fire(figures, steady)]
        for rule in fired:
            rule.fire(steady, wall)
        self.load.look(steady)
        speed = watch.observer.speed(reading.rss_bytes, steady)
        spare = seconds_to_spare(reading, speed, watch.per_object, self.load)
        if spare is not None and spare <= 0:
            full = {**figures, "rss_ratio": 1.0}  # what it will be when evidence is whole
            early = [rule for rule in rules if rule not in fired and rule.should_fire_early(full, steady)]
            for rule in early:
                rule.fire_early(steady, wall)
            fired += early
        watch.next_look = steady + pace(self._nearest(watch, steady))
        return fired

    def is_close(self, watch: InstanceWatch, steady: float) -> bool:
        """Whether a rule may soon need a worker."""
        seconds = self._nearest(watch, steady)
        return seconds is not None and seconds < WARM_S

    def _nearest(self, watch: InstanceWatch, steady: float) -> float | None:
        if watch.reading is None:
            return None
        speed = watch.observer.speed(watch.reading.rss_bytes, steady)
        seconds = seconds_to_threshold(self.rules_of(watch.instance.slot), watch.reading, speed, steady)
        spare = seconds_to_spare(watch.reading, speed, watch.per_object, self.load)
        return seconds if seconds is None or spare is None else min(seconds, max(0.0, spare))

    def judged(self, watch: InstanceWatch, verdict: str, steady: float, wall: float) -> list[RuleState]:
        """Return the rules that fire on a verdict."""
        if watch.reading is None or not verdict:
            return []
        rules = [rule for rule in self.rules_of(watch.instance.slot) if "verdict" in rule.condition.figures]
        wanted = frozenset[str]().union(*(rule.condition.figures for rule in rules))
        figures = {**watch.observer.figures(watch.reading, steady, wanted), "verdict": verdict}
        fired = [rule for rule in rules if rule.should_fire(figures, steady)]
        for rule in fired:
            rule.fire(steady, wall)
        return fired

    def adopt(self, config: TargetConfig, steady: float) -> None:
        """Go on with another configuration: schedules change, rules that are as before keep their state."""
        old = self.config
        self.config = config
        for slot, states in self.rules.items():
            kept = {state.config: state for state in states}
            self.rules[slot] = [kept.get(rule) or RuleState(rule) for rule in config.rule]
        for watch in self.slots.values():
            if config.interval != old.interval:
                interval = float(config.interval)
                watch.next_snapshot = steady + self.chance.uniform(0, min(interval, FIRST_S)) if interval else None
            if config.census_interval != old.census_interval:
                census = float(config.census_interval)
                watch.next_census = steady + self.jittered(census) if census else None
            watch.next_look = steady

    def status(self, steady: float) -> TargetStatus:
        """Say where the target stands."""
        return TargetStatus(
            name=self.config.name,
            matched=len(self.chosen.matched),
            families=self.chosen.families,
            instances=tuple(
                self.slots[slot].status(steady, self.rules_of(slot))
                for slot in sorted(self.slots)
                if not self.slots[slot].is_gone
            ),
            allow_groups=self.config.allow_groups,
        )


def adopt_targets(
    watches: dict[str, TargetWatch], config: Config, steady: float, places: Places = HERE
) -> dict[str, TargetWatch]:
    """Return the watches of another configuration; a target keeps what is known of it as long as its name stays."""
    found = {}
    for target in config.target:
        watch = watches.get(target.name)
        if watch is None:
            watch = TargetWatch(target, places)
        elif watch.config != target:
            watch.adopt(target, steady)
        found[target.name] = watch
    return found
