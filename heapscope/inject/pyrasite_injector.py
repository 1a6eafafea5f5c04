"""Injection through pyrasite, that is gdb: only on request. Its word is never taken: only the marker that the script wrote counts.

pyrasite calls PyRun_SimpleString in whatever thread gdb stopped, wherever that was: busy targets have crashed in one of four
to one of ten cases. On builds without debug information it does nothing and reports success. It holds the whole target for
seconds. It exists for processors and kernels on which nothing else works.
"""

from __future__ import annotations

import os
import shutil
import threading
import time

from heapscope.errors import CaptureInconsistent, UnsupportedTarget
from heapscope.inject.model import Injection, InjectRequest, Watch
from heapscope.inject.ptrace_injector import PtraceInjector
from heapscope.inject.script import ScriptFiles, clone_script, refuse_free_threaded
from heapscope.inject.symbols import resolve_symbols
from heapscope.target.maps import parse_maps

_SETTLE_S = 1.0


class PyrasiteInjector:
    """The injector of last resort."""

    name = "pyrasite"

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def make_clone(self, request: InjectRequest, watch: Watch) -> Injection:
        """Make the clone.

        Raises:
            UnsupportedTarget: gdb is not installed, or the target is free-threaded.
            CaptureInconsistent: gdb ran, and the script did not.
        """
        if shutil.which("gdb") is None:
            raise UnsupportedTarget("pyrasite needs gdb", hint="apt-get install gdb, or use --via ptrace")
        symbols = resolve_symbols(self._pid, parse_maps(self._pid))
        refuse_free_threaded(self._pid, symbols)
        files = ScriptFiles(self._pid)
        try:
            path = files.write_script(clone_script(request, files.path(".done"), _paths_of_pyrasite(files.path(".py"))))
            started = time.monotonic_ns()
            self._run_gdb(path, watch)
            held_ns = time.monotonic_ns() - started
            pid, _ = self._result(files)
        finally:
            files.remove()
        return Injection(
            inner_pid=pid,
            injector=self.name,
            method="PyRun_SimpleString through gdb, without a safe point",
            pause_ns=held_ns,
            runtime=symbols.runtime,
            wait_ns=0,
        )

    def _run_gdb(self, path: str, watch: Watch) -> None:
        import pyrasite  # noqa: PLC0415  (GPL package that only this injector needs)

        os.environ["DEBUGINFOD_URLS"] = ""  # gdb would look for debug information on the network
        runner = threading.Thread(target=pyrasite.inject, args=(self._pid, path), daemon=True)
        runner.start()
        watch.report("gdb holds the target")
        while runner.is_alive():
            watch.check()
            runner.join(0.05)

    def _result(self, files: ScriptFiles) -> tuple[int, int]:
        end = time.monotonic() + _SETTLE_S
        while time.monotonic() < end:
            result = files.read_marker()
            if result is not None:
                return result
            time.sleep(0.01)
        raise CaptureInconsistent(
            f"gdb ran, but process {self._pid} did not run the script: its python has no debug information",
            hint="use --via ptrace, which needs none",
        )

    def reap(self, inner_pid: int) -> bool:
        """Collect the ended clone."""
        return PtraceInjector(self._pid).reap(inner_pid)


def _paths_of_pyrasite(script: str) -> tuple[str, str]:
    """The entries that pyrasite.inject puts on the target's sys.path before it runs the script."""
    import pyrasite  # noqa: PLC0415  (see above)

    package = os.path.dirname(os.path.dirname(os.path.abspath(pyrasite.__file__)))
    return (os.path.dirname(script), os.path.join(os.path.dirname(package), os.path.basename(package)))
