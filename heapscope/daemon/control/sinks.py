"""Where exports go: a dataset in a folder, Pyroscope, a command. One function per kind; each may take its time.

Never lets a name of a target choose a path: parts of paths are cleaned to letters, digits and ``_.-``.

    directory   PATH/TABLE/date=2026-11-28/host=web1/service=api/ID.parquet
    pyroscope   POST URL/ingest?name=api{env=prod,...}&from=&until=&format=pprof
    command     ARGUMENTS, with HEAPSCOPE_FILE and facts on the record in the environment
"""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import time
import urllib.parse
from collections.abc import Mapping

from heapscope.daemon.config import ExportConfig
from heapscope.daemon.model import Record
from heapscope.errors import HeapscopeError
from heapscope.units import clean_text

MAX_ANSWER = 4096


class SinkFailed(HeapscopeError):
    """A sink did not take an export."""


def dataset_path(sink: ExportConfig, record: Record) -> str:
    """Return where an export belongs in a dataset that is partitioned by day, host and service."""
    day = time.strftime("%Y-%m-%d", time.gmtime(record.captured_at))
    host, service = path_part(record.host_name), path_part(record.target)
    suffix = "pb.gz" if sink.format == "pprof" else sink.format
    folder = "profiles" if sink.format == "pprof" else sink.table
    parts = (sink.path, folder, f"date={day}", f"host={host}", f"service={service}", f"{path_part(record.id)}.{suffix}")
    return os.path.join(*parts)


def path_part(text: str) -> str:
    """Make text a name of one file, never hidden, never another folder."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)[:100].lstrip(".") or "unknown"


def constants_of(record: Record) -> dict[str, str | int]:
    """Give the columns that tell the rows of one record from those of others."""
    return {
        "snapshot": clean_text(record.id, 100),
        "instance_slot": record.slot,
        "pid": record.pid,
        "captured_at_ms": int(record.captured_at * 1000),
    }


def facts_of(record: Record, path: str) -> Mapping[str, str]:
    """Give what a command is told, as environment variables behind HEAPSCOPE_."""
    return {
        "file": path,
        "snapshot": record.id,
        "target": record.target,
        "slot": str(record.slot),
        "pid": str(record.pid),
        "host": record.host_name,
        "captured_at": f"{record.captured_at:.3f}",
        "objects": str(record.objects),
        "heap_bytes": str(record.heap_bytes),
        "rss_bytes": str(record.rss_bytes),
        "verdict": record.verdict,
    }


def push_to_pyroscope(sink: ExportConfig, record: Record, profile: bytes) -> None:
    """Push a profile; blocks.

    Raises:
        SinkFailed: the server does not answer, or refuses.
    """
    try:
        url = urllib.parse.urlsplit(sink.url)
        host, port = url.hostname, url.port
    except ValueError:
        host = None
    make = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}.get(url.scheme) if host else None
    if make is None or host is None:
        raise SinkFailed(
            f"{clean_text(sink.url, 100)} is no address of a web server", hint='url = "http://pyroscope:4040"'
        )
    kind, body = _multipart(profile)
    path = f"{url.path.rstrip('/')}/ingest?{_query(sink, record)}"
    try:
        connection = make(host, port, timeout=float(sink.timeout))
        try:
            connection.request("POST", path, body=body, headers={"content-type": kind})
            response = connection.getresponse()
            said = response.read(MAX_ANSWER)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SinkFailed(f"Pyroscope cannot be reached: {type(error).__name__}: {error}") from error
    if not 200 <= response.status < 300:
        raise SinkFailed(f"Pyroscope refuses: {response.status} {clean_text(said.decode('utf-8', 'replace'), 200)}")


def _query(sink: ExportConfig, record: Record) -> str:
    labels = {**sink.labels, "host": record.host_name, "instance_slot": str(record.slot)}
    shown = ",".join(f"{_label(name)}={_label(value)}" for name, value in sorted(labels.items()))
    until = int(record.captured_at)
    # An instant has no length; the server wants one.
    query = {"name": f"{_label(record.target)}{{{shown}}}", "from": until - 1, "until": until, "format": "pprof"}
    return urllib.parse.urlencode({**query, "spyName": "heapscope", "units": "bytes", "aggregationType": "average"})


def _label(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_./:-]", "_", text)[:100]


def _multipart(profile: bytes) -> tuple[str, bytes]:
    kinds = {
        "inuse_space": {"units": "bytes", "aggregation": "average", "sampled": False, "display-name": "inuse_space"},
        "inuse_objects": {
            "units": "objects",
            "aggregation": "average",
            "sampled": False,
            "display-name": "inuse_objects",
        },
    }
    boundary = secrets.token_hex(16)
    parts = b""
    for name, data in (("profile", profile), ("sample_type_config", json.dumps(kinds).encode())):
        head = f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'
        parts += head.encode() + data + b"\r\n"
    return f"multipart/form-data; boundary={boundary}", parts + f"--{boundary}--\r\n".encode()
