"""The data block that the injected stub and the host share: one page in the target, offsets and states.

Arch-neutral. Everything the stub needs (function addresses, switches, buffers) is data here; the stub's code is constant.
"""

from __future__ import annotations

import dataclasses
import enum
import struct

PAGE = 4096
BLOCK_SIZE = 4 * PAGE
"""Bytes mapped for the block: fields, then the bootstrap text."""


class State(enum.IntEnum):
    """Where the stub is; written by the stub, read by the host. States from FINISHED on are final."""

    IDLE = 0
    ENTERED = 1
    QUEUED = 2
    WAITING_FOR_GIL = 3
    HOLDS_GIL = 4
    """Or, in a free-threaded build, is attached."""
    STOPPING_THREADS = 5
    """Free-threaded builds: waits for every other thread to reach a safe point; those that have are stopped."""
    FINISHED = 16
    """The clone system call was made; ``clone_result`` is its result."""
    NO_THREAD_STATE = 17
    """The borrowed thread is no Python thread: nothing was done."""
    GIL_HELD_BY_THREAD = 18
    """The borrowed thread holds the GIL inside a C call: nothing was done."""
    FINALIZING = 19
    """The interpreter is not initialized, or is shutting down: nothing was done."""
    QUEUE_FULL = 20
    CANCELLED = 21

    @property
    def is_final(self) -> bool:
        """Tell whether the stub will touch nothing any more."""
        return self >= State.FINISHED


FUNCTIONS = (
    "__errno_location",
    "Py_IsInitialized",
    "_Py_IsFinalizing",
    "PyGILState_GetThisThreadState",
    "PyGILState_Ensure",
    "PyGILState_Release",
    "PyEval_SaveThread",
    "PyEval_RestoreThread",
    "Py_AddPendingCall",
    "PyGC_Disable",
    "PyEval_SetTrace",
    "PyEval_SetProfile",
    "PyRun_SimpleString",
    "PyInterpreterState_Main",
    "_PyEval_StopTheWorld",
    "_PyEval_StartTheWorld",
)
"""Functions of the target that the stub calls, in the order of their words in the block; 0 where the target has none."""

FREE_THREADED_FUNCTIONS = ("PyInterpreterState_Main", "_PyEval_StopTheWorld", "_PyEval_StartTheWorld")
"""Only called, and only needed, in free-threaded builds: the host leaves their words 0 elsewhere."""

OPTIONAL_FUNCTIONS = frozenset(
    {"_Py_IsFinalizing", "PyGC_Disable", "PyEval_SetTrace", "PyEval_SetProfile", *FREE_THREADED_FUNCTIONS}
)

# offsets of the fields, in bytes
STATE = 0
CANCEL = 4
ALLOW_HELD = 8
ADD_RESULT = 12
CLONE_RESULT = 16
WAIT_NS = 24  # struct timespec: 16 bytes each
GIL_NS = 40
RELEASED_NS = 56
CURE_FRAME = 72  # stack pointer for rt_sigreturn
IDLE_TIMEOUT = 80  # struct timespec
CLONE_MASK = 96  # signal mask of the clone
DEFAULT_ACTION = 104  # struct kernel_sigaction, 32 bytes of zero: SIG_DFL
ALARM_SECONDS = 136
MAX_FD = 140
PIPES = 144  # four ints
CORE_RLIMIT = 160  # struct rlimit
SCHED_PARAM = 176
TARGET_PID = 180
CLONE_NAME = 184  # 16 bytes
CLONE_NICE = 200
FUNCTION_TABLE = 256
COMMAND = 384  # eight words: what the host tells the clone to do (inject/server.py)
REPLY = 448
INTERPRETER = 456  # PyInterpreterState * whose threads were stopped
BOOTSTRAP = 512


def function_offset(name: str) -> int:
    """Return the offset of the word that holds the address of ``name``."""
    return FUNCTION_TABLE + 8 * FUNCTIONS.index(name)


MAX_CLONE_NAME = 15
LOWEST_NICE = 19

IDLE_NS = 200_000_000
"""How long a finished stub waits for the tracer to restore the thread before it restores itself."""

_CLONE_UNBLOCKED = (1, 2, 3, 6, 14, 15)  # HUP INT QUIT ABRT ALRM TERM, by default action: an operator can end a clone
_SYNCHRONOUS = (4, 5, 7, 8, 11, 31)  # ILL TRAP BUS FPE SEGV SYS


