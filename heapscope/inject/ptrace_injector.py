"""Injection by ptrace: borrow a thread that waits in a system call, else queue a pending call for the main thread.

Stops one thread for the time of two to four system calls. Never stops the others, and never runs code of ours at a place where
the interpreter or malloc may be half way through something: the borrowed thread waits with the GIL released.
"""

from __future__ import annotations

import contextlib
import time

from heapscope.errors import HeapscopeError, TargetGone
from heapscope.inject import block
from heapscope.inject.arch import current_arch
from heapscope.inject.block import BlockResult, State
from heapscope.inject.hijack import BorrowedThread, find_gadgets
from heapscope.inject.model import Injection, InjectRequest, Watch
from heapscope.inject.pending import PendingCall
from heapscope.inject.ptrace import Tracee, TraceeFault, TraceeStuck
from heapscope.inject.seccomp import refuse_deadly_filters
from heapscope.inject.site import Pages, Site, pause_between_polls, waiting_for
from heapscope.inject.threads import BlockedThread, blocked_threads, is_resumable_wait, thread_ids
from heapscope.target.maps import parse_maps
from heapscope.target.memory import read_memory

_BORROW_ROUNDS = 3
_REPORT_AFTER_S = 0.3


class PtraceInjector:
    """The injector for every CPython from 3.8 on. One object serves one target, from injection to reaping."""

    name = "ptrace"

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._site: Site | None = None
        self._pages: Pages | None = None  # mapped until the thread in it has run the stub
        self._is_given_up = False
        self.late_clone = 0
        """Inner pid of a clone that was made after it had been given up; 0 if there is none."""

    def make_clone(self, request: InjectRequest, watch: Watch) -> Injection:
        """Make the clone.

        Raises:
            PermissionRefused, UnsupportedTarget, TargetGone, BudgetExceeded, Cancelled, CloneForbidden: see the message; no
                clone exists.
        """
        site = self._site = Site(self._pid)
        refuse_deadly_filters(self._pid, [thread.tid for thread in blocked_threads(self._pid, site.symbols.runtime)])
        for _ in range(_BORROW_ROUNDS):
            for thread in blocked_threads(self._pid, site.symbols.runtime):
                injection = self._borrow(site, thread, request, watch)
                if injection is not None:
                    return injection
                watch.check()
            time.sleep(0.001)
            site.look_again()
        pending = PendingCall(site, request)
        try:
            return pending.make_clone(watch)
        except HeapscopeError:
            self._is_given_up = True
            raise
        finally:
            self._pages = pending.pages

    # --- borrowing a waiting thread ---------------------------------------------------------------------------

    def _borrow(self, site: Site, thread: BlockedThread, request: InjectRequest, watch: Watch) -> Injection | None:
        """Make the clone in this thread; None when it turns out not to be borrowable."""
        try:
            tracee = Tracee(self._pid, thread.tid)
        except (TraceeStuck, TargetGone):
            return None
        if not _is_borrowable(tracee, site):
            tracee.release()
            return None
        with BorrowedThread(tracee, site.gadgets) as borrowed:
            pages = site.map_pages(borrowed, request, thread.tid)
            borrowed.enter(pages.code + site.stub.borrow, pages.data)
            try:
                result = self._run_to_end(site, borrowed, pages, watch)
            except HeapscopeError:
                self._is_given_up = True
                if borrowed.is_abandoned:
                    self._pages = pages
                else:
                    self._note_late_clone(site.read_result(pages))
                    site.unmap_pages(borrowed, pages)
                raise
            site.unmap_pages(borrowed, pages)
        if result.state is State.FINISHED:
            return site.injection(result, f"borrowed thread {thread.tid} in {thread.call}", held_ns=0)
        return None

    def _run_to_end(self, site: Site, borrowed: BorrowedThread, pages: Pages, watch: Watch) -> BlockResult:
        """Wait until the stub is done; on return the thread is stopped again.

        Raises:
            BudgetExceeded, Cancelled: the GIL was not to be had; the thread then goes back by itself when it gets it.
        """
        started = time.monotonic()
        try:
            while True:
                result = site.read_result(pages)
                if result.state.is_final:
                    borrowed.stop_again()
                    return result
                borrowed.tracee.check_running()
                if time.monotonic() - started > _REPORT_AFTER_S:
                    watch.report(waiting_for(result, "waiting for the GIL: a C call in the target holds it"))
                watch.check()
                pause_between_polls(started)
        except TraceeFault:
            return site.read_result(pages)
        except HeapscopeError:
            if site.cancel(pages):
                borrowed.stop_again()
            else:
                borrowed.leave_to_itself()
            raise

    # --- afterwards -------------------------------------------------------------------------------------------

    def reap(self, inner_pid: int) -> bool:
        """Collect the ended clone (by one system call in any thread) and unmap what a pending call has left mapped."""
        mappings = parse_maps(self._pid)
        if not mappings:
            return True
        gadgets = find_gadgets(self._pid, mappings)
        waiting = [thread.tid for thread in blocked_threads(self._pid, range(0))]
        first = waiting if self._pages is None else [self._pages.tid]
        for tid in [*first, *(tid for tid in thread_ids(self._pid) if tid not in first)]:
            try:
                tracee = Tracee(self._pid, tid)
            except (TraceeStuck, TargetGone):
                continue
            with BorrowedThread(tracee, gadgets) as borrowed:
                self._unmap_finished_pages(borrowed)
                try:
                    return borrowed.reap(inner_pid)
                except ChildProcessError:
                    return True  # the target has no such child any more
        return False

    def clean_up(self) -> None:
        """Unmap the pages of a cancelled call once it has run."""
        if self._pages is None or self._site is None:
            return
        if self._site.read_result(self._pages).state.is_final:  # before that, no thread is stopped for nothing
            with BorrowedThread(Tracee(self._pid, self._pages.tid), self._site.gadgets) as borrowed:
                self._unmap_finished_pages(borrowed)

    def _unmap_finished_pages(self, borrowed: BorrowedThread) -> None:
        """Unmap code that a thread has run, seen from that thread, stopped: it is not inside it any more."""
        pages = self._pages
        if pages is None or self._site is None or borrowed.tracee.tid != pages.tid:
            return
        inside = pages.code <= borrowed.tracee.saved.program_counter < pages.code + block.PAGE
        result = self._site.read_result(pages)
        if not inside and result.state.is_final:
            if self._is_given_up:
                self._note_late_clone(result)
            self._site.unmap_pages(borrowed, pages)
            self._pages = None

    def _note_late_clone(self, result: BlockResult) -> None:
        """Remember a clone whose making was told to nobody: the call was given up while it was made."""
        self.late_clone = max(0, result.clone_result)

    @property
    def has_left_pages(self) -> bool:
        """Tell whether a call has still to run, or its pages to be unmapped."""
        return self._pages is not None


def _is_borrowable(tracee: Tracee, site: Site) -> bool:
    """Judge again, now that the thread is stopped: it waits in a call that the kernel can resume, and not for the GIL."""
    saved = tracee.saved
    if not saved.was_blocked or not site.is_own_code(saved.program_counter):
        return False
    if not is_resumable_wait(saved.call_number, saved.first_argument, saved.second_argument, site.symbols.runtime):
        return False
    instruction: bytes = current_arch().SYSCALL_INSTRUCTION
    with contextlib.suppress(OSError):
        start = saved.program_counter - len(instruction)
        return read_memory(site.pid, start, len(instruction)) == instruction
    return False
