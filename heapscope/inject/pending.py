"""The clone as a pending call of the main thread: for targets in which no thread waits with the GIL released.

The only function called where a thread happens to be is Py_AddPendingCall, which CPython offers to signal handlers: it allocates
nothing and needs neither GIL nor thread state. Never called inside itself, inside libc, or inside the loader.
"""

from __future__ import annotations

import time

from heapscope.errors import BudgetExceeded, HeapscopeError, TargetGone, UnsupportedTarget
from heapscope.inject.block import BlockResult, State
from heapscope.inject.hijack import BorrowedThread
from heapscope.inject.model import Injection, InjectRequest, Watch
from heapscope.inject.ptrace import Tracee, TraceeFault, TraceeStuck
from heapscope.inject.site import NOT_CALLED, Pages, Site, pause_between_polls, waiting_for
from heapscope.inject.threads import blocked_threads, thread_ids
from heapscope.target.maps import find_mapping

_ROUNDS = 400
_CALL_TIMEOUT_S = 0.25
_REPORT_AFTER_S = 0.3
_CODE_SIZE = 256  # of Py_AddPendingCall, generously
_NOT_INSIDE = ("libc.", "libc-", "ld-", "ld.", "libpthread")


class PendingCall:
    """One clone, asked for by a pending call."""

    def __init__(self, site: Site, request: InjectRequest) -> None:
        self._site = site
        self._request = request
        self._held_ns = 0  # stops of threads that were running: they may have held the GIL
        self.pages: Pages | None = None
        """What stays mapped until the call has run."""

    def make_clone(self, watch: Watch) -> Injection:
        """Queue the call and wait for the main thread to make it.

        Raises:
            BudgetExceeded, Cancelled: it did not come in time; when it comes, it does nothing.
            TargetGone, UnsupportedTarget: see the message.
        """
        for _ in range(_ROUNDS):
            if any(self._try_to_queue(tid) for tid in self._candidates()):
                return self._wait(watch)
            watch.check()
            time.sleep(0.001)
        raise BudgetExceeded(
            f"no thread of process {self._site.pid} came to a safe point",
            hint="try again, or with --via remote_exec (3.14+)",
        )

    def _candidates(self) -> list[int]:
        """Threads that wait for anything, the GIL included, come first: they are at no arbitrary place."""
        waiting = [thread.tid for thread in blocked_threads(self._site.pid, range(0))]
        return waiting + [tid for tid in thread_ids(self._site.pid) if tid not in waiting][:1]

    def _try_to_queue(self, tid: int) -> bool:
        """Queue the call in this thread; False if it is at no good place, or the queue is full."""
        site = self._site
        try:
            tracee = Tracee(site.pid, tid)
        except (TraceeStuck, TargetGone):
            return False
        if not self._may_call(tracee):
            tracee.release()
            return False
        with BorrowedThread(tracee, site.gadgets) as borrowed:
            pages = site.map_pages(borrowed, self._request, site.pid)
            borrowed.enter(pages.code + site.stub.queue, pages.data)
            result = self._await_return(borrowed, pages)
            if result.add_result == 0:
                self.pages = pages
            else:
                site.unmap_pages(borrowed, pages)
        if not tracee.saved.was_blocked:
            self._held_ns += borrowed.held_ns
        if result.state is State.FINALIZING:
            raise UnsupportedTarget(
                f"the interpreter of process {site.pid} is starting or shutting down", hint="try again in a moment"
            )
        return self.pages is not None

    def _may_call(self, tracee: Tracee) -> bool:
        counter = tracee.saved.program_counter
        if not self._site.is_own_code(counter):
            return False
        if tracee.saved.was_blocked:
            return True
        start = self._site.symbols.functions["Py_AddPendingCall"]
        mapping = find_mapping(self._site.mappings, counter)
        if start <= counter < start + _CODE_SIZE or mapping is None:
            return False
        return not mapping.file_path.rpartition("/")[2].startswith(_NOT_INSIDE)

    def _await_return(self, borrowed: BorrowedThread, pages: Pages) -> BlockResult:
        """Wait for Py_AddPendingCall to return; ``add_result`` is 0 if it took the call. The thread is stopped again.

        Where it does not return, another thread holds its lock: the thread goes back and the call is not queued.
        """
        end = time.monotonic() + _CALL_TIMEOUT_S
        result = self._site.read_result(pages)
        try:
            while result.add_result == NOT_CALLED and not result.state.is_final and time.monotonic() < end:
                borrowed.tracee.check_running()
                time.sleep(0.0001)
                result = self._site.read_result(pages)
            borrowed.stop_again()
        except TraceeFault:
            pass  # the thread is stopped, by the fault
        return self._site.read_result(pages)

    def _wait(self, watch: Watch) -> Injection:
        assert self.pages is not None
        started = time.monotonic()
        try:
            while True:
                result = self._site.read_result(self.pages)
                if result.state is State.FINISHED:
                    return self._site.injection(result, "pending call in the main thread", held_ns=self._held_ns)
                if time.monotonic() - started > _REPORT_AFTER_S:
                    watch.report(waiting_for(result, "waiting for the main thread to come out of a C call"))
                watch.check()
                pause_between_polls(started)
        except HeapscopeError:
            self._site.cancel(self.pages)
            raise
