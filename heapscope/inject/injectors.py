"""The ladder of injectors: which exist, and in which order they are tried. A new injector is one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heapscope.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from heapscope.inject.model import Injector

NAMES = ("ptrace", "remote_exec", "pyrasite")
AUTOMATIC = ("ptrace", "remote_exec")
"""pyrasite only on request: it runs code wherever gdb stops a thread, which kills busy targets."""


def injectors_for(pid: int, via: str) -> Iterator[Injector]:
    """Yield the injectors to try, in order; each is made when its turn comes.

    Raises:
        UsageError: there is no injector of that name.
    """
    names = AUTOMATIC if via == "auto" else (via,)
    for name in names:
        yield _injector(name, pid)


def _injector(name: str, pid: int) -> Injector:
    if name == "ptrace":
        from heapscope.inject.ptrace_injector import PtraceInjector  # noqa: PLC0415  (only what is used is loaded)

        return PtraceInjector(pid)
    if name == "remote_exec":
        from heapscope.inject.remote_exec import RemoteExecInjector  # noqa: PLC0415

        return RemoteExecInjector(pid)
    if name == "pyrasite":
        from heapscope.inject.pyrasite_injector import PyrasiteInjector  # noqa: PLC0415

        return PyrasiteInjector(pid)
    raise UsageError(f"there is no injector {name!r}", hint="--via " + "|".join(("auto", *NAMES)))
