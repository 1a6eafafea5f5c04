"""What rules do when they fire: capture, report, run a command.

Never decides whether a rule fires (rules.py does). Runs in the event loop; everything here is a task of its own.
"""

from __future__ import annotations

import asyncio

from heapscope.daemon.captures import Captures
from heapscope.daemon.clock import Clock
from heapscope.daemon.events import Announcer
from heapscope.daemon.hooks import run_hook
from heapscope.daemon.logs import Level
from heapscope.daemon.model import Kind, Outcome, Trigger
from heapscope.daemon.rules import RuleState
from heapscope.daemon.store import Store
from heapscope.daemon.watching import InstanceWatch, TargetWatch


class Actions:
    """Acts for rules."""

    def __init__(self, captures: Captures, store: Store, clock: Clock, announcer: Announcer) -> None:
        self._captures = captures
        self._store = store
        self._clock = clock
        self._announcer = announcer

    async def judge(self, target: TargetWatch, watch: InstanceWatch, future: asyncio.Future[Outcome]) -> None:
        """Ask the rules on verdicts when a scheduled capture has one."""
        outcome = await asyncio.shield(future)
        if outcome.record is not None and outcome.trigger is not Trigger.RULE:
            for rule in target.judged(watch, outcome.record.verdict, self._clock.steady(), self._clock.wall()):
                await self.act(target, watch, rule, outcome)

    async def act(self, target: TargetWatch, watch: InstanceWatch, rule: RuleState, outcome: Outcome | None) -> None:
        """Do what a rule says; ``outcome`` is of the capture that made it fire, if one did."""
        config = rule.config
        reading = watch.reading
        self._announcer.announce(
            "rule_fired",
            f"{config.name}: {config.when}" + (", which will be so before evidence is whole" if rule.is_early else ""),
            rule=config.name,
            rss_bytes=reading.rss_bytes if reading else None,
            limit_bytes=reading.limit_bytes if reading else None,
            limit_ratio=round(reading.ratio, 4) if reading and reading.ratio is not None else None,
            **watch.names,
        )
        is_ok = True
        if outcome is None and {"snapshot", "report"} & set(config.actions):
            judge = "report" in config.actions
            outcome = await asyncio.shield(
                self._captures.submit(target, watch, Kind.SNAPSHOT, Trigger.RULE, config.name, judge=judge)
            )
            is_ok = outcome.is_ok
        rule.settle(is_ok=is_ok, steady=self._clock.steady())
        if config.command:
            await self._run_command(watch, rule, outcome)

    async def _run_command(self, watch: InstanceWatch, rule: RuleState, outcome: Outcome | None) -> None:
        process = watch.instance.process
        facts = {"target": watch.instance.target, "slot": str(watch.instance.slot), "pid": str(process.pid)}
        facts |= {"rule": rule.config.name, "when": rule.config.when, "command_line": process.command}
        if watch.reading is not None:
            facts |= {"rss_bytes": str(watch.reading.rss_bytes), "limit_bytes": str(watch.reading.limit_bytes or "")}
        if outcome is not None and outcome.record is not None:
            record = outcome.record
            facts |= {"id": record.id, "verdict": record.verdict}
            if record.kind is Kind.SNAPSHOT:
                facts["file"] = self._store.path_of(record)
        elif outcome is not None:
            facts["error"] = f"{outcome.error}: {outcome.message}"
        result = await run_hook(rule.config.command, facts, float(rule.config.command_timeout))
        ended = (
            "took too long"
            if result.is_late
            else f"ended with {result.code}"
            if result.code is not None
            else "did not start"
        )
        level: Level = "info" if result.is_ok else "error"
        self._announcer.announce(
            "command", f"{ended}: {result.output}", level=level, rule=rule.config.name, **watch.names
        )
