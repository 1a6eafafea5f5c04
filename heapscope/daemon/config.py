"""The daemon's configuration: what may stand in the TOML file, its defaults, and its limits.

Never reads a file (that is config_file.py), and never accepts a key that it does not know. Times are seconds, sizes bytes, shares 0...1.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from heapscope.daemon.conditions import Condition, parse_condition
from heapscope.daemon.quantities import Amount, ByteSize, Ratio, Seconds, parse_duration

SCHEMA = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")  # also a folder of the store, and a label of a metric
_INSTANCES = re.compile(r"all|(largest|sample):([1-9][0-9]{0,2})")
MAX_ALL = 64  # instances of a target with "all": more is a mistake, not a wish

Action = Literal["snapshot", "report", "command"]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


class CaptureConfig(_Table, frozen=True):
    """How captures are made; each runs in a process of its own with these limits.

    ``memory_limit`` is of the worker's address space, ``unshared_limit`` of what a clone may un-share (0: heapscope's default).
    After a pause over ``max_pause`` the instance is left alone for ten intervals.
    """

    via: Literal["auto", "ptrace", "remote_exec"] = "auto"  # pyrasite has no safe point: nothing to run unattended
    collector: Literal["auto", "native", "python"] = "auto"
    timeout: Seconds = Seconds(60)
    memory_limit: ByteSize = ByteSize(2 << 30)
    unshared_limit: ByteSize = ByteSize(0)
    nice: int = 10
    max_pause: Seconds = Seconds(2)


class ThinStep(msgspec.Struct, frozen=True):
    """Up to an age, keep one record per ``every`` seconds; 0 keeps all."""

    age: Seconds
    every: Seconds


class RetentionConfig(_Table, frozen=True):
    """How long records are kept; pinned ones are kept always. ``thin`` has AGE:all or AGE:EVERY, youngest first."""

    max_bytes: ByteSize = ByteSize(20 << 30)
    max_age: Seconds = Seconds(14 * 86400)
    thin: tuple[str, ...] = ("2h:all", "2d:1h", "14d:1d")
    min_free_disk: Amount = Amount(share=0.1)

    def __post_init__(self) -> None:
        ages = [step.age for step in self.steps]
        if ages != sorted(ages):
            raise ValueError("thin: the ages must rise")

    @property
    def steps(self) -> tuple[ThinStep, ...]:
        """``thin``, read."""
        return tuple(map(_thin_step, self.thin))


def _thin_step(text: str) -> ThinStep:
    age, colon, every = text.partition(":")
    if not colon:
        raise ValueError(f"thin: {text!r} is not AGE:EVERY, such as 2h:all or 2d:1h")
    return ThinStep(parse_duration(age), Seconds(0) if every.strip() == "all" else parse_duration(every))


class MetricsConfig(_Table, frozen=True):
    """Where figures go: an OpenMetrics listener (empty: none), files for node_exporter (empty: none)."""

    listen: str = ""
    textfile_dir: str = ""
    top_types: int = 25
    top_holders: int = 10


class AccessConfig(_Table, frozen=True):
    """Who may do what at the control socket."""

    group: str = "heapscope"
    reveal_values: Literal["owner", "root", "never"] = "owner"


class DaemonConfig(_Table, frozen=True):
    """The daemon itself. ``pause_budget`` is the share of wall time for which all targets together may be paused."""

    socket: str = "/run/heapscope/control.sock"
    state_dir: str = "/var/lib/heapscope"
    max_concurrent_captures: int = 1
    pause_budget: Ratio = Ratio(0.01)
    discovery_interval: Seconds = Seconds(5)
    metrics: MetricsConfig = MetricsConfig()
    retention: RetentionConfig = RetentionConfig()
    access: AccessConfig = AccessConfig()

    def __post_init__(self) -> None:
        if not 1 <= self.max_concurrent_captures <= 16:
            raise ValueError("max_concurrent_captures must be 1 to 16")
        if self.discovery_interval < 1:
            raise ValueError("discovery_interval must be at least 1s")


class MatchConfig(_Table, frozen=True):
    """Which processes belong to a target: all that is given must match.

    ``unit``, ``cgroup`` and ``container`` are shell patterns (``api@*.service``), a container also the start of its id; ``cmdline`` is
    a regular expression found anywhere in it; ``user`` a name or number; ``name`` the kernel's name of the process.
    """

    unit: str = ""
    cgroup: str = ""
    container: str = ""
    cmdline: str = ""
    user: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        if not any((self.unit, self.cgroup, self.container, self.cmdline, self.user, self.name)):
            raise ValueError("match needs at least one of unit, cgroup, container, cmdline, user, name")
        try:
            re.compile(self.cmdline)
        except re.error as error:
            raise ValueError(f"cmdline: {error}") from error


class RuleConfig(_Table, frozen=True):
    """When to act besides the schedule. ``when`` is explained in conditions.py; ``command`` is run without a shell."""

    name: str
    when: str
    cooldown: Seconds = Seconds(1800)
    max_per_day: int = 24
    actions: tuple[Action, ...] = ("snapshot",)
    command: tuple[str, ...] = ()
    command_timeout: Seconds = Seconds(60)

    def __post_init__(self) -> None:
        _check_name(self.name, "rule")
        parse_condition(self.when)
        if ("command" in self.actions) != bool(self.command):
            raise ValueError(f"rule {self.name}: the action command and the key command go together")
        if self.max_per_day < 1:
            raise ValueError(f"rule {self.name}: max_per_day must be at least 1")

    @property
    def condition(self) -> Condition:
        """``when``, read."""
        return parse_condition(self.when)


class TargetConfig(_Table, frozen=True):
    """One service. ``interval`` 0: no schedule, rules and requests only; ``census_interval`` 0: no census between the snapshots."""

    name: str
    match: MatchConfig
    instances: str = "largest:1"
    interval: Seconds = Seconds(900)
    jitter: Ratio = Ratio(0.1)
    census_interval: Seconds = Seconds(0)
    max_per_hour: int = 60
    max_pause: Seconds | None = None
    report: bool = True
    allow_groups: tuple[str, ...] = ()
    rule: tuple[RuleConfig, ...] = ()

    def __post_init__(self) -> None:
        _check_name(self.name, "target")
        if _INSTANCES.fullmatch(self.instances) is None:
            raise ValueError(f"instances: {self.instances!r} is not all, largest:N or sample:N")
        for key, value in (("interval", self.interval), ("census_interval", self.census_interval)):
            if 0 < value < 5:
                raise ValueError(f"{key} must be at least 5s, or 0 for never")
        if len({rule.name for rule in self.rule}) < len(self.rule):
            raise ValueError("two rules have the same name")

    @property
    def selection(self) -> tuple[str, int]:
        """How to choose among the processes that match: ("all" | "largest" | "sample", how many)."""
        kind, _, number = self.instances.partition(":")
        return kind, int(number) if number else MAX_ALL


class ExportConfig(_Table, frozen=True):
    """Where results are sent on their way: ``directory``, ``pyroscope`` or ``command`` (heapscope.exports)."""

    kind: Literal["directory", "pyroscope", "command"]
    target: str = "*"
    path: str = ""
    url: str = ""
    format: Literal["json", "csv", "parquet", "pprof"] = "json"
    table: Literal["types", "objects", "references", "roots", "instances"] = "types"
    labels: dict[str, str] = {}
    command: tuple[str, ...] = ()
    timeout: Seconds = Seconds(60)

    def __post_init__(self) -> None:
        needed = {"directory": "path", "pyroscope": "url", "command": "command"}[self.kind]
        if not getattr(self, needed):
            raise ValueError(f"an export of kind {self.kind} needs {needed}")


class Config(_Table, frozen=True):
    """The whole file."""

    schema: int
    capture: CaptureConfig = CaptureConfig()
    daemon: DaemonConfig = DaemonConfig()
    target: tuple[TargetConfig, ...] = ()
    export: tuple[ExportConfig, ...] = ()

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise ValueError(f"schema must be {SCHEMA}")
        names = [target.name for target in self.target]
        if len(set(names)) < len(names):
            raise ValueError("two targets have the same name")


def _check_name(name: str, what: str) -> None:
    if NAME.fullmatch(name) is None:
        raise ValueError(f"{name[:64]!r} is no name for a {what}: letters, digits, and _.- inside, at most 64")
