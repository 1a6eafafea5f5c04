"""One thread of the target under ptrace: stop it, look at it, let it run, give it back.

Never attaches with a signal (PTRACE_SEIZE only), never stops any other thread, never delivers a signal of its own. All calls
for one tracee must come from the thread that made it: the kernel knows the tracer by thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time

from heapscope.errors import HeapscopeError, PermissionRefused, TargetGone
from heapscope.inject import ptrace_calls as calls
from heapscope.inject.arch import current_arch
from heapscope.inject.block import ALL_BUT_SYNCHRONOUS
from heapscope.inject.urgency import set_urgent

_SYSCALL_STOP = signal.SIGTRAP | 0x80
_WALL = 0x40000000
_STOP_TIMEOUT_S = 1.0
_SEIZE_ATTEMPTS = 60
_LATE_STOP_TIMEOUT_S = 5.0
_SPINS = 400
"""Polls without a pause after a request: a stop takes microseconds, a sleep at least 50."""


class TraceeStuck(HeapscopeError):
    """The thread did not stop in time, for example inside an uninterruptible system call."""


class TraceeFault(HeapscopeError):
    """The thread got a signal where none was expected."""


def _is_traced(pid: int, tid: int) -> bool:
    """Tell whether somebody traces a thread now."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{tid}/status", "rb") as file:
        return b"TracerPid:\t0\n" not in file.read()
    return False


