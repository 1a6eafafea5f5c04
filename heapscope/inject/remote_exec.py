"""Injection by the remote debugging protocol of CPython 3.14 and newer (PEP 768), spoken from any Python, to any minor version.

Never stops the target. It needs the right to write the target's memory, a directory that both sides see, and a thread that comes
by the interpreter's evaluation loop. The script runs in the target, so it is kept to making the clone (agent/script.py).

    _PyRuntime -> _Py_DebugOffsets (starts with "xdebugpy") -> interpreter -> every thread state:
        debugger_script_path = PATH, debugger_pending_call = 1, eval_breaker |= 1 << 5

Protocol: CPython Doc/howto/remote_debugging.rst; the offsets of the offsets: Include/internal/pycore_debug_offsets.h.
"""

from __future__ import annotations

import contextlib
import dataclasses
import struct
import time

from heapscope.errors import CaptureInconsistent, HeapscopeError, PermissionRefused, TargetGone, UnsupportedTarget
from heapscope.inject.memory import write_memory
from heapscope.inject.model import Injection, InjectRequest, Watch
from heapscope.inject.ptrace import Tracee
from heapscope.inject.ptrace_injector import PtraceInjector
from heapscope.inject.script import ScriptFiles, clone_script, reap_script, refuse_free_threaded
from heapscope.inject.symbols import resolve_symbols
from heapscope.inject.threads import blocked_threads
from heapscope.target.maps import parse_maps
from heapscope.target.memory import read_memory

_COOKIE = b"xdebugpy"
_MAX_THREADS = 65536
_PLEASE_STOP_BIT = 1 << 5
_KICK_AFTER_S = 0.3
_KICK_EVERY_S = 1.0
_REAP_TIMEOUT_S = 2.0

_INTERPRETERS_HEAD = 40
_THREADS_HEAD = 72
_NEXT_THREAD = 192
_DEBUGGER_SUPPORT = {14: 712, 15: 840}
"""Offset of ``debugger_support`` in _Py_DebugOffsets per minor version: six words (eval_breaker, remote_debugger_support,
remote_debugging_enabled, debugger_pending_call, debugger_script_path, debugger_script_path_size)."""


@dataclasses.dataclass(frozen=True, slots=True)
class DebuggerSupport:
    """Where the protocol's words are in this interpreter."""

    extent: range
    eval_breaker: int
    support: int
    enabled: int
    pending_call: int
    script_path: int
    script_path_size: int


def find_debugger_support(pid: int) -> DebuggerSupport:
    """Read the offsets out of the running interpreter.

    Raises:
        UnsupportedTarget: older than 3.14, of an unknown minor version, free-threaded, or with remote debugging switched off.
        PermissionRefused: its memory cannot be read.
    """
    symbols = resolve_symbols(pid, parse_maps(pid))
    refuse_free_threaded(pid, symbols)
    extent = symbols.runtime
    runtime = extent.start
    try:
        head = read_memory(pid, runtime, 24)
    except PermissionError as error:
        raise PermissionRefused(f"may not read the memory of process {pid}", hint=f"heapscope doctor {pid}") from error
    cookie, version, _free_threaded = struct.unpack("<8sQQ", head)
    minor = version >> 16 & 0xFF
    if cookie != _COOKIE or version >> 24 != 3 or minor not in _DEBUGGER_SUPPORT:
        raise UnsupportedTarget(
            f"process {pid} does not speak CPython's remote debugging protocol (3.14 and newer)",
            hint="use --via ptrace",
        )
    words = struct.unpack("<6Q", read_memory(pid, runtime + _DEBUGGER_SUPPORT[minor], 48))
    found = DebuggerSupport(extent, *words)
    interpreter = _word(pid, runtime + _word(pid, runtime + _INTERPRETERS_HEAD))
    (enabled,) = struct.unpack("<i", read_memory(pid, interpreter + found.enabled, 4))
    if enabled != 1:
        raise UnsupportedTarget(
            f"remote debugging is switched off in process {pid} (-X disable-remote-debug)", hint="use --via ptrace"
        )
    return found


def _word(pid: int, address: int) -> int:
    return int.from_bytes(read_memory(pid, address, 8), "little")


