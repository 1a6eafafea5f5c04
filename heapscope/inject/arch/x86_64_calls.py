"""x86-64: the system calls that a capture makes in threads of the target itself, for filters to be judged by."""

from __future__ import annotations

AUDIT_ARCH = 0xC000003E  # AUDIT_ARCH_X86_64

_PRIVATE_ANONYMOUS = 0x22
_NOWHERE = 2**64 - 1
_WNOHANG_WALL = 0x40000001

CALLS_IN_TARGET: tuple[tuple[str, int, tuple[int, ...]], ...] = (
    ("clone", 56, (0, 0, 0, 0, 0)),
    ("mmap", 9, (0, 4096, 3, _PRIVATE_ANONYMOUS, _NOWHERE, 0)),
    ("mmap", 9, (0, 4096, 5, _PRIVATE_ANONYMOUS, _NOWHERE, 0)),
    ("munmap", 11, (4096, 4096)),
    ("clock_gettime", 228, (1, 4096)),
    ("getpid", 39, ()),
    ("ppoll", 271, (0, 0, 4096, 0, 8)),
    ("rt_sigreturn", 15, ()),
    ("wait4", 61, (4096, 0, _WNOHANG_WALL, 0)),
)
"""Name, number, arguments as far as they are the same each time; pointers and sizes stand for any."""
