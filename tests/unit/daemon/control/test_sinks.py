"""Where exports go: paths of a dataset, Pyroscope, and what happens when a sink fails."""

from __future__ import annotations

import asyncio
import email.parser
import email.policy
import http.server
import json
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heapscope.daemon.config import CaptureConfig, Config, DaemonConfig, ExportConfig
from heapscope.daemon.control import exports as exporting
from heapscope.daemon.control.export_jobs import ExportFailed, ExportJob, ExportWorkshop
from heapscope.daemon.control.exports import Exporter
from heapscope.daemon.control.observations import Observations
from heapscope.daemon.control.sinks import (
    SinkFailed,
    constants_of,
    dataset_path,
    facts_of,
    path_part,
    push_to_pyroscope,
)
from heapscope.daemon.model import Event, Kind, Record, Trigger
from tests.support.fake_daemon import FakeDaemon

RECORD = Record(
    "20261128-120000-abcd", Kind.SNAPSHOT, "api", 1, 1795869439.58, Trigger.API, host_name="web/../1", pid=7
)  # fmt: skip


@pytest.fixture
def server() -> Iterator[Any]:
    """A web server that remembers what is posted."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.server.posts.append((self.path, self.headers["content-type"], body))  # type: ignore[attr-defined]
            self.send_response(self.server.answer)  # type: ignore[attr-defined]
            self.end_headers()
            self.wfile.write(b"no\x1b room")

        def log_message(self, *_: Any) -> None:
            return

    found: Any = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    found.posts, found.answer = [], 200
    thread = threading.Thread(target=found.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


def test_a_dataset_is_partitioned_by_day_host_and_service() -> None:
    """No name of a target leads out of the folder."""
    sink = ExportConfig(kind="directory", path="/data", format="parquet", table="objects")
    found = dataset_path(sink, RECORD)
    assert found == "/data/objects/date=2026-11-28/host=web_.._1/service=api/20261128-120000-abcd.parquet"
    profile = ExportConfig(kind="directory", path="/data", format="pprof")
    assert dataset_path(profile, RECORD).startswith("/data/profiles/")
    assert dataset_path(profile, RECORD).endswith(".pb.gz")
    assert [path_part(text) for text in ("../../etc", "", "...", "a\0b")] == ["_.._etc", "unknown", "unknown", "a_b"]
    assert len(path_part("x" * 500)) == 100
    assert constants_of(RECORD)["captured_at_ms"] == 1795869439580
    assert facts_of(RECORD, "/x")["target"] == "api"


def test_a_profile_is_pushed_as_pyroscope_takes_it(server: Any) -> None:
    """Name with labels, moment, format; the profile and what its values are."""
    sink = ExportConfig(kind="pyroscope", url=f"http://127.0.0.1:{server.server_port}/base/", labels={"env": "a,b"})
    push_to_pyroscope(sink, RECORD, b"\x1f\x8bprofile")
    ((path, kind, body),) = server.posts
    where, _, query = path.partition("?")
    assert where == "/base/ingest"
    asked = urllib.parse.parse_qs(query)
    assert asked["name"] == ["api{env=a_b,host=web/../1,instance_slot=1}"]
    assert asked["format"] == ["pprof"]
    assert int(asked["until"][0]) - int(asked["from"][0]) == 1
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    message = parser.parsebytes(f"content-type: {kind}\r\n\r\n".encode() + body)
    parts = {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in message.iter_parts()
    }
    assert parts["profile"] == b"\x1f\x8bprofile"
    assert json.loads(parts["sample_type_config"])["inuse_space"]["units"] == "bytes"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "ftp://x", "nonsense", "http://[::1", "http://127.0.0.1:99999"])
def test_a_server_that_is_not_there_is_a_failed_sink(url: str) -> None:
    """Never another error."""
    with pytest.raises(SinkFailed):
        push_to_pyroscope(ExportConfig(kind="pyroscope", url=url), RECORD, b"")


def test_a_server_that_refuses_is_a_failed_sink(server: Any) -> None:
    """With its words, cleaned."""
    server.answer = 413
    with pytest.raises(SinkFailed, match=r"413 no\\x1b room"):
        push_to_pyroscope(ExportConfig(kind="pyroscope", url=f"http://127.0.0.1:{server.server_port}"), RECORD, b"")


class NoWorkshop(ExportWorkshop):
    """Makes nothing."""

    async def write(self, job: ExportJob, path: str, timeout_s: float = 1.0) -> None:
        """Write what was asked for instead, or fail."""
        if job.kind == "csv":
            raise ExportFailed("no CSV today")
        await asyncio.to_thread(Path(path).write_text, f"{job.kind} {job.table} {sorted(job.constants)}")


async def test_every_snapshot_goes_to_the_sinks_that_want_it(tmp_path: Path) -> None:
    """A sink that fails is an event, and no other one suffers; a census is not exported."""
    daemon = FakeDaemon(tmp_path)
    data = tmp_path / "data"
    daemon.config = Config(
        schema=1,
        daemon=DaemonConfig(state_dir=str(tmp_path / "state")),
        export=(
            ExportConfig(kind="directory", path=str(data), format="csv"),
            ExportConfig(kind="directory", path=str(data), format="json"),
            ExportConfig(kind="directory", path=str(data), format="json", table="roots", target="other"),
        ),
    )
    record = daemon.keep("api", at=1795869439.0)
    daemon.happened.append(Event(1, 0.0, "census_stored", "", "api", 0, {"id": record.id}))
    daemon.happened.append(Event(2, 0.0, "snapshot_stored", "", "api", 0, {"id": record.id}))
    daemon.happened.append(Event(3, 0.0, "snapshot_stored", "", "api", 0, {"id": "evicted"}))
    daemon.ends.set()
    seen = Observations()
    exporter = Exporter(daemon, NoWorkshop(CaptureConfig()), seen)
    await exporter.listen()
    worker = asyncio.ensure_future(exporter.work())
    async with asyncio.timeout(120):
        while len(seen.exports) < 2:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
    worker.cancel()
    files = [each for each in data.rglob("*") if each.is_file()]
    assert [each.name for each in files] == [f"{record.id}.json"]
    assert files[0].read_text() == "json types ['captured_at_ms', 'instance_slot', 'pid', 'snapshot']"
    assert files[0].stat().st_mode & 0o777 == 0o640
    assert daemon.events(3)[0].kind == "export_failed"
    assert "no CSV today" in daemon.events(3)[0].message
    assert seen.exports == {("directory", "failed"): 1, ("directory", "ok"): 1}
    daemon.store.close()


async def test_exports_that_cannot_keep_up_leave_the_oldest_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And say so."""
    monkeypatch.setattr(exporting, "MAX_WAITING", 2)
    daemon = FakeDaemon(tmp_path)
    daemon.config = Config(schema=1, export=(ExportConfig(kind="directory", path="/nowhere"),))
    daemon.happened += [Event(n, 0.0, "snapshot_stored", "", "api", 0, {"id": f"r{n}"}) for n in range(1, 5)]
    daemon.ends.set()
    await Exporter(daemon, NoWorkshop(CaptureConfig()), Observations()).listen()
    assert [event.message.split(":")[0] for event in daemon.events() if event.kind == "export_dropped"] == ["r1", "r2"]
    daemon.store.close()
