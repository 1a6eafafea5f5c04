"""Figures as OpenMetrics families. Names and labels are a contract (docs/metrics.md).

Never a series whose sum over a label would make no sense: retained and recursive sizes of types overlap, so there are none.
Never more series than a ceiling per instance. No I/O.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric

from heapscope.daemon.control.counts import RequestCounts
from heapscope.daemon.control.figures import Figures, InstanceFigures
from heapscope.daemon.control.observations import Histogram, Observations
from heapscope.daemon.control.top_names import TopNames, merged, split_other
from heapscope.units import clean_text

MAX_LABEL = 200
SINCE_CAPTURE = "since_capture"
UNEXPLAINED = "unexplained"
# What a report calls the parts of resident memory, and what they are called here.
COMPONENTS = {
    "python_objects": "python_objects",
    "pymalloc_partly_free": "pymalloc_free",
    "pymalloc_empty": "pymalloc_free",
    "malloc_used": "malloc_used",
    "malloc_free": "malloc_free",
    "private": "native",
    "file": "file",
    "shared": "shared",
    "stacks": "stacks",
    "unexplained": UNEXPLAINED,
}
_OF = ("target", "instance_slot")
# The values of analysis/suspects/model.py's VerdictKind, which costs numpy to import; a test compares them.
VERDICTS = (
    "growing",
    "suspected",
    "allocator_retention",
    "native_memory",
    "plateau",
    "no_leak_seen",
    "not_enough_data",
)


def components_of(each: InstanceFigures) -> dict[str, int]:
    """Give the parts of the resident memory: those of the newest report, and what changed since. They add up to RSS now."""
    reading = each.status.reading
    known = each.judged_details.memory
    parts: dict[str, int] = {}
    for name, size in known.items():
        shown = COMPONENTS.get(name, UNEXPLAINED)
        parts[shown] = parts.get(shown, 0) + size
    if reading is None:
        return parts
    rest = reading.rss_bytes - sum(parts.values())
    return {**parts, SINCE_CAPTURE: rest} if parts else {UNEXPLAINED: reading.rss_bytes}


class MetricsPage:
    """Makes the families of one moment. For one thread at a time."""

    def __init__(self, top_types: int, top_holders: int) -> None:
        self._types = TopNames(top_types)
        self._holders = TopNames(top_holders)

    def families(
        self, figures: Figures, observed: Observations, requests: RequestCounts, now: float
    ) -> Iterator[Metric]:
        """Yield all families."""
        owners = {_owner(each) for each in figures.instances}
        self._types.forget_all_but(set(owners))
        self._holders.forget_all_but(set(owners))
        yield _info("heapscope_build", "The version of heapscope.", [({}, _build(figures))])
        yield from _instances(figures)
        yield from _memory(figures.instances)
        yield from _heap(figures.instances)
        yield from self._by_type(figures.instances, now)
        yield self._by_holder(figures.instances, now)
        yield _verdicts(figures.instances)
        yield from _captures(figures, observed)
        yield from _store(figures)
        yield _counter(
            "heapscope_requests",
            "Requests at the control socket.",
            ("verb", "result"),
            [(key, count) for key, count in sorted(requests.by_verb_and_result.items())],
        )
        yield _counter(
            "heapscope_exports",
            "Exports to configured sinks.",
            ("kind", "result"),
            sorted(observed.exports.items()),
        )

    def _by_type(self, instances: Iterable[InstanceFigures], now: float) -> Iterator[Metric]:
        objects = GaugeMetricFamily(
            "heapscope_type_objects", "Objects by type; the rest is __other__.", labels=(*_OF, "type")
        )
        sizes = GaugeMetricFamily(
            "heapscope_type_shallow_bytes", "Shallow bytes by type; the rest is __other__.", labels=(*_OF, "type")
        )
        for each in instances:
            if each.record is None:
                continue
            bytes_ = merged([(_label(row.name), row.shallow_bytes) for row in each.details.types])
            counts = merged([(_label(row.name), row.count) for row in each.details.types])
            chosen = self._types.choose(_owner(each), bytes_, now)
            for family, values, whole in (
                (objects, counts, each.record.objects),
                (sizes, bytes_, each.record.heap_bytes),
            ):
                for name, value in split_other(values, chosen, whole).items():
                    family.add_metric([*_owner(each), name], value)
        yield objects
        yield sizes

    def _by_holder(self, instances: Iterable[InstanceFigures], now: float) -> Metric:
        family = GaugeMetricFamily(
            "heapscope_holder_retained_bytes",
            "Bytes that each module or thread holds alone; the rest of the heap is __other__.",
            labels=(*_OF, "holder"),
        )
        for each in instances:
            if each.judged is None or not each.judged_details.holders:
                continue
            sizes = merged([(_label(row.holder), row.retained_bytes) for row in each.judged_details.holders])
            chosen = self._holders.choose(_owner(each), sizes, now)
            for name, value in split_other(sizes, chosen, each.judged.heap_bytes).items():
                family.add_metric([*_owner(each), name], value)
        return family


def _build(figures: Figures) -> dict[str, str]:
    return {"version": figures.version, "python": platform.python_version()}


def _instances(figures: Figures) -> Iterator[Metric]:
    up = GaugeMetricFamily("heapscope_target_up", "Whether a process of the target is watched.", labels=_OF)
    started = GaugeMetricFamily("heapscope_target_start_time_seconds", "When the process started.", labels=_OF)
    infos = []
    for target in figures.targets:
        if not target.instances:
            up.add_metric([target.name, "0"], 0)
    for each in figures.instances:
        process = each.status.instance.process
        up.add_metric(_owner(each), 1)
        started.add_metric(_owner(each), process.start_time)
        version = each.record.python_version if each.record is not None else ""
        facts = {
            "pid": str(process.pid),
            "python_version": version,
            "unit": process.unit,
            "container": process.container,
        }
        infos.append((_labels(each), {name: _label(value) for name, value in facts.items()}))
    yield up
    yield started
    yield _info("heapscope_target", "Which process an instance slot is now.", infos)


def _memory(instances: Iterable[InstanceFigures]) -> Iterator[Metric]:
    parts = GaugeMetricFamily(
        "heapscope_memory_component_bytes",
        "Resident memory by component; they add up to RSS. since_capture is what changed since the others were measured.",
        labels=(*_OF, "component"),
    )
    rss = GaugeMetricFamily("heapscope_memory_rss_bytes", "Resident memory now.", labels=_OF)
    limit = GaugeMetricFamily("heapscope_memory_limit_bytes", "The tightest memory limit.", labels=_OF)
    swap = GaugeMetricFamily("heapscope_swap_bytes", "Memory in swap.", labels=_OF)
    for each in instances:
        for name, size in components_of(each).items():
            parts.add_metric([*_owner(each), name], size)
        reading = each.status.reading
        if reading is None:
            continue
        rss.add_metric(_owner(each), reading.rss_bytes)
        swap.add_metric(_owner(each), reading.swap_bytes)
        if reading.limit_bytes is not None:
            limit.add_metric(_owner(each), reading.limit_bytes)
    yield from (parts, rss, limit, swap)


def _heap(instances: Iterable[InstanceFigures]) -> Iterator[Metric]:
    objects = GaugeMetricFamily("heapscope_heap_objects", "Objects in the newest record.", labels=_OF)
    size = GaugeMetricFamily("heapscope_heap_bytes", "Shallow bytes of all objects in the newest record.", labels=_OF)
    coverage = GaugeMetricFamily(
        "heapscope_snapshot_coverage_ratio", "Share of what the allocator has in use that objects explain.", labels=_OF
    )
    for each in instances:
        if each.record is None:
            continue
        objects.add_metric(_owner(each), each.record.objects)
        size.add_metric(_owner(each), each.record.heap_bytes)
        if each.coverage is not None:
            coverage.add_metric(_owner(each), each.coverage)
    yield from (objects, size, coverage)


def _verdicts(instances: Iterable[InstanceFigures]) -> Metric:
    family = GaugeMetricFamily(
        "heapscope_verdict", "The verdict of the newest report: 1 for one kind.", labels=(*_OF, "kind")
    )
    for each in instances:
        if each.judged is not None and each.judged.verdict in VERDICTS:
            for kind in VERDICTS:
                family.add_metric([*_owner(each), kind], int(kind == each.judged.verdict))
    return family


def _captures(figures: Figures, observed: Observations) -> Iterator[Metric]:
    rows = [((target, str(trigger), result), count) for (target, trigger, result), count in figures.outcomes.items()]
    yield _counter("heapscope_snapshots", "Captures since the start.", ("target", "trigger", "result"), sorted(rows))
    yield _histogram("heapscope_snapshot_duration_seconds", "Wall time of a capture.", observed.durations)
    yield _histogram("heapscope_snapshot_pause_seconds", "How long a target stood still.", observed.pauses)
    newest = GaugeMetricFamily(
        "heapscope_snapshot_last_success_timestamp_seconds", "When the newest record was captured.", labels=("target",)
    )
    last: dict[str, float] = {}
    for each in figures.instances:
        if each.record is not None:
            last[each.record.target] = max(each.record.captured_at, last.get(each.record.target, 0.0))
    for target, at in sorted(last.items()):
        newest.add_metric([target], at)
    yield newest
    yield GaugeMetricFamily(
        "heapscope_pause_budget_left_seconds", "Pauses that may still be spent.", figures.pause_left_s
    )


def _store(figures: Figures) -> Iterator[Metric]:
    totals = figures.totals
    yield GaugeMetricFamily("heapscope_store_bytes", "Bytes of the snapshots that are kept.", totals.snapshot_bytes)
    yield GaugeMetricFamily("heapscope_store_snapshots", "Snapshots that are kept.", totals.snapshots)
    yield GaugeMetricFamily("heapscope_store_records", "Records that are kept, snapshots included.", totals.records)
    yield GaugeMetricFamily("heapscope_store_free_bytes", "Free space of the store's file system.", totals.free_bytes)
    rows = [((reason,), count) for reason, count in sorted(totals.evictions.items())]
    yield _counter("heapscope_store_evictions", "Records removed since the start.", ("reason",), rows)


def _owner(each: InstanceFigures) -> tuple[str, str]:
    return each.status.instance.target, str(each.status.instance.slot)


def _labels(each: InstanceFigures) -> dict[str, str]:
    return dict(zip(_OF, _owner(each), strict=True))


def _label(text: str) -> str:
    return clean_text(text, MAX_LABEL)


def _info(name: str, text: str, rows: list[tuple[dict[str, str], dict[str, str]]]) -> Metric:
    family = InfoMetricFamily(name, text, labels=list(rows[0][0]) if rows else [])
    for labels, facts in rows:
        family.add_metric(list(labels.values()), facts)
    return family


def _counter(name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], int]]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in rows:
        family.add_metric(values, count)
    return family


def _histogram(name: str, text: str, rows: dict[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=("target",))
    for target, histogram in sorted(rows.items()):
        family.add_metric([target], histogram.buckets(), histogram.total)
    return family
