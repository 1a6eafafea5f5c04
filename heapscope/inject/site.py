"""The place in the target where the stub goes: what was resolved before, its pages, its block while it runs.

Never stops a thread by itself: the caller brings a borrowed thread where a system call of the target is needed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time

from heapscope.errors import TargetGone
from heapscope.inject import block
from heapscope.inject.arch import current_arch
from heapscope.inject.block import BlockResult, BlockValues, State
from heapscope.inject.clone import inner_pid_of, read_stat
from heapscope.inject.hijack import BorrowedThread, Gadgets, find_gadgets
from heapscope.inject.memory import write_memory
from heapscope.inject.model import Injection, InjectRequest
from heapscope.inject.refusal import clone_refused
from heapscope.inject.symbols import ResolvedSymbols, resolve_symbols
from heapscope.inject.threads import thread_count
from heapscope.target.maps import Mapping, find_mapping, parse_maps
from heapscope.target.memory import read_memory

NOT_CALLED = 0x7FFFFFFF
"""``add_result`` until Py_AddPendingCall has returned."""

_CANCEL_GRACE_S = 0.05
_MAX_FD_SPARE = 64
_UNKNOWN_MAX_FD = 65536


@dataclasses.dataclass(frozen=True, slots=True)
class Pages:
    """Code and block of the stub; ``tid`` is the thread that runs it."""

    code: int
    data: int
    tid: int


class Site:
    """One target, resolved once: everything that can be known before a thread is stopped."""

    def __init__(self, pid: int) -> None:
        """Resolve.

        Raises:
            TargetGone, PermissionRefused, UnsupportedTarget: it is no process into which the stub can go.
        """
        self.pid = pid
        self.mappings: list[Mapping] = parse_maps(pid)
        if not self.mappings:
            raise TargetGone(f"process {pid} has ended", hint="heapscope ps")
        self.symbols: ResolvedSymbols = resolve_symbols(pid, self.mappings)
        self.gadgets: Gadgets = find_gadgets(pid, self.mappings)
        self.stub = current_arch().build_stub()
        self._max_fd = _highest_descriptor(pid) + _MAX_FD_SPARE
        self._inner_pid = inner_pid_of(pid)
        self._is_single_threaded = False
        self.look_again()

    def look_again(self) -> None:
        """Count the threads: only the single thread of a process may make the clone while it holds the GIL in a C call."""
        self._is_single_threaded = thread_count(self.pid) == 1

    def is_own_code(self, address: int) -> bool:
        """Tell whether code of the target itself, from a file, is there.

        A thread that is inside the stub of another heapscope is not touched: it must leave before that one's pages go.
        """
        mapping = find_mapping(self.mappings, address)
        return mapping is not None and mapping.is_file

    def map_pages(self, borrowed: BorrowedThread, request: InjectRequest, runner: int) -> Pages:
        """Map the code page and the block, fill both."""
        data = borrowed.map_memory(block.BLOCK_SIZE, executable=False)
        try:
            code = borrowed.map_memory(block.PAGE, executable=True)
        except OSError:
            borrowed.unmap_memory(data, block.BLOCK_SIZE)
            raise
        write_memory(self.pid, data, self._encode_block(request, borrowed.cure_stack_pointer))
        borrowed.write_code(code, self.stub.code)
        return Pages(code, data, runner)

    def _encode_block(self, request: InjectRequest, cure_frame: int) -> bytes:
        values = BlockValues(
            functions=self.symbols.functions,
            bootstrap=request.bootstrap,
            clone_name=request.clone_name,
            cure_frame=cure_frame,
            allow_held=self._is_single_threaded,
            alarm_s=request.alarm_s,
            max_fd=self._max_fd,
            target_pid=self._inner_pid,
            clone_nice=os.getpriority(os.PRIO_PROCESS, request.pid) if request.is_urgent else block.LOWEST_NICE,
        )
        encoded = bytearray(block.encode_block(values))
        encoded[block.ADD_RESULT : block.ADD_RESULT + 4] = NOT_CALLED.to_bytes(4, "little")
        return bytes(encoded)

    def unmap_pages(self, borrowed: BorrowedThread, pages: Pages) -> None:
        """Give the pages back; no thread is inside them any more."""
        borrowed.unmap_memory(pages.code, block.PAGE)
        borrowed.unmap_memory(pages.data, block.BLOCK_SIZE)

    def read_result(self, pages: Pages) -> BlockResult:
        """Read where the stub is.

        Raises:
            TargetGone: the block is not there any more.
        """
        try:
            return block.decode_result(read_memory(self.pid, pages.data, block.RESULT_SIZE))
        except (OSError, ValueError) as error:
            what = "ended" if read_stat(self.pid) is None else "ended or replaced its program"
            raise TargetGone(f"process {self.pid} {what}", hint="heapscope ps") from error

    def cancel(self, pages: Pages) -> bool:
        """Make the stub do nothing any more; tell whether it is done (else it still waits for the GIL)."""
        with contextlib.suppress(OSError):
            write_memory(self.pid, pages.data + block.CANCEL, (1).to_bytes(4, "little"))
            end = time.monotonic() + _CANCEL_GRACE_S
            while time.monotonic() < end:
                if self.read_result(pages).state.is_final:
                    return True
                time.sleep(0.001)
        return False

    def injection(self, result: BlockResult, method: str, *, held_ns: int) -> Injection:
        """Turn the result of a finished stub into an injection; ``held_ns`` is what stops of a running thread took.

        Raises:
            BudgetExceeded, CloneForbidden: the kernel refused the clone.
        """
        if result.clone_result <= 0:
            raise clone_refused(self.pid, -result.clone_result)
        return Injection(
            inner_pid=result.clone_result,
            injector="ptrace",
            method=method,
            pause_ns=max(0, result.released_ns - result.gil_taken_ns) + held_ns,
            runtime=self.symbols.runtime,
            wait_ns=max(0, result.gil_taken_ns - result.wait_started_ns),
        )


def pause_between_polls(started: float) -> None:
    """Sleep a little, longer when the wait has lasted."""
    time.sleep(0.0002 if time.monotonic() - started < 0.1 else 0.005)


def waiting_for(result: BlockResult, usually: str) -> str:
    """Return what to say of a stub that is not done after a while."""
    if result.state is State.STOPPING_THREADS:
        return (
            "waiting for every thread to come to a safe point: a C call delays it, and the others stand still meanwhile"
        )
    return usually


def _highest_descriptor(pid: int) -> int:
    with contextlib.suppress(OSError):
        return max((int(name) for name in os.listdir(f"/proc/{pid}/fd")), default=0)
    return _UNKNOWN_MAX_FD
