"""x86-64: registers as ptrace knows them, system call numbers and conventions, the frame that restores a thread.

Nothing here touches a process. The kernel's layouts: arch/x86/include/uapi/asm/{sigcontext,ucontext,ptrace}.h.
"""

from __future__ import annotations

import ctypes
import struct

from heapscope.inject.arch.x86_64_calls import AUDIT_ARCH, CALLS_IN_TARGET
from heapscope.inject.arch.x86_64_stub import Stub, build_stub

__all__ = ["AUDIT_ARCH", "CALLS_IN_TARGET", "Registers", "Stub", "build_stub"]

ELF_MACHINE = 62
SYS_READ = 0
SYS_MMAP = 9
SYS_ALARM = 37
SYS_MUNMAP = 11
SYS_WAIT4 = 61

SYS_FUTEX = 202
SYS_RESTART_SYSCALL = 219
_EPOLL_CALLS = frozenset({232, 281})
"""epoll_wait and epoll_pwait end with EINTR after any stop."""
_RECEIVING_CALLS = frozenset({0, 17, 19, 43, 45, 47, 288, 299})
"""read, pread, readv, accept, recvfrom, recvmsg, accept4, recvmmsg: they do on a socket with SO_RCVTIMEO."""

BLOCKING_CALLS = {
    0: "read", 7: "poll", 17: "pread", 19: "readv", 23: "select", 34: "pause", 35: "nanosleep", 42: "connect", 43: "accept",
    45: "recvfrom", 47: "recvmsg", 61: "wait4", 73: "flock", 128: "rt_sigtimedwait", 130: "rt_sigsuspend", 202: "futex",
    219: "restart_syscall", 230: "clock_nanosleep", 232: "epoll_wait", 247: "waitid", 270: "pselect6", 271: "ppoll",
    281: "epoll_pwait", 288: "accept4", 299: "recvmmsg",
}  # fmt: skip
"""System calls in which threads wait, and which the kernel can resume after a stop."""

SYSCALL_INSTRUCTION = b"\x0f\x05"
SYSCALL_GADGET = b"\x0f\x05\xc3"  # syscall; ret
RESTORER_GADGET = b"\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05"  # mov $15,%rax; syscall: libc's __restore_rt

ERESTART_RESTARTBLOCK = 516
RESTART_ERRORS = frozenset({512, 513, 514, ERESTART_RESTARTBLOCK})
EINTR = 4

NT_X86_XSTATE = 0x202
XSTATE_REGSET = NT_X86_XSTATE
RED_ZONE = 128
_U64 = 2**64 - 1


class Registers(ctypes.Structure):
    """struct user_regs_struct."""

    _fields_ = [
        (name, ctypes.c_uint64)
        for name in [
            "r15",
            "r14",
            "r13",
            "r12",
            "rbp",
            "rbx",
            "r11",
            "r10",
            "r9",
            "r8",
            "rax",
            "rcx",
            "rdx",
            "rsi",
            "rdi",
            "orig_rax",
            "rip",
            "cs",
            "eflags",
            "rsp",
            "ss",
            "fs_base",
            "gs_base",
            "ds",
            "es",
            "fs",
            "gs",
        ]
    ]

    def copy(self) -> Registers:
        """Return an independent copy."""
        other = Registers()
        ctypes.memmove(ctypes.byref(other), ctypes.byref(self), ctypes.sizeof(self))
        return other

    def get(self, name: str) -> int:
        """Return a register, unsigned."""
        return int(getattr(self, name))

    @property
    def program_counter(self) -> int:
        """Address of the next instruction."""
        return self.get("rip")

    @property
    def stack_pointer(self) -> int:
        """Lowest used address of the stack, above the red zone."""
        return self.get("rsp")

    @property
    def first_argument(self) -> int:
        """First argument of the interrupted system call."""
        return self.get("rdi")

    @property
    def second_argument(self) -> int:
        """Second argument of the interrupted system call."""
        return self.get("rsi")

    @property
    def call_number(self) -> int:
        """Number of the interrupted system call; negative when the thread was in user code."""
        return ctypes.c_int64(self.get("orig_rax")).value

    @property
    def call_result(self) -> int:
        """Result of the system call, negative errno on failure."""
        return ctypes.c_int64(self.get("rax")).value

    @property
    def was_blocked(self) -> bool:
        """Tell whether the stop interrupted a waiting system call that the kernel would resume."""
        return self.call_number >= 0 and (-self.call_result in RESTART_ERRORS or self.call_result == -EINTR)


def registers_for_call(saved: Registers, code: int, block: int, stack: int) -> Registers:
    """Registers that enter the stub at ``code`` with its data block and an aligned stack."""
    registers = saved.copy()
    registers.rip, registers.rbx, registers.rsp = code, block, stack & ~15
    registers.orig_rax = _U64
    registers.eflags = saved.get("eflags") & ~0x500  # clear direction and trap flags, as the ABI wants at a call
    return registers


def registers_for_syscall(
    saved: Registers, gadget: int, stack: int, number: int, arguments: tuple[int, ...]
) -> Registers:
    """Registers that make one system call through a ``syscall; ret`` gadget whose return leads to the restorer."""
    registers = saved.copy()
    registers.rip, registers.rsp, registers.rax, registers.orig_rax = gadget, stack, number, _U64
    padded = (*arguments, *([0] * (6 - len(arguments))))
    for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), padded, strict=True):
        setattr(registers, name, value & _U64)
    return registers