def signal_bits(signals: tuple[int, ...]) -> int:
    """Return the kernel's signal set that holds ``signals``."""
    bits = 0
    for number in signals:
        bits |= 1 << (number - 1)
    return bits


ALL_BUT_SYNCHRONOUS = ~signal_bits(_SYNCHRONOUS) & (2**64 - 1)
"""Mask of a borrowed thread: signals of the application never run in it; a fault of ours is still seen."""

CLONE_DEFAULT_SIGNALS = _CLONE_UNBLOCKED + _SYNCHRONOUS
"""Set to their default action in the clone: a crash reporter of the application must not report a crash of the clone."""

CLONE_SIGNAL_MASK = ~signal_bits(CLONE_DEFAULT_SIGNALS) & (2**64 - 1)
CORE_LIMIT = 1
"""Bytes. Too few for a core file, and what the kernel takes as "no" where core dumps go to a program, unlike 0."""


@dataclasses.dataclass(frozen=True, slots=True)
class BlockValues:
    """What the host decides before the stub runs."""

    functions: dict[str, int]
    bootstrap: bytes
    clone_name: bytes
    cure_frame: int
    allow_held: bool
    alarm_s: int
    max_fd: int
    target_pid: int
    """In its own pid namespace: a child that the target forks inherits a queued call, and must not make it."""
    clone_nice: int = LOWEST_NICE


def encode_block(values: BlockValues) -> bytes:
    """Return the block's bytes, state IDLE.

    Raises:
        ValueError: the bootstrap text does not fit.
    """
    if len(values.clone_name) > MAX_CLONE_NAME:
        msg = f"clone name {values.clone_name!r} is too long"
        raise ValueError(msg)
    if len(values.bootstrap) + 1 > BLOCK_SIZE - BOOTSTRAP or b"\0" in values.bootstrap:
        msg = f"bootstrap text of {len(values.bootstrap)} bytes does not fit"
        raise ValueError(msg)
    data = bytearray(BOOTSTRAP + len(values.bootstrap) + 1)
    struct.pack_into("<I", data, ALLOW_HELD, int(values.allow_held))
    struct.pack_into("<Q", data, CURE_FRAME, values.cure_frame)
    struct.pack_into("<QQ", data, IDLE_TIMEOUT, 0, IDLE_NS)
    struct.pack_into("<Q", data, CLONE_MASK, CLONE_SIGNAL_MASK)
    struct.pack_into("<QQ", data, CORE_RLIMIT, CORE_LIMIT, CORE_LIMIT)
    struct.pack_into("<II", data, ALARM_SECONDS, values.alarm_s, values.max_fd)
    struct.pack_into("<i", data, TARGET_PID, values.target_pid)
    struct.pack_into("<i", data, CLONE_NICE, values.clone_nice)
    data[CLONE_NAME : CLONE_NAME + len(values.clone_name)] = values.clone_name
    for name in FUNCTIONS:
        struct.pack_into("<Q", data, function_offset(name), values.functions.get(name, 0))
    data[BOOTSTRAP : BOOTSTRAP + len(values.bootstrap)] = values.bootstrap
    return bytes(data)


@dataclasses.dataclass(frozen=True, slots=True)
class BlockResult:
    """What the stub left behind. Times are CLOCK_MONOTONIC nanoseconds, 0 where not reached."""

    state: State
    add_result: int
    clone_result: int
    wait_started_ns: int
    gil_taken_ns: int
    released_ns: int


RESULT_SIZE = RELEASED_NS + 16


def decode_result(data: bytes) -> BlockResult:
    """Read what the stub wrote, from the first RESULT_SIZE bytes of the block.

    Raises:
        ValueError: the state is none that the stub writes (something else wrote there).
    """
    state, _cancel, _held, add_result, clone_result = struct.unpack_from("<IIIiq", data, 0)
    times = [struct.unpack_from("<QQ", data, offset) for offset in (WAIT_NS, GIL_NS, RELEASED_NS)]
    wait_ns, gil_ns, released_ns = (seconds * 1_000_000_000 + nanoseconds for seconds, nanoseconds in times)
    return BlockResult(State(state), add_result, clone_result, wait_ns, gil_ns, released_ns)
