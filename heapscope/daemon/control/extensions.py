"""What the daemon offers to others, as one extension: the control socket, metrics, and exports share what they count.

Never starts anything by itself: the daemon enters the context.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

from heapscope.daemon.control.control_socket import control_socket
from heapscope.daemon.control.counts import RequestCounts
from heapscope.daemon.model import Daemon


@contextlib.asynccontextmanager
async def control(daemon: Daemon, sockets: Mapping[str, int]) -> AsyncIterator[None]:
    """Offer everything as long as the context lasts."""
    counts = RequestCounts()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(control_socket(daemon, sockets, counts=counts))
        yield
