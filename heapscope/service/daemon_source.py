"""Heaps that the daemon has or makes: ``@NAME``, the largest process of a target, and ``snap:ID``, a record of its store.

Never touches a process: the daemon does, as far as it lets this user.
"""

from __future__ import annotations

import re
import tempfile
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from heapscope.errors import TargetGone, UsageError
from heapscope.service.capture import CaptureProgress, Report
from heapscope.service.daemon_client import DaemonClient
from heapscope.units import clean_text

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.oversight import Oversight
    from heapscope.snapshot.model import Snapshot

_TARGET = re.compile(r"@([A-Za-z0-9][A-Za-z0-9_.-]{0,63})(?:/(\d{1,6}))?")
_RECORD = re.compile(r"snap:([A-Za-z0-9_.-]{1,100})")


@dataclass(frozen=True, slots=True)
class Watched:
    """One process that the daemon watches."""

    target: str
    slot: int
    pid: int


def is_daemon_source(source: str) -> bool:
    """Tell whether a source is the daemon's."""
    return source.startswith(("@", "snap:"))


def find_watched(source: str, client: DaemonClient | None = None) -> Watched:
    """Find the process that ``@NAME`` or ``@NAME/SLOT`` means: of several, the largest.

    Raises:
        UsageError: the word makes no sense.
        DaemonUnavailable: the daemon does not answer, or refuses.
        TargetGone: no such process is watched, or none that this user may see.
    """
    target, slot = _parse_target(source)
    found = [
        (_rss(each), Watched(target, int(each["slot"]), int(each["process"]["pid"])))
        for row in (client or DaemonClient()).get("/v1/targets")
        if row["name"] == target
        for each in row["instances"]
        if slot in {None, each["slot"]}
    ]
    if not found:
        raise TargetGone(f"the daemon shows no process of {clean_text(source, 80)}", hint="heapscope ctl targets")
    return max(found, key=lambda each: each[0])[1]


def open_from_daemon(
    source: str,
    progress: Report | None = None,
    cancel: threading.Event | None = None,
    oversight: Oversight | None = None,
    client: DaemonClient | None = None,
) -> Snapshot:
    """Return the snapshot of ``@NAME``, captured now, or of ``snap:ID``.

    Raises:
        UsageError: the word makes no sense, or there is no such record.
        DaemonUnavailable: the daemon does not answer, or refuses.
        HeapscopeError: the capture failed.
        Cancelled: ``cancel`` was set.
    """
    client = client or DaemonClient()
    record = _RECORD.fullmatch(source)
    if record is not None:
        return _fetch(client, record[1], progress, cancel, oversight)
    target, slot = _parse_target(source)
    _tell(progress, "ask the daemon")
    return _fetch(client, client.capture(target=target, slot=slot)["id"], progress, cancel, oversight)


def _fetch(
    client: DaemonClient,
    record_id: str,
    progress: Report | None,
    cancel: threading.Event | None,
    oversight: Oversight | None,
) -> Snapshot:
    from heapscope.oversight import UNWATCHED  # noqa: PLC0415 - next to it
    from heapscope.snapshot.file import load_snapshot  # noqa: PLC0415 - numpy, 100 ms

    with tempfile.NamedTemporaryFile(prefix="heapscope-", suffix=".heapscope") as file:
        client.download(record_id, file, lambda share: _tell(progress, f"{share:.0%} copied"), cancel)
        file.flush()
        return load_snapshot(file.name, oversight or UNWATCHED)


def _parse_target(source: str) -> tuple[str, int | None]:
    found = _TARGET.fullmatch(source)
    if found is None:
        raise UsageError(
            f"{clean_text(source, 80)} is neither @NAME, @NAME/SLOT nor snap:ID", hint="heapscope ctl targets"
        )
    return found[1], None if found[2] is None else int(found[2])


def _rss(instance: dict[str, Any]) -> int:
    reading = instance.get("reading")
    return int(reading["rss_bytes"]) if reading else 0


def _tell(progress: Report | None, message: str) -> None:
    if progress is not None:
        progress(CaptureProgress("load", message=message))
