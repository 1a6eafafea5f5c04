"""Running the daemon as a process: signals, systemd, and the parts that are plugged in around the engine.

Never leaves before all clones are released, but for SIGKILL; then the workers see that, and release them.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack

from heapscope.daemon.clock import Clock
from heapscope.daemon.config_file import load_config
from heapscope.daemon.engine import Engine
from heapscope.daemon.logs import Log
from heapscope.daemon.model import Extension
from heapscope.daemon.notify import Notifier, passed_sockets
from heapscope.errors import HeapscopeError
from heapscope.service.watch import offer_ourselves

# "module:function" of each Extension, entered in this order.
EXTENSIONS: tuple[str, ...] = ("heapscope.daemon.control.extensions:control",)
_WATCHDOG_PART = 3  # pings in each watchdog interval


class DaemonBroken(HeapscopeError):
    """A part of the daemon failed; the log says which."""


def run_daemon(
    config_path: str, *, log_format: str = "text", verbose: bool = False, clock: Clock | None = None
) -> None:
    """Run until SIGTERM or SIGINT. Blocks.

    Raises:
        UsageError: the configuration is wrong.
        SnapshotFileError: the store cannot be used.
        DaemonBroken: a part of the daemon failed.
    """
    config = load_config(config_path)
    full_path = os.path.abspath(config_path)
    log = Log(log_format, verbose=verbose)

    async def main() -> None:
        engine = Engine(config, config_path=full_path, log=log, clock=clock)
        await _serve(engine, [load_extension(name) for name in EXTENSIONS], Notifier(os.environ))

    offer_ourselves()
    asyncio.run(main())


def load_extension(name: str) -> Extension:
    """Import what is named ``module:function``."""
    module, _, function = name.partition(":")
    extension: Extension = getattr(importlib.import_module(module), function)
    return extension


async def _serve(engine: Engine, extensions: Sequence[Extension], notifier: Notifier) -> None:
    stop = asyncio.Event()
    _handle_signals(engine, notifier, stop)
    sockets = passed_sockets(os.environ)
    watchdog = asyncio.ensure_future(_feed_watchdog(engine, notifier))
    try:
        await engine.start()
        async with AsyncExitStack() as stack:
            for extension in extensions:
                await stack.enter_async_context(extension(engine, sockets))
            notifier.ready(f"watching {len(engine.config.target)} targets")
            await _first(stop.wait(), engine.broken.wait())
            notifier.stopping()
            engine.announce("stopping", "asked to stop" if stop.is_set() else "broken")
    finally:
        await engine.stop()
        watchdog.cancel()
    if engine.broken.is_set() and not stop.is_set():
        raise DaemonBroken("the daemon cannot go on", hint="the log says why")


async def _first(*waits: object) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]  # type: ignore[call-overload]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _handle_signals(engine: Engine, notifier: Notifier, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    busy: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(_reload(engine, notifier))
        busy.add(task)
        task.add_done_callback(busy.discard)

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    loop.add_signal_handler(signal.SIGUSR1, engine.capture_all)


async def _reload(engine: Engine, notifier: Notifier) -> None:
    notifier.reloading()
    done = await engine.reload()
    notifier.ready(
        f"the old configuration stays: {done.error}" if done.error else f"watching {len(done.targets)} targets"
    )


async def _feed_watchdog(engine: Engine, notifier: Notifier) -> None:
    """Tell systemd that the loop turns: this very task would not run if it did not."""
    if notifier.watchdog_s is None:
        return
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            if engine.is_turning():
                notifier.alive()
            await asyncio.sleep(notifier.watchdog_s / _WATCHDOG_PART)
