"""Reading the memory of another process by system call: one piece, many pieces at once, or through a cache of blocks.

Stops nothing, writes nothing, needs no /proc/PID/mem. Every length is the caller's to bound.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

_libc = ctypes.CDLL(None, use_errno=True)
_readv = _libc.process_vm_readv
_readv.restype = ctypes.c_ssize_t
_readv.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong]

BLOCK_BITS = 14
BLOCK_SIZE = (
    1 << BLOCK_BITS
)  # a chunk of CPython's frame stack is as large, and a copy costs less than a second system call
MAX_CACHED_BLOCKS = 1 << 12  # 64 MiB
_BLOCK_MASK = BLOCK_SIZE - 1
_MAX_VECTORS = 1024  # UIO_MAXIOV


class IoVector(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def read_memory(pid: int, address: int, size: int) -> bytes:
    """Read exactly ``size`` bytes.

    Raises:
        OSError: EPERM, ESRCH, or EFAULT where (part of) the range is not mapped.
    """
    buffer = ctypes.create_string_buffer(size)
    local, remote = IoVector(ctypes.addressof(buffer), size), IoVector(address, size)
    done = int(_readv(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0))
    if done < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot read {size} bytes at {address:#x} in {pid}: {os.strerror(number)}")
    if done != size:
        raise OSError(errno.EFAULT, f"only {done} of {size} bytes at {address:#x} in {pid} can be read")
    return buffer.raw


def read_pieces(pid: int, addresses: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Read ``size`` bytes at each address, 1024 pieces a system call.

    Args:
        pid: the process.
        addresses: u64, shape (n,).
        size: bytes of one piece.

    Returns:
        u8 of shape (n, size). Pieces that cannot be read are zero; one costs a system call more.

    Raises:
        OSError: EPERM or ESRCH.
    """
    import numpy as np  # noqa: PLC0415 - 0.1 s; the list of processes does without

    count = int(addresses.size)
    pieces = np.zeros((count, size), dtype=np.uint8)
    vectors = np.empty((count, 2), dtype=np.uint64)
    vectors[:, 0] = addresses
    vectors[:, 1] = size
    start = 0
    while start < count:
        wanted = min(_MAX_VECTORS, count - start)
        local = IoVector(pieces.ctypes.data + start * size, wanted * size)
        done = int(_readv(pid, ctypes.byref(local), 1, vectors.ctypes.data + start * 16, wanted, 0))
        if done < 0 and ctypes.get_errno() not in (errno.EFAULT, errno.EINVAL):
            raise OSError(ctypes.get_errno(), f"cannot read the memory of {pid}: {os.strerror(ctypes.get_errno())}")
        whole = max(0, done) // size
        if whole < wanted:
            pieces[start + whole] = 0
            whole += 1  # the one that could not be read
        start += whole
    return pieces


class CachedMemory:
    """Memory of a process that stands still, read in blocks and kept. Not thread-safe."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._blocks: dict[int, bytes | None] = {}

    def locate(self, address: int, size: int) -> tuple[bytes, int]:
        """Return bytes, and where in them ``size`` bytes from ``address`` on stand: for ``struct.unpack_from`` without a copy.

        Raises:
            OSError: they are not mapped.
        """
        offset = address & _BLOCK_MASK
        if offset + size <= BLOCK_SIZE:
            block = self._blocks.get(address >> BLOCK_BITS) or self._fetch(address >> BLOCK_BITS)
            if block is not None:
                return block, offset
        return read_memory(self.pid, address, size), 0

    def read(self, address: int, size: int) -> bytes:
        """Read exactly ``size`` bytes.

        Raises:
            OSError: they are not mapped.
        """
        buffer, offset = self.locate(address, size)
        return buffer[offset : offset + size]

    def word(self, address: int) -> int:
        """Read a u64.

        Raises:
            OSError: it is not mapped.
        """
        buffer, offset = self.locate(address, 8)
        return int.from_bytes(buffer[offset : offset + 8], "little")

    def _fetch(self, number: int) -> bytes | None:
        if number in self._blocks:
            return None  # known to be mapped in part only
        if len(self._blocks) >= MAX_CACHED_BLOCKS:
            self._blocks.clear()
        try:
            block = read_memory(self.pid, number << BLOCK_BITS, BLOCK_SIZE)
        except OSError:
            block = None
        self._blocks[number] = block
        return block
