"""Metrics: what adds up, what is bounded, what a scraper gets."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from heapscope.analysis.memory import Part
from heapscope.analysis.suspects.model import VerdictKind
from heapscope.daemon.config import MetricsConfig
from heapscope.daemon.control import metrics_server
from heapscope.daemon.control.extensions import control
from heapscope.daemon.control.metrics import COMPONENTS, VERDICTS
from heapscope.daemon.control.metrics_server import replace_file
from heapscope.daemon.control.observations import Histogram, Observations
from heapscope.daemon.control.top_names import TopNames, split_other
from heapscope.daemon.model import OTHER, Details, Event, HolderBytes, Kind, TypeCount
from heapscope.errors import UsageError
from heapscope.service.daemon_client import DaemonClient
from tests.support.fake_daemon import FakeDaemon, running_extension
from tests.support.load import free_port

MANY = Details(
    types=(
        *(TypeCount(f"m.T{number}", 1, number // 10) for number in range(300)),
        TypeCount("m.\u202e", 1, 5),
        TypeCount("m.\\u202e", 2, 6),
        TypeCount(OTHER, 7, 70),
    ),
    holders=(HolderBytes("module a", 400), HolderBytes("module a", 100), HolderBytes("thread 1", 50)),
    memory=dict.fromkeys(COMPONENTS, 300),
)
Families = dict[str, dict[tuple[tuple[str, str], ...], float]]


@pytest.fixture
def address() -> str:
    """A port that is free."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def daemon(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDaemon]:
    """A daemon with metrics."""
    monkeypatch.setattr(metrics_server, "FRESH_S", -1.0)
    made = FakeDaemon(
        tmp_path, metrics=MetricsConfig(listen=address, textfile_dir=str(tmp_path), top_types=5, top_holders=2)
    )
    with running_extension(made, control):
        yield made


def scrape(address: str, accept: str = "application/openmetrics-text; version=1.0.0") -> str:
    """Ask as Prometheus does."""
    request = urllib.request.Request(f"http://{address}/metrics", headers={"accept": accept})
    with urllib.request.urlopen(request, timeout=120) as response:
        text: str = response.read().decode()
    return text


def samples(text: str) -> Families:
    """Read the page with the strict reader of the format: samples by name and labels."""
    found: Families = {}
    for family in parse_openmetrics(text):
        for sample in family.samples:
            key = tuple(sorted(sample.labels.items()))
            assert key not in found.setdefault(sample.name, {})
            found[sample.name][key] = sample.value
    return found


def total(families: Families, name: str, **labels: str) -> float:
    """Add up the samples with these labels."""
    wanted = set(labels.items())
    return sum(value for key, value in families[name].items() if wanted <= set(key))


def test_components_add_up_to_rss_and_types_and_holders_to_the_heap(daemon: FakeDaemon, address: str) -> None:
    """For each instance, whatever is known of it."""
    record = daemon.keep("api", details=MANY)
    found = samples(scrape(address))
    for slot, rss in (("0", 4096), ("1", 2048)):
        assert total(found, "heapscope_memory_component_bytes", target="api", instance_slot=slot) == rss
        assert total(found, "heapscope_memory_rss_bytes", target="api", instance_slot=slot) == rss
    api = {"target": "api", "instance_slot": "0"}
    assert total(found, "heapscope_memory_component_bytes", component="pymalloc_free", **api) == 600
    assert total(found, "heapscope_memory_component_bytes", component="since_capture", **api) == 4096 - 3000
    assert total(found, "heapscope_memory_component_bytes", component="unexplained", target="other") == 8192
    assert total(found, "heapscope_type_shallow_bytes", **api) == record.heap_bytes
    assert total(found, "heapscope_heap_bytes", **api) == record.heap_bytes
    assert total(found, "heapscope_holder_retained_bytes", **api) == record.heap_bytes
    assert total(found, "heapscope_holder_retained_bytes", holder="module a") == 500
    assert total(found, "heapscope_memory_limit_bytes", target="other") == 100_000


def test_series_are_bounded_whatever_a_target_does(daemon: FakeDaemon, address: str) -> None:
    """The largest types, and one for the rest."""
    daemon.keep("api", details=MANY)
    found = samples(scrape(address))
    assert len(found["heapscope_type_objects"]) == 6
    assert len(found["heapscope_type_shallow_bytes"]) == 6
    assert len(found["heapscope_holder_retained_bytes"]) == 3
    assert sum(map(len, found.values())) < 200


def test_what_the_daemon_did_is_counted(daemon: FakeDaemon, address: str) -> None:
    """Captures, the store, requests; each target that nothing is watched of is down."""
    client = DaemonClient(daemon.config.daemon.socket)
    client.capture(target="api")
    with pytest.raises(UsageError):
        client.get("/v1/snapshots/nothing")
    found = samples(scrape(address))
    assert found["heapscope_snapshots_total"][("result", "ok"), ("target", "api"), ("trigger", "api")] == 1
    assert found["heapscope_requests_total"][("result", "ok"), ("verb", "snapshot")] == 1
    assert found["heapscope_requests_total"][("result", "usage"), ("verb", "show")] == 1
    assert found["heapscope_store_snapshots"][()] == 1
    assert found["heapscope_store_bytes"][()] == daemon.store.totals().snapshot_bytes
    assert total(found, "heapscope_snapshot_last_success_timestamp_seconds", target="api") == 1000.0
    assert total(found, "heapscope_target_up") == 3
    assert found["process_resident_memory_bytes"]
    assert total(found, "heapscope_build_info") == 1


