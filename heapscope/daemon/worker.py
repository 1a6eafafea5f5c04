"""The process that makes one capture: a job in on stdin, what was found out on stdout, each as a line of JSON.

Never outlives the daemon: when its stdin ends, the capture is cancelled in an orderly way. What it may use is limited before
anything large is loaded; a heap that breaks it breaks nothing else.

    in   {"pid", "start_ticks", "path" ("" for a census), "via", "collector", "timeout_s", "unshared_limit", "judge", "previous", ...}
    out  {"event": "pause", "pause_ns"}          the target runs again
         {"event": "captured", "facts", "types", "warnings", "observed"}          the file is written and synced
         {"event": "judged", "holders", "memory", "verdict", "report"}
         {"event": "failed", "error", "message", "hint"}          instead of what has not come yet
         {"event": "end"}
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import resource
import sys
import threading
from typing import TYPE_CHECKING, Any

from heapscope.daemon.type_rows import top_types
from heapscope.service.priority import be_nice

if TYPE_CHECKING:
    from heapscope.service.capture_options import CaptureOptions, CaptureProgress, Report
    from heapscope.service.census import Census
    from heapscope.snapshot.model import Snapshot, SnapshotMeta

MAX_JOB_BYTES = 1 << 20
CENSUS_NEEDS = (
    "heapscope.inject.client",
    "heapscope.service.census",
    "heapscope.service.native",
    "heapscope.service.payload",
    "heapscope.service.watch",
    "heapscope.snapshot.counts",
    "heapscope.target.discovery",
)
SNAPSHOT_NEEDS = (
    *CENSUS_NEEDS,
    "heapscope.daemon.judging",
    "heapscope.snapshot.builder",
    "heapscope.snapshot.file",
)
"""Half a second of the processor's time, which there is not when a job is urgent; and no clone is to wait for it."""


def limit_ourselves(memory: int, nice: int) -> None:
    """Set what this process may use."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory > 0:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    be_nice(nice)


def say(event: str, **fields: object) -> None:
    """Write one line to the daemon."""
    data = json.dumps({"event": event, **fields}).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def cancel_at_end_of_input(cancel: threading.Event) -> None:
    """Set an event when the daemon closes our stdin, or is gone."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        cancel.set()

    threading.Thread(target=wait, name="heapscope-stdin", daemon=True).start()


def read_job() -> dict[str, Any] | None:
    """Read the first line; None when there is no job after all."""
    data = b""
    while not data.endswith(b"\n") and len(data) < MAX_JOB_BYTES:
        part = os.read(0, 65536)
        if not part:
            return None
        data += part
    job = json.loads(data)
    assert isinstance(job, dict)
    return job


def main() -> None:
    """Do one job. Arguments: bytes of address space (0: no limit), niceness, whether it is a census. Loads what that needs before it has the job."""
    limit_ourselves(int(sys.argv[-3]), int(sys.argv[-2]))
    from heapscope.errors import HeapscopeError  # noqa: PLC0415 - after the limits

    try:
        for name in CENSUS_NEEDS if int(sys.argv[-1]) else SNAPSHOT_NEEDS:
            importlib.import_module(name)
        job = read_job()
        if job is None:
            return
        cancel = threading.Event()
        cancel_at_end_of_input(cancel)
        _work(job, cancel)
    except HeapscopeError as error:
        say("failed", error=error.exit_code.name.lower(), message=error.message, hint=error.hint)
    except MemoryError:
        hint = "raise capture.memory_limit in the configuration"
        say("failed", error="budget", message="the worker needed more memory than it may use", hint=hint)
    except BrokenPipeError:
        return
    except Exception as error:  # noqa: BLE001 - the boundary of this process: the daemon hears what went wrong
        say("failed", error="internal", message=f"{type(error).__name__}: {error}", hint="")
    say("end")
    sys.stdout.flush()
    os._exit(0)  # the thread that reads stdin, and libraries' threads, have nothing to finish


