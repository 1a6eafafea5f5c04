"""Where the metrics go: a listener for Prometheus, a file for node_exporter, profiles on request.

Never computes a profile in the daemon: that is another process's work. Nothing here takes an order.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from heapscope.daemon.control.counts import RequestCounts
from heapscope.daemon.control.export_jobs import ExportJob, ExportWorkshop
from heapscope.daemon.control.figures import FigureSource
from heapscope.daemon.control.http_server import serving
from heapscope.daemon.control.metrics import MetricsPage
from heapscope.daemon.control.observations import Observations
from heapscope.daemon.model import Daemon, Kind
from heapscope.errors import HeapscopeError, UsageError
from heapscope.units import clean_text

TEXTFILE_S = 15.0
TEXTFILE = "heapscope.prom"
FRESH_S = 1.0  # two scrapers at once share what was collected
Encode = Callable[[Any], bytes]


class MetricsSource:
    """Collects and writes the metrics of one daemon."""

    def __init__(self, daemon: Daemon, observed: Observations, requests: RequestCounts) -> None:
        config = daemon.config.daemon.metrics
        self._daemon = daemon
        self._observed = observed
        self._requests = requests
        self._figures = FigureSource()
        self._page = MetricsPage(config.top_types, config.top_holders)
        self._process = ProcessCollector(registry=None)
        self._lock = asyncio.Lock()
        self._families: list[Any] = []
        self._collected_at = float("-inf")

    async def text(self, encode: Encode) -> bytes:
        """Give the page as one format has it."""
        async with self._lock:
            if time.monotonic() - self._collected_at > FRESH_S:
                figures = await asyncio.to_thread(self._figures.prepare(self._daemon))
                made = self._page.families(figures, self._observed, self._requests, time.time())
                self._families = [*made, *self._process.collect()]
                self._collected_at = time.monotonic()
            registry = CollectorRegistry()
            registry.register(_Families(self._families))
            return await asyncio.to_thread(encode, registry)


class _Families:
    """What was collected, as a registry wants it."""

    def __init__(self, families: list[Any]) -> None:
        self._families = families

    def collect(self) -> list[Any]:
        return self._families


def application(daemon: Daemon, source: MetricsSource, workshop: ExportWorkshop) -> Starlette:
    """Answer scrapers."""

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(await source.text(encode), headers={"content-type": content_type})

    async def health(_request: Request) -> Response:
        status = daemon.status()
        return PlainTextResponse(f"ok: {status.store_records} records\n")

    async def profile(request: Request) -> Response:
        try:
            data = await _newest_profile(daemon, request, workshop)
        except HeapscopeError as error:
            status = 400 if isinstance(error, UsageError) else 503
            return PlainTextResponse(f"{clean_text(error.message, 300)}\n", status_code=status)
        return Response(data, media_type="application/octet-stream")

    routes = [Route("/metrics", metrics), Route("/healthz", health), Route("/debug/pprof/heap", profile)]
    return Starlette(routes=routes)


async def _newest_profile(daemon: Daemon, request: Request, workshop: ExportWorkshop) -> bytes:
    """Make the profile of the newest snapshot of a target, or of one of its instances."""
    target, slot = request.query_params.get("target", ""), request.query_params.get("slot", "")
    if target not in {each.name for each in daemon.config.target}:
        raise UsageError(f"there is no target {clean_text(target, 64)}")
    if slot and not (slot.isascii() and slot.isdigit() and len(slot) < 7):
        raise UsageError("slot must be a number")

    def find() -> tuple[str, str] | None:
        number = int(slot) if slot else None
        found = daemon.store.records(target=target, slot=number, kind=Kind.SNAPSHOT, limit=1)
        return (found[0].id, daemon.store.path_of(found[0])) if found else None

    found = await asyncio.to_thread(find)
    if found is None:
        raise UsageError(f"there is no snapshot of {clean_text(target, 64)} yet")
    return await workshop.cached(ExportJob(found[1], "pprof"), key=found[0])


@contextlib.asynccontextmanager
async def metrics(
    daemon: Daemon, *, observed: Observations, requests: RequestCounts, workshop: ExportWorkshop
) -> AsyncIterator[None]:
    """Offer the metrics as long as the context lasts, where the configuration says; nowhere by default."""
    config = daemon.config.daemon.metrics
    source = MetricsSource(daemon, observed, requests)
    async with contextlib.AsyncExitStack() as stack:
        if config.listen:
            app = application(daemon, source, workshop)
            await stack.enter_async_context(serving(app, open_listener(config.listen)))
        writer = (
            asyncio.ensure_future(_write_files(daemon, config.textfile_dir, source)) if config.textfile_dir else None
        )
        try:
            yield
        finally:
            if writer is not None:
                writer.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await writer


def open_listener(address: str) -> socket.socket:
    """Listen on ``host:port``; an IPv6 host stands in brackets.

    Raises:
        UsageError: it is no address, or cannot be listened at.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host or "127.0.0.1", int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(64)
    except (OSError, ValueError, OverflowError) as error:
        raise UsageError(
            f"cannot listen at {clean_text(address, 100)}: {error}", hint='daemon.metrics.listen = "127.0.0.1:9917"'
        ) from error
    return listener


async def _write_files(daemon: Daemon, folder: str, source: MetricsSource) -> None:
    was_ok = True
    while True:
        text = await source.text(generate_latest)
        try:
            await asyncio.to_thread(replace_file, os.path.join(folder, TEXTFILE), text)
            was_ok = True
        except OSError as error:
            if was_ok:  # said once, not every time
                daemon.announce(
                    "textfile_failed", f"cannot write metrics to {clean_text(folder, 200)}: {error.strerror}"
                )
            was_ok = False
        await asyncio.sleep(TEXTFILE_S)


def replace_file(path: str, data: bytes, mode: int = 0o644) -> None:
    """Put a file in the place of another at once: a reader sees one of the two whole. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(prefix=".heapscope-", dir=os.path.dirname(path))
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