class Tracee:
    """A seized and stopped thread, with everything needed to put it back as it was."""

    def __init__(self, pid: int, tid: int) -> None:
        """Seize and stop one thread.

        Raises:
            PermissionRefused, TargetGone, TraceeStuck: it could not be stopped; it is not traced then.
        """
        self.pid = pid
        self.tid = tid
        self.restart_block_lost = False
        self._event = 0
        self.stopped_at_ns = 0
        set_urgent(urgent=True)
        try:
            self._seize()
        except BaseException as error:
            set_urgent(urgent=False)
            if not isinstance(error, PermissionError):
                raise
            raise PermissionRefused(f"may not trace process {pid}", hint=f"heapscope doctor {pid}") from error
        try:
            self.stopped_at_ns = time.monotonic_ns()
            calls.ptrace(calls.PTRACE_INTERRUPT, tid)
            self._stop_between_signals()
            self.saved = calls.read_registers(tid)
            self.xstate = calls.read_xstate(tid)
            self.signal_mask = calls.read_signal_mask(tid)
        except TraceeStuck:
            self._detach_late()
            raise
        except BaseException:
            self._detach()
            raise
        self._changed = False

    def _seize(self) -> None:
        """Become the tracer. Another heapscope may be it for a few milliseconds: then try again."""
        for attempt in range(_SEIZE_ATTEMPTS):
            try:
                calls.ptrace(calls.PTRACE_SEIZE, self.tid, 0, calls.PTRACE_O_TRACESYSGOOD)
            except PermissionError:
                if attempt == _SEIZE_ATTEMPTS - 1 or not _is_traced(self.pid, self.tid):
                    raise
                time.sleep(0.005)
            else:
                return

    # --- stops ------------------------------------------------------------------------------------------------

    def wait_for_stop(self, timeout_s: float = _STOP_TIMEOUT_S) -> int:
        """Wait until the thread is in a ptrace stop; return its stop signal.

        Raises:
            TraceeStuck: it is still running after ``timeout_s``.
            TargetGone: it ended.
        """
        deadline = time.monotonic() + timeout_s
        polls = 0
        while True:
            status = self._poll_status()
            if status is not None:
                return self._note_stop(status)
            if time.monotonic() > deadline:
                raise TraceeStuck(f"thread {self.tid} of process {self.pid} does not stop", hint="try again")
            polls += 1
            if polls > _SPINS:
                time.sleep(0.0002)

    def _stop_between_signals(self) -> None:
        """Take the first stops: a signal that was just being delivered goes on its way before the thread is ours.

        Raises:
            TraceeStuck: the thread does not stop, or the whole target is stopped (SIGSTOP).
        """
        while True:
            stop_signal = self.wait_for_stop()
            if self._event == calls.PTRACE_EVENT_STOP:
                if stop_signal != signal.SIGTRAP:
                    raise TraceeStuck(f"process {self.pid} is stopped", hint=f"kill -CONT {self.pid}")
                return
            calls.ptrace(calls.PTRACE_CONT, self.tid, 0, stop_signal)

    def _poll_status(self) -> int | None:
        try:
            found, status = os.waitpid(self.tid, _WALL | os.WNOHANG)
        except ChildProcessError as error:
            raise TargetGone(f"thread {self.tid} of process {self.pid} ended", hint="heapscope ps") from error
        return status if found else None

    def _note_stop(self, status: int) -> int:
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            raise TargetGone(f"thread {self.tid} of process {self.pid} ended", hint="heapscope ps")
        self._event = status >> 16
        return os.WSTOPSIG(status)

    def interrupt(self) -> None:
        """Stop the running thread."""
        calls.ptrace(calls.PTRACE_INTERRUPT, self.tid)
        self.wait_for_stop()

    def resume(self) -> None:
        """Let the thread run from where its registers are."""
        calls.ptrace(calls.PTRACE_CONT, self.tid)

    def check_running(self) -> None:
        """Look whether the running thread stopped by itself meanwhile.

        Raises:
            TraceeFault: it got a signal of a fault.
            TargetGone: it ended.
        """
        status = self._poll_status()
        if status is None:
            return
        stop_signal = self._note_stop(status)
        if self._event != calls.PTRACE_EVENT_STOP:
            raise TraceeFault(f"thread {self.tid} of process {self.pid} got signal {stop_signal} in code of ours")
        self.restart_block_lost = True  # a group stop may have interrupted, and replaced, a call with a restart block
        if stop_signal == signal.SIGTRAP:
            self.resume()  # the group stop is over
        else:
            calls.ptrace(calls.PTRACE_LISTEN, self.tid)  # SIGSTOP stops this thread like all others

    def run_syscall(self, registers: ctypes.Structure) -> ctypes.Structure:
        """Let the thread make the system call that its program counter stands at; return the registers behind it.

        By syscall stops, not by a single step: when a tracer dies in the stop of a single step, the kernel delivers its
        SIGTRAP, and that kills the target.

        Raises:
            TraceeFault: something else stopped the thread.
        """
        self.set_registers(registers)
        for _entry_then_exit in range(2):
            calls.ptrace(calls.PTRACE_SYSCALL, self.tid)
            stop_signal = self.wait_for_stop()
            if stop_signal != _SYSCALL_STOP:
                raise TraceeFault(f"thread {self.tid} got signal {stop_signal} during a system call of ours")
        return self.get_registers()

    # --- state ------------------------------------------------------------------------------------------------

    def get_registers(self) -> ctypes.Structure:
        """Read the registers of the stopped thread."""
        return calls.read_registers(self.tid)

    def set_registers(self, registers: ctypes.Structure) -> None:
        """Change the registers of the stopped thread; ``release`` puts the saved ones back."""
        self._changed = True
        calls.write_registers(self.tid, registers)

    def block_signals(self) -> None:
        """Block every signal but those of faults, until ``release``: handlers of the application do not run in between."""
        self._changed = True
        calls.write_signal_mask(self.tid, ALL_BUT_SYNCHRONOUS)

    def write_text(self, address: int, data: bytes) -> None:
        """Write to any page of the target, also one that is not writable for itself. ``address`` is 8-aligned.

        Through /proc/PID/mem in one call; word by word where that file may not be opened (CAP_SYS_PTRACE without
        CAP_DAC_OVERRIDE).
        """
        try:
            descriptor = os.open(f"/proc/{self.pid}/mem", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            calls.write_words(self.tid, address, data)
            return
        try:
            written = os.pwrite(descriptor, data, address)
        except OSError:
            written = 0  # kernels can be told to keep /proc/PID/mem from forcing its way
        finally:
            os.close(descriptor)
        if written != len(data):
            calls.write_words(self.tid, address, data)

    # --- end --------------------------------------------------------------------------------------------------

    def release(self) -> int:
        """Put registers, vector state and signal mask back, stop tracing; return how long the thread was held, in ns.

        The thread must be in a stop. Where it is gone, there is nothing to put back. The clock is read before the thread
        runs again: on a busy machine it takes the processor from us at once.
        """
        with contextlib.suppress(TargetGone):
            if self._changed:
                self._leave_syscall_stop()
                restored = current_arch().resumed(self.saved, restart_block_lost=self.restart_block_lost)
                self.set_registers(restored)
                calls.write_xstate(self.tid, self.xstate)
                calls.write_signal_mask(self.tid, self.signal_mask)
        held_ns = time.monotonic_ns() - self.stopped_at_ns
        self._detach()
        return held_ns

    def release_with_eintr(self) -> None:
        """Stop tracing; the call in which the thread waited ends with EINTR, as after a signal."""
        self.set_registers(current_arch().interrupted(self.saved))
        self._detach()

    def _leave_syscall_stop(self) -> None:
        """Go on to a stop in the kernel's signal path: only there does it resume the call that was interrupted at first."""
        if self._event != calls.PTRACE_EVENT_STOP:
            calls.ptrace(calls.PTRACE_INTERRUPT, self.tid)
            self.resume()
            self.wait_for_stop()

    def abandon(self) -> None:
        """Stop tracing without restoring: the thread runs the stub, which restores it."""
        with contextlib.suppress(TargetGone, OSError, TraceeStuck):
            self.interrupt()
            self._detach()

    def _detach_late(self) -> None:
        """Detach a thread that did not stop in time, as soon as it does; a stop that nobody ends would hold it for good.

        Raises:
            SystemExit: it is stuck in the kernel. The end of this process detaches it, whenever it comes out.
        """
        set_urgent(urgent=False)
        deadline = time.monotonic() + _LATE_STOP_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                calls.ptrace(calls.PTRACE_DETACH, self.tid)
            except TargetGone:  # ESRCH: it has ended, or is not in a stop
                if not os.path.exists(f"/proc/{self.pid}/task/{self.tid}"):
                    return
                time.sleep(0.005)
            else:
                return
        sys.exit(f"thread {self.tid} of process {self.pid} is stuck in the kernel")

    def _detach(self) -> None:
        set_urgent(urgent=False)
        with contextlib.suppress(TargetGone, OSError):
            calls.ptrace(calls.PTRACE_DETACH, self.tid)