def thread_states(pid: int, support: DebuggerSupport) -> list[int]:
    """Return the addresses of the main interpreter's thread states."""
    interpreter = _word(pid, support.extent.start + _word(pid, support.extent.start + _INTERPRETERS_HEAD))
    next_offset = _word(pid, support.extent.start + _NEXT_THREAD)
    state = _word(pid, interpreter + _word(pid, support.extent.start + _THREADS_HEAD))
    found: list[int] = []
    while state and len(found) < _MAX_THREADS and state not in found:
        found.append(state)
        state = _word(pid, state + next_offset)
    return found


def wake_main_thread(pid: int) -> None:
    """Let the wait of the main thread end with EINTR, so that Python looks what there is to do, and waits on (PEP 475).

    Nothing happens where ptrace is refused, or where the thread waits for nothing: then only time helps.
    """
    if any(thread.is_main for thread in blocked_threads(pid, range(0))):
        with contextlib.suppress(HeapscopeError, OSError):
            tracee = Tracee(pid, pid)
            if tracee.saved.was_blocked:
                tracee.release_with_eintr()
            else:
                tracee.release()


class RemoteExecInjector:
    """The injector for CPython 3.14+ where ptrace is refused, or policy asks for the official way."""

    name = "remote_exec"

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def make_clone(self, request: InjectRequest, watch: Watch) -> Injection:
        """Make the clone.

        Raises:
            UnsupportedTarget, PermissionRefused, CaptureInconsistent, BudgetExceeded, Cancelled: no clone exists.
        """
        support = find_debugger_support(self._pid)
        files = ScriptFiles(self._pid)
        try:
            path = files.write_script(clone_script(request, files.path(".done")))
            pid, pause_ns = self._run_script(support, files, path, watch)
        finally:
            files.remove()
        return Injection(
            inner_pid=pid,
            injector=self.name,
            method="script in the next thread that runs",
            pause_ns=pause_ns,
            runtime=support.extent,
            wait_ns=0,
        )

    def _run_script(self, support: DebuggerSupport, files: ScriptFiles, path: str, watch: Watch) -> tuple[int, int]:
        """Ask every thread to run the script; the first one does. The request is withdrawn from the others."""
        if len(path) + 1 > support.script_path_size:
            raise UnsupportedTarget(f"the path {path} is too long for the protocol")
        next_kick = time.monotonic() + _KICK_AFTER_S
        try:
            for state in thread_states(self._pid, support):
                self._request(support, state, path)
            while True:
                result = files.read_marker()
                if result is not None:
                    return result
                if time.monotonic() > next_kick:
                    watch.report("waiting for a thread of the target to run Python code")
                    wake_main_thread(self._pid)
                    next_kick = time.monotonic() + _KICK_EVERY_S
                watch.check()
                time.sleep(0.001)
        except OSError as error:
            raise TargetGone(f"process {self._pid} ended", hint="heapscope ps") from error
        finally:
            self._withdraw(support)

    def _request(self, support: DebuggerSupport, state: int, path: str) -> None:
        base = state + support.support
        write_memory(self._pid, base + support.script_path, path.encode() + b"\0")
        write_memory(self._pid, base + support.pending_call, struct.pack("<i", 1))
        # Only the low byte: the upper ones hold the version of the instrumentation.
        breaker = read_memory(self._pid, state + support.eval_breaker, 1)[0]
        write_memory(self._pid, state + support.eval_breaker, bytes([breaker | _PLEASE_STOP_BIT]))

    def _withdraw(self, support: DebuggerSupport) -> None:
        with contextlib.suppress(OSError):
            for state in thread_states(self._pid, support):
                write_memory(self._pid, state + support.support + support.pending_call, struct.pack("<i", 0))

    def reap(self, inner_pid: int) -> bool:
        """Collect the ended clone: by ptrace where that is allowed, else by a second script."""
        try:
            return PtraceInjector(self._pid).reap(inner_pid)
        except (PermissionRefused, OSError):
            return self._reap_by_script(inner_pid)

    def _reap_by_script(self, inner_pid: int) -> bool:
        files = ScriptFiles(self._pid)
        try:
            path = files.write_script(reap_script(inner_pid, files.path(".done")))
            self._run_script(find_debugger_support(self._pid), files, path, _ShortWatch())
        except HeapscopeError:
            return False
        finally:
            files.remove()
        return True


class _ShortWatch:
    """Gives a reaping script two seconds."""

    def __init__(self) -> None:
        self._deadline = time.monotonic() + _REAP_TIMEOUT_S

    def report(self, state: str) -> None:
        """Nobody listens."""

    def check(self) -> None:
        """Raise at the deadline."""
        if time.monotonic() > self._deadline:
            raise CaptureInconsistent("the reaping script did not run in time")
