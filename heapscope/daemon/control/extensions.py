"""What the daemon offers to others, as one extension: the control socket, metrics, and exports share what they count.

Never starts anything by itself: the daemon enters the context.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

from heapscope.daemon.control.control_socket import control_socket
from heapscope.daemon.control.counts import RequestCounts
from heapscope.daemon.control.export_jobs import ExportWorkshop
from heapscope.daemon.control.exports import exports
from heapscope.daemon.control.metrics_server import metrics
from heapscope.daemon.control.observations import Observations
from heapscope.daemon.model import Daemon


@contextlib.asynccontextmanager
async def control(daemon: Daemon, sockets: Mapping[str, int]) -> AsyncIterator[None]:
    """Offer everything as long as the context lasts."""
    counts, observed = RequestCounts(), Observations()
    workshop = ExportWorkshop(daemon.config.capture)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(control_socket(daemon, sockets, counts=counts))
        await stack.enter_async_context(metrics(daemon, observed=observed, requests=counts, workshop=workshop))
        await stack.enter_async_context(exports(daemon, observed=observed, workshop=workshop))
        listener = asyncio.ensure_future(observed.listen(daemon))
        try:
            yield
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