def resumed(saved: Registers, *, restart_block_lost: bool) -> Registers:
    """Registers to give back: unchanged, so that the kernel resumes the interrupted call, where it can.

    The kernel does not resume epoll_wait, nor a receiving call on a socket with a time-out. Callers in C may not expect EINTR,
    so the call is made again where that does no harm: epoll_wait without a timeout, and the receiving calls, whose rarely
    reached time-out starts anew. A call whose restart block is gone ends with EINTR, as after any signal.
    """
    registers = saved.copy()
    number, result = saved.call_number, saved.call_result
    waits_for_ever = number in _EPOLL_CALLS and ctypes.c_int32(saved.get("r10") & 0xFFFFFFFF).value < 0
    if result == -EINTR and (waits_for_ever or number in _RECEIVING_CALLS):
        registers.rip, registers.rax, registers.orig_rax = saved.get("rip") - 2, number, _U64
    elif restart_block_lost and result == -ERESTART_RESTARTBLOCK:
        registers.rax, registers.orig_rax = -EINTR & _U64, _U64
    return registers


def interrupted(saved: Registers) -> Registers:
    """Registers with which the interrupted call ends with EINTR, as after a signal whose handler has run."""
    registers = saved.copy()
    registers.rax, registers.orig_rax = -EINTR & _U64, _U64
    return registers


# --- the frame with which a thread restores itself ----------------------------------------------------------------

_UCONTEXT_FLAGS = 7  # FP_XSTATE, SIGCONTEXT_SS, STRICT_RESTORE_SS
_BAD_STACK_FLAGS = 0x7F0  # refused by sigaltstack: the thread's alternate stack stays as it is
_FP_XSTATE_MAGIC1 = 0x46505853
_FP_XSTATE_MAGIC2 = 0x46505845
_FX_SW_RESERVED = 464
_XFEATURES_OFFSET = 512
_XSAVE_MINIMUM = 576
_XSAVE_WITHOUT_TILES = 2696  # x87 to PKRU; AMX tiles are off unless a thread asked the kernel for them
_AMX_FEATURES = (1 << 17) | (1 << 18)
_UCONTEXT_SIZE = 304
_MACHINE_CONTEXT = 40
_SIGINFO_SIZE = 128


def frame_size(xstate: bytes) -> int:
    """Bytes that ``encode_frame`` needs, alignment included."""
    return 8 + _UCONTEXT_SIZE + _SIGINFO_SIZE + min(len(xstate), _XSAVE_WITHOUT_TILES) + 4 + 2 * 64


def encode_frame(address: int, restorer: int, saved: Registers, xstate: bytes, signal_mask: int) -> bytes:
    """Return struct rt_sigframe for ``address`` (16-aligned), preceded by its return address: the restorer.

        address      restorer  <- rsp of the gadget; popped by its ``ret``
        address + 8  ucontext  <- rsp of the restorer: what rt_sigreturn expects

    An interrupted system call is made again; one with a restart block ends with EINTR, since rt_sigreturn clears it.
    """
    rip, rax = saved.get("rip"), saved.get("rax")
    if saved.was_blocked:
        if -saved.call_result in RESTART_ERRORS and saved.call_result != -ERESTART_RESTARTBLOCK:
            rip, rax = rip - 2, saved.get("orig_rax")
        else:
            rax = -EINTR & _U64
    fpstate = _encode_xstate(xstate)
    fpstate_address = (address + 8 + _UCONTEXT_SIZE + _SIGINFO_SIZE + 63) & ~63 if fpstate else 0
    general = [
        saved.get(name)
        for name in ["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbp", "rbx", "rdx"]
    ]
    context = struct.pack("<18Q", *general, rax, saved.get("rcx"), saved.get("rsp"), rip, saved.get("eflags"))
    context += struct.pack("<4H", saved.get("cs"), 0, 0, saved.get("ss"))
    context += struct.pack("<5Q", 0, 0, 0, 0, fpstate_address) + bytes(64)
    ucontext = struct.pack("<QQQIIQ", _UCONTEXT_FLAGS, 0, 0, _BAD_STACK_FLAGS, 0, 0) + context
    ucontext += struct.pack("<Q", signal_mask)
    frame = struct.pack("<Q", restorer) + ucontext + bytes(_SIGINFO_SIZE)
    return frame.ljust(fpstate_address - address, b"\0") + fpstate if fpstate else frame


def _encode_xstate(xstate: bytes) -> bytes:
    """The XSAVE area as a signal frame carries it: with the software bytes that tell its size, and an end mark."""
    if len(xstate) < _XSAVE_MINIMUM:
        return b""
    area = bytearray(xstate[:_XSAVE_WITHOUT_TILES])
    (features,) = struct.unpack_from("<Q", area, _XFEATURES_OFFSET)
    features &= ~_AMX_FEATURES
    struct.pack_into("<Q", area, _XFEATURES_OFFSET, features)
    words = (_FP_XSTATE_MAGIC1, len(area) + 4, features | 3, len(area))
    struct.pack_into("<IIQI", area, _FX_SW_RESERVED, *words)
    return bytes(area) + struct.pack("<I", _FP_XSTATE_MAGIC2)


def cure_stack_pointer(frame_address: int) -> int:
    """The stack pointer with which rt_sigreturn finds the frame."""
    return frame_address + 8
