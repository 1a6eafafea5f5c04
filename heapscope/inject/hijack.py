"""Borrowing a stopped thread: system calls and the stub run in it, and it gets back exactly what it had.

Never leaves the thread depending on this process: before any register is changed, a signal frame with the thread's whole state
lies on its stack, and every piece of code that it is made to run ends in rt_sigreturn over that frame.

        stack of the borrowed thread
        ───────────────────────────── saved stack pointer
        red zone (128 bytes)
        rt_sigframe: restorer, registers, vector state, signal mask
        stack of the stub
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Self

from heapscope.errors import UnsupportedTarget
from heapscope.inject.arch import current_arch
from heapscope.inject.memory import write_memory
from heapscope.inject.ptrace import Tracee
from heapscope.target.maps import Mapping
from heapscope.target.memory import read_memory

_PROT_READ, _PROT_WRITE, _PROT_EXEC = 1, 2, 4
_MAP_PRIVATE_ANONYMOUS = 0x22
_WNOHANG_WALL = 0x40000001
_STUB_STACK_GAP = 256
_MAX_LIBC_TEXT = 8 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Gadgets:
    """Addresses of instructions that the target has mapped anyway."""

    syscall: int
    restorer: int


def find_gadgets(pid: int, mappings: Sequence[Mapping]) -> Gadgets:
    """Find ``syscall; ret`` and libc's signal restorer in executable mappings, libc first.

    Raises:
        UnsupportedTarget: there is none.
    """
    arch = current_arch()
    found: dict[bytes, int] = {}
    wanted = (arch.SYSCALL_GADGET, arch.RESTORER_GADGET)
    candidates = [mapping for mapping in mappings if mapping.is_executable and mapping.is_file]
    candidates.sort(key=lambda mapping: not _is_libc(mapping.file_path))
    for mapping in candidates:
        text = _read_text(pid, mapping)
        for pattern in wanted:
            position = text.find(pattern)
            if pattern not in found and position >= 0:
                found[pattern] = mapping.start + position
        if len(found) == len(wanted):
            return Gadgets(found[arch.SYSCALL_GADGET], found[arch.RESTORER_GADGET])
    raise UnsupportedTarget(
        f"process {pid} has no libc in which heapscope can make a system call",
        hint="try --via remote_exec (CPython 3.14 or newer), or --via pyrasite",
    )


def _is_libc(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.startswith(("libc.so", "libc-", "ld-musl", "libc.musl"))


def _read_text(pid: int, mapping: Mapping) -> bytes:
    try:
        return read_memory(pid, mapping.start, min(mapping.size, _MAX_LIBC_TEXT))
    except OSError:
        return b""


class BorrowedThread:
    """A context manager around a Tracee: entering arms the self-restoring frame, leaving restores the thread."""

    def __init__(self, tracee: Tracee, gadgets: Gadgets) -> None:
        self._arch = current_arch()
        self.tracee = tracee
        self._gadgets = gadgets
        size = self._arch.frame_size(tracee.xstate)
        self._frame = (tracee.saved.stack_pointer - self._arch.RED_ZONE - size) & ~15
        self.held_ns = 0
        self.is_abandoned = False

    def __enter__(self) -> Self:
        tracee = self.tracee
        frame = self._arch.encode_frame(
            self._frame, self._gadgets.restorer, tracee.saved, tracee.xstate, tracee.signal_mask
        )
        try:
            write_memory(tracee.pid, self._frame, frame)
            tracee.block_signals()
        except BaseException:
            self.held_ns = tracee.release()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        if self.is_abandoned:
            self.tracee.abandon()
        else:
            self.held_ns = self.tracee.release()

    @property
    def cure_stack_pointer(self) -> int:
        """With this stack pointer, rt_sigreturn restores the thread."""
        return int(self._arch.cure_stack_pointer(self._frame))

    def system_call(self, number: int, *arguments: int) -> int:
        """Make one system call in the thread and return its result.

        Raises:
            OSError: the call failed.
        """
        registers = self._arch.registers_for_syscall(
            self.tracee.saved, self._gadgets.syscall, self._frame, number, arguments
        )
        result = int(self.tracee.run_syscall(registers).call_result)
        if -4096 < result < 0:
            raise OSError(-result, f"system call {number} in process {self.tracee.pid}")
        return result

    def map_memory(self, size: int, *, executable: bool) -> int:
        """Map zeroed private memory, writable or executable but never both; return its address."""
        protection = _PROT_READ | (_PROT_EXEC if executable else _PROT_WRITE)
        return self.system_call(self._arch.SYS_MMAP, 0, size, protection, _MAP_PRIVATE_ANONYMOUS, -1, 0) & (2**64 - 1)

    def unmap_memory(self, address: int, size: int) -> None:
        """Give mapped memory back."""
        self.system_call(self._arch.SYS_MUNMAP, address, size)

    def reap(self, child: int) -> bool:
        """Collect an ended child of the target, as its parent; tell whether it was collected now."""
        return self.system_call(self._arch.SYS_WAIT4, child, 0, _WNOHANG_WALL, 0) == child

    def write_code(self, address: int, code: bytes) -> None:
        """Fill executable memory."""
        self.tracee.write_text(address, code)

    def enter(self, code: int, block: int) -> None:
        """Let the thread run the stub from ``code``."""
        stack = self._frame - _STUB_STACK_GAP
        self.tracee.set_registers(self._arch.registers_for_call(self.tracee.saved, code, block, stack))
        self.tracee.resume()

    def leave_to_itself(self) -> None:
        """On leaving, only stop tracing: the thread is deep inside the stub, which restores it in the end."""
        self.is_abandoned = True

    def stop_again(self) -> None:
        """Stop the thread after the stub is done with it.

        Raises:
            TraceeFault: it stopped for another reason.
        """
        self.tracee.interrupt()
