"""The control socket, metrics and exports of a real daemon over a real process."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from heapscope.service.daemon_client import DaemonClient
from heapscope.service.sources import open_source
from tests.support.command_line import heapscope_words
from tests.support.load import free_port
from tests.support.profile_proto import read_profile
from tests.support.pythons import Python
from tests.support.targets import PROGRAMS, Target, running, situation_named

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
schema = 1
[daemon]
socket = "{folder}/control.sock"
state_dir = "{folder}/state"
[daemon.metrics]
listen = "{address}"
[daemon.retention]
min_free_disk = "0"
[[target]]
name = "api"
match = {{ cmdline = "{program}" }}
instances = "largest:8"
interval = "0"
[[export]]
kind = "directory"
path = "{folder}/data"
format = "parquet"
"""


@dataclass(frozen=True)
class Running:
    """A daemon that watches a process."""

    folder: Path
    address: str
    target: Target

    def get(self, path: str) -> bytes:
        """Ask its listener."""
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=120) as response:
            data: bytes = response.read()
        return data


def until(found: Callable[[], Any], timeout_s: float = 120.0) -> Any:
    """Wait for something that another process does."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            value = found()
            if value:
                return value
        time.sleep(0.1)
    pytest.fail("it did not come")


@pytest.fixture(scope="module")
def daemon(one_python: Python, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One daemon and one process for all tests here."""
    folder = tmp_path_factory.mktemp("daemon")
    address = f"127.0.0.1:{free_port()}"
    config = folder / "heapscope.toml"
    config.write_text(CONFIG.format(folder=folder, address=address, program=PROGRAMS / "event_wait.py"))
    with running(one_python, situation_named("event wait")) as target:
        words = heapscope_words("daemon", "run", "--config", str(config))
        with (folder / "log").open("wb") as log, subprocess.Popen(words, cwd=ROOT, stderr=log) as process:
            try:
                made = Running(folder, address, target)
                until(lambda: (folder / "control.sock").exists() and b"heapscope_target_up" in made.get("/metrics"))
                yield made
            finally:
                process.terminate()
                assert process.wait(120) == 0, (folder / "log").read_text()


def test_a_process_is_captured_seen_measured_and_exported_by_way_of_the_daemon(
    daemon: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """@NAME, sums of the metrics, the profile, the dataset."""
    monkeypatch.setenv("HEAPSCOPE_SOCKET", f"{daemon.folder}/control.sock")
    client = DaemonClient()
    slot = next(
        each["slot"]
        for each in client.get("/v1/targets")[0]["instances"]
        if each["process"]["pid"] == daemon.target.pid
    )
    snapshot = open_source(f"@api/{slot}")
    (record,) = client.get("/v1/snapshots", slot=slot)
    assert (record["pid"], record["uid"]) == (daemon.target.pid, os.getuid())
    assert (record["objects"], record["heap_bytes"]) == (snapshot.object_count, snapshot.heap_bytes)
    until(lambda: sums(daemon, slot).get("heapscope_heap_bytes") == record["heap_bytes"])
    found = sums(daemon, slot)
    assert found["heapscope_memory_component_bytes"] == found["heapscope_memory_rss_bytes"]
    assert found["heapscope_type_shallow_bytes"] == record["heap_bytes"]
    assert found["heapscope_type_objects"] == record["objects"]
    stacks = read_profile(daemon.get(f"/debug/pprof/heap?target=api&slot={slot}"))[1]
    assert sum(size for _, size in stacks.values()) == record["heap_bytes"]
    (file,) = until(lambda: list(daemon.folder.glob("data/types/date=*/host=*/service=api/*.parquet")))
    assert file.stem == record["id"]
    query = "select snapshot, service, sum(count)::bigint, sum(shallow_bytes)::bigint from read_parquet(?) group by all"
    rows = duckdb.sql(query, params=[f"{daemon.folder}/data/types/**/*.parquet"]).fetchall()
    assert rows == [(record["id"], "api", record["objects"], record["heap_bytes"])]


def sums(daemon: Running, slot: int) -> dict[str, float]:
    """Add up the samples of each metric of one instance."""
    found: dict[str, float] = {}
    for line in daemon.get("/metrics").decode().splitlines():
        if f'instance_slot="{slot}"' in line and not line.startswith("#"):
            name = line.partition("{")[0]
            found[name] = found.get(name, 0.0) + float(line.rpartition(" ")[2])
    return found


@pytest.mark.thirdparty
def test_a_real_prometheus_scrapes_it_and_the_sums_hold(daemon: Running, tmp_path: Path) -> None:
    """Debian's prometheus, with our rules; promtool finds nothing to complain about."""
    folder = os.environ.get("HEAPSCOPE_PROMETHEUS", "")
    if not folder or shutil.which("prometheus", path=folder) is None:
        pytest.skip("HEAPSCOPE_PROMETHEUS is not set: the folder of prometheus and promtool (Debian: prometheus)")
    rules = ROOT / "systemd" / "monitoring" / "heapscope.rules.yml"
    promtool = f"{folder}/promtool"
    subprocess.run([promtool, "check", "rules", str(rules)], check=True, capture_output=True)
    page = daemon.get("/metrics")
    checked = subprocess.run([promtool, "check", "metrics"], input=page, check=False, capture_output=True)
    assert checked.returncode == 0, checked.stderr
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": "heapscope", "static_configs": [{"targets": [daemon.address]}]}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    words = [f"{folder}/prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]

    def ask(query: str) -> list[Any]:
        address = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(address, timeout=10) as response:
            found: list[Any] = json.load(response)["data"]["result"]
        return found

    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([*words, f"--web.listen-address=127.0.0.1:{port}"], stderr=log) as process,
    ):
        try:
            DaemonClient(f"{daemon.folder}/control.sock").capture(target="api")
            until(lambda: ask("heapscope_verdict == 1"))  # the report has been made: what follows is with its figures
            by = "by (target, instance_slot)"
            for parts, whole in (
                ("heapscope_memory_component_bytes", "heapscope_memory_rss_bytes"),
                ("heapscope_type_shallow_bytes", "heapscope_heap_bytes"),
                ("heapscope_type_objects", "heapscope_heap_objects"),
                ("heapscope_holder_retained_bytes", "heapscope_heap_bytes"),
            ):
                found = until(lambda parts=parts, whole=whole: ask(f"sum {by} ({parts}) - sum {by} ({whole})"))
                assert {row["value"][1] for row in found} == {"0"}, parts
            assert len(ask("heapscope_memory_component_bytes")) > 5
            assert ask("heapscope_target_up")[0]["value"][1] == "1"
        finally:
            process.kill()
