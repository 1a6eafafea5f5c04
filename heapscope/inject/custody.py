"""What happens to a clone after it was made: it is found, waited for, ended, collected in the target, and nothing is left.

Never makes a clone, and never talks to the host.
"""

from __future__ import annotations

import contextlib
import time

from heapscope.errors import HeapscopeError, TargetGone
from heapscope.inject.clone import Clone, ended_clones, find_clone, inner_pid_of, left_over_clones, read_stat
from heapscope.inject.model import Injection, Injector, InjectRequest
from heapscope.inject.ptrace_injector import PtraceInjector

_END_TIMEOUT_S = 5.0
_REAP_TIMEOUT_S = 10.0
_LINGER_S = 300.0


def is_target_gone(request: InjectRequest) -> bool:
    """Tell whether the target has ended, or its pid means another process."""
    stat = read_stat(request.pid)
    return stat is None or stat.start_ticks != request.start_ticks or stat.state in "ZX"


def clone_of(request: InjectRequest, injection: Injection) -> Clone:
    """Take hold of the clone that was just made.

    Raises:
        TargetGone: it has ended already.
    """
    if injection.inner_pid > 0:
        return Clone(request.pid, find_clone(request.pid, injection.inner_pid), request.clone_name)
    found = left_over_clones(request.pid, request.clone_name)
    if not found:
        raise TargetGone(f"the clone of process {request.pid} ended at once", hint=f"heapscope doctor {request.pid}")
    return Clone(request.pid, max(found), request.clone_name)


def dispose(request: InjectRequest, injector: Injector, injection: Injection, clone: Clone | None) -> bool:
    """End a clone and have the target collect it; tell whether it was collected."""
    inner_pid = injection.inner_pid
    if clone is not None:
        inner_pid = clone.inner_pid
        clone.kill()
        clone.has_ended(_END_TIMEOUT_S)
        clone.close()
    return _reap(injector, request, inner_pid)


def _reap(injector: Injector, request: InjectRequest, inner_pid: int) -> bool:
    """Have the target collect its ended clone. Tries for a while: a debugger or a stop signal may be in the way."""
    end = time.monotonic() + _REAP_TIMEOUT_S
    while time.monotonic() < end:
        if is_target_gone(request):
            return True  # init has its children
        with contextlib.suppress(HeapscopeError, OSError):
            if injector.reap(inner_pid):
                return True
        time.sleep(0.02)
    return False


def end_clones(request: InjectRequest, injector: Injector) -> None:
    """End and collect clones of this request that nobody guards: made too late, or left behind by a killed helper."""
    found = set(left_over_clones(request.pid, request.clone_name))
    late = injector.late_clone if isinstance(injector, PtraceInjector) else 0
    with contextlib.suppress(TargetGone):
        if late > 0:
            found.add(find_clone(request.pid, late))
    for pid in found:
        with contextlib.suppress(TargetGone):
            clone = Clone(request.pid, pid, request.clone_name)
            clone.kill()
            clone.has_ended(_END_TIMEOUT_S)
            _reap(injector, request, clone.inner_pid)


def collect_ended(request: InjectRequest, injector: Injector) -> None:
    """Have the target collect ended clones of earlier requests: their heapscope and its helper were killed together."""
    for pid in ended_clones(request.pid):
        _reap(injector, request, inner_pid_of(pid))


def finish_left_pages(injector: Injector, request: InjectRequest) -> None:
    """A queued call that was cancelled still has to run, as a no-op, before its pages may go: wait for that, quietly."""
    if not isinstance(injector, PtraceInjector):
        return
    end = time.monotonic() + _LINGER_S
    while injector.has_left_pages and time.monotonic() < end:
        if is_target_gone(request):
            return
        with contextlib.suppress(HeapscopeError, OSError):
            injector.clean_up()
        time.sleep(0.1)