def test_the_verdict_is_one_of_a_list(daemon: FakeDaemon, address: str) -> None:
    """1 for one kind, 0 for the others."""
    record = daemon.keep("api")
    daemon.store.change(record, verdict="growing")
    found = samples(scrape(address))
    assert total(found, "heapscope_verdict", kind="growing") == 1
    assert total(found, "heapscope_verdict") == 1
    assert len(found["heapscope_verdict"]) == len(VERDICTS)
    assert tuple(VerdictKind) == VERDICTS
    assert set(COMPONENTS) == set(Part)


def test_censuses_do_not_make_forget_what_only_a_snapshot_knows(daemon: FakeDaemon, address: str) -> None:
    """Types are those of the newest record; verdict, holders, memory and coverage those of the snapshot before."""
    record = daemon.keep("api", details=MANY)
    kept = daemon.store.change(record, verdict="growing", coverage=0.75)
    counted = Details(types=(TypeCount("app.New", 5, 500),))
    for _ in range(20):
        census = replace(
            kept, id=daemon.store.new_id(), kind=Kind.CENSUS, objects=5, heap_bytes=500, verdict="", coverage=None
        )
        daemon.store.add(census, counted)
    found = samples(scrape(address))
    api = {"target": "api", "instance_slot": "0"}
    assert total(found, "heapscope_heap_bytes", **api) == 500
    assert total(found, "heapscope_type_shallow_bytes", type="app.New", **api) == 500
    assert total(found, "heapscope_holder_retained_bytes", **api) == record.heap_bytes
    assert total(found, "heapscope_verdict", kind="growing", **api) == 1
    assert total(found, "heapscope_memory_component_bytes", component="pymalloc_free", **api) == 600
    assert total(found, "heapscope_snapshot_coverage_ratio", **api) == 0.75


def test_a_file_for_node_exporter_says_the_same(daemon: FakeDaemon, address: str, tmp_path: Path) -> None:
    """In the text format, whole at any time."""
    deadline = 4000
    while not (tmp_path / "heapscope.prom").exists() and deadline:
        deadline -= 1
        scrape(address)
    text = (tmp_path / "heapscope.prom").read_text()
    names = {family.name for family in parse_text(text)}
    assert "heapscope_memory_component_bytes" in names
    assert (tmp_path / "heapscope.prom").stat().st_mode & 0o777 == 0o644


def test_a_file_is_replaced_or_left_alone(tmp_path: Path) -> None:
    """Nothing else is left in the folder."""
    replace_file(str(tmp_path / "x"), b"one")
    replace_file(str(tmp_path / "x"), b"two")
    assert (tmp_path / "x").read_bytes() == b"two"
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace_file(str(tmp_path / "folder"), b"three")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "x"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/debug/pprof/heap", 400),
        ("/debug/pprof/heap?target=nobody", 400),
        ("/debug/pprof/heap?target=api&slot=x", 400),
        ("/debug/pprof/heap?target=other", 400),
        ("/healthz", 200),
        ("/v1/status", 404),
    ],
)
def test_the_listener_answers_scrapers_only(daemon: FakeDaemon, address: str, path: str, status: int) -> None:
    """It is no control socket."""
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=120) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        assert connection.recv(100).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_name_that_was_large_keeps_its_series_for_a_while() -> None:
    """And a new one gets in at once, in the place of what has been out longest."""
    names = TopNames(2, sticky_s=100)
    assert list(names.choose("x", {"a": 3, "b": 2, "c": 1}, 0)) == ["a", "b"]
    assert list(names.choose("x", {"a": 3, "b": 2, "c": 9}, 10)) == ["a", "c"]
    assert list(names.choose("x", {"a": 3}, 20)) == ["a", "c"]
    assert list(names.choose("x", {"a": 3}, 111)) == ["a"]
    names.forget_all_but(set())
    assert list(names.choose("x", {"b": 1, OTHER: 99}, 112)) == ["b"]
    assert split_other({"a": 3, "b": 4}, ["a", "gone"], 10) == {"a": 3, "gone": 0, OTHER: 7}


def test_durations_and_pauses_are_counted_in_buckets() -> None:
    """Cumulative, as the format has it; other events say nothing."""
    seen = Observations()
    for seconds, pause in ((0.4, 1_000_000), (3.0, 3_000_000_000), ("x", None)):
        fields: dict[str, Any] = {"seconds": seconds, "pause_ns": pause}
        seen.take(Event(1, 0.0, "snapshot_stored", "", "api", 0, fields))
    seen.take(Event(2, 0.0, "request", "", "api", 0, {"seconds": 1.0}))
    assert seen.durations["api"].buckets()[0] == ("0.5", 1.0)
    assert seen.durations["api"].buckets()[-1] == ("+Inf", 2.0)
    assert seen.durations["api"].total == pytest.approx(3.4)
    assert [value for _, value in seen.pauses["api"].buckets()] == [1.0] * 10 + [2.0] * 3
    assert Histogram((1.0, 2.5)).buckets() == [("1.0", 0.0), ("2.5", 0.0), ("+Inf", 0.0)]