def _work(job: dict[str, Any], cancel: threading.Event) -> None:
    if not job["path"]:
        census = _count(job, cancel)
        rows = [[row.name, row.count, row.shallow_bytes] for row in top_types(census.types)]
        facts = _facts(census.meta, census.object_count, census.heap_bytes)
        # What it cost says nothing of what a snapshot does: that lives longer.
        say("captured", facts=facts, types=rows, warnings=list(census.meta.warnings)[:20], observed=None)
        return
    from heapscope.daemon.judging import census_of  # noqa: PLC0415
    from heapscope.oversight import Oversight  # noqa: PLC0415
    from heapscope.snapshot.file import save_snapshot  # noqa: PLC0415

    snapshot = _capture(job, cancel)
    save_snapshot(snapshot, job["path"], oversight=Oversight(is_cancelled=cancel.is_set))
    rows = [[row.name, row.count, row.shallow_bytes] for row in census_of(snapshot)]
    say(
        "captured",
        facts=_facts(snapshot.meta, snapshot.object_count, int(snapshot.heap_bytes)),
        types=rows,
        warnings=list(snapshot.meta.warnings)[:20],
        observed=_observed(job, snapshot),
    )
    if job.get("judge"):
        _judge(job, snapshot)


def _capture(job: dict[str, Any], cancel: threading.Event) -> Snapshot:
    from heapscope.service.capture import capture  # noqa: PLC0415

    options, report = _prepare(job)
    snapshot = capture(job["pid"], options, report, cancel)
    _check_identity(job, snapshot.meta.process_start_time)
    return snapshot


def _count(job: dict[str, Any], cancel: threading.Event) -> Census:
    from heapscope.service.census import take_census  # noqa: PLC0415

    options, report = _prepare(job)
    census = take_census(job["pid"], options, report, cancel)
    _check_identity(job, census.meta.process_start_time)
    return census


def _prepare(job: dict[str, Any]) -> tuple[CaptureOptions, Report]:
    """Make sure of the process, take over what is known of it, and say how it is captured."""
    from heapscope.service.capture_options import CaptureOptions  # noqa: PLC0415
    from heapscope.target.experience import Observed, remember  # noqa: PLC0415

    if job.get("observed"):
        remember(job["pid"], job["start_ticks"], job["observed"][0], Observed(*job["observed"][1:]))

    def report(progress: CaptureProgress) -> None:
        if progress.pause_ns is not None and progress.phase == "clone":
            say("pause", pause_ns=progress.pause_ns)

    _check_identity(job)
    be_nice(job["nice"])
    options = CaptureOptions(
        via=job["via"],
        collector=job["collector"],
        timeout_s=job["timeout_s"],
        memory_budget=job["unshared_limit"] or None,
        is_urgent=bool(job.get("urgent")),
    )
    return options, report


def _check_identity(job: dict[str, Any], start_time: float | None = None) -> None:
    """Make sure that the pid is still that of the process that was meant, or was when it was captured. Raises TargetGone."""
    from heapscope.errors import TargetGone  # noqa: PLC0415
    from heapscope.target.process import read_start_ticks  # noqa: PLC0415

    is_other = start_time is not None and abs(start_time - job["start_time"]) > 1.0
    if is_other or (start_time is None and read_start_ticks(job["pid"]) != job["start_ticks"]):
        raise TargetGone(f"process {job['pid']} has ended")


def _facts(meta: SnapshotMeta, objects: int, heap_bytes: int) -> dict[str, object]:
    return {
        "objects": objects,
        "heap_bytes": heap_bytes,
        "rss_bytes": meta.rss_before_bytes,
        "pause_ns": meta.pause_ns,
        "capture_ns": meta.capture_ns,
        "coverage": meta.coverage,
        "captured_at": meta.captured_at,
        "process_start_time": meta.process_start_time,
        "host_name": meta.host_name[:200],
        "command": meta.command[:1000],
        "python_version": meta.python_version[:40],
        "collector": meta.collector[:40],
    }


def _observed(job: dict[str, Any], snapshot: Snapshot) -> list[object] | None:
    from heapscope.target.experience import recall  # noqa: PLC0415

    found = recall(job["pid"], job["start_ticks"], snapshot.meta.collector)
    return [snapshot.meta.collector, *dataclasses.astuple(found)] if found else None


def _judge(job: dict[str, Any], snapshot: Snapshot) -> None:
    from heapscope.daemon.judging import holders_of, memory_of, report_of  # noqa: PLC0415
    from heapscope.service.queries import HeapQueries  # noqa: PLC0415

    heap = HeapQueries(snapshot)
    holders = [[row.holder, row.retained_bytes] for row in holders_of(heap)]
    memory = memory_of(snapshot)
    verdict, report = report_of(job["previous"], heap, job["source"]) or ("", {})
    say("judged", holders=holders, memory=memory, verdict=verdict, report=report)
