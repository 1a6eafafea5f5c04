"""The injected code for x86-64: how a thread of the target makes the frozen clone. Pure; returns machine code.

It never returns into code that it did not come from, and never leaves a thread half changed: every way out ends in
``rt_sigreturn`` over a frame that the host wrote beforehand, so a borrowed thread finds its old registers and signal mask
even if the host is dead by then.

    borrow           entered by register change in a thread that was blocked in a system call, GIL released
      no Python thread, or finalizing?  ─────────────► done (nothing was touched)
      PyGILState_Ensure                  waits for the GIL like any thread that wakes up
      clone(0)                           at once: a drop request set later would hang Python code in the clone
      PyGILState_Release
      done: idle a moment (the host restores the registers exactly, with the interrupted system call), else rt_sigreturn

    queue            entered the same way in a thread that may be anywhere: Py_AddPendingCall(pending), then done
    pending          called by the eval loop of the main thread, GIL held: gives the GIL up once and takes it again
                     (that clears a drop request), clone(0), returns 0
"""

from __future__ import annotations

import dataclasses

from heapscope.inject import block
from heapscope.inject.arch.assembler import R12, R13, R14, RAX, RBX, RDI, RSI, RSP, Assembler, Field, Word
from heapscope.inject.block import State

SYS_RT_SIGACTION = 13
SYS_RT_SIGPROCMASK = 14
SYS_RT_SIGRETURN = 15
SYS_CLOSE = 3
SYS_ALARM = 37
SYS_GETPID = 39
SYS_CLONE = 56
SYS_FCNTL = 72
SYS_SETPRIORITY = 141
SYS_SCHED_SETSCHEDULER = 144
SYS_PRCTL = 157
SYS_SETRLIMIT = 160
SYS_CLOCK_GETTIME = 228
SYS_EXIT_GROUP = 231
SYS_IOPRIO_SET = 251
SYS_PPOLL = 271
SYS_PIPE2 = 293
SYS_CLOSE_RANGE = 436

CLOCK_MONOTONIC = 1
SIG_SETMASK = 2
RLIMIT_CORE = 4
PR_SET_NAME = 15
IOPRIO_IDLE = 3 << 13
LOWEST_NICE = 19
EXIT_NO_PIPES = 71


@dataclasses.dataclass(frozen=True, slots=True)
class Stub:
    """The code and its two entry points, as offsets."""

    code: bytes
    borrow: int
    queue: int


def build_stub() -> Stub:
    """Assemble the stub. The same bytes serve every target."""
    asm = Assembler()
    _borrow(asm)
    _queue(asm)
    _finish(asm)
    _pending(asm)
    _make_clone(asm)
    _in_clone(asm)
    code = asm.finish()
    return Stub(code, asm.offset_of("borrow"), asm.offset_of("queue"))


def _call(asm: Assembler, name: str) -> None:
    asm.call_field(block.function_offset(name))


def _note_time(asm: Assembler, field: int) -> None:
    asm.system_call(SYS_CLOCK_GETTIME, CLOCK_MONOTONIC, Field(field))


def _enter(asm: Assembler, running: str) -> None:
    """Keep errno in r12 (functions that we call may set it); go to ``done`` unless the interpreter is up and running."""
    asm.store_immediate32(block.STATE, State.ENTERED)
    _call(asm, "__errno_location")
    asm.load32_from(R12, RAX)
    asm.move_immediate(R14, State.FINALIZING)
    _call(asm, "Py_IsInitialized")
    asm.test32(RAX)
    asm.jump_if_zero("done")
    asm.compare_field64(block.function_offset("_Py_IsFinalizing"), 0)
    asm.jump_if_zero(running)
    _call(asm, "_Py_IsFinalizing")
    asm.test32(RAX)
    asm.jump_if_not_zero("done")
    asm.label(running)


def _borrow(asm: Assembler) -> None:
    """Entered with rbx = block and rsp aligned to 16; r14 holds the final state so far."""
    asm.label("borrow")
    _enter(asm, "borrow_running")
    asm.move_immediate(R14, State.NO_THREAD_STATE)
    _call(asm, "PyGILState_GetThisThreadState")
    asm.test(RAX)
    asm.jump_if_zero("done")
    asm.move_immediate(R14, State.CANCELLED)
    asm.compare_field32(block.CANCEL, 0)
    asm.jump_if_not_zero("done")
    _note_time(asm, block.WAIT_NS)
    asm.store_immediate32(block.STATE, State.WAITING_FOR_GIL)
    _call(asm, "PyGILState_Ensure")
    asm.move(R13, RAX)
    asm.compare_field32(block.CANCEL, 0)
    asm.jump_if_not_zero("release")  # r14 is CANCELLED
    asm.test32(R13)
    asm.jump_if_not_zero("clone")  # 1: PyGILState_UNLOCKED, the GIL was taken just now
    asm.move_immediate(R14, State.GIL_HELD_BY_THREAD)
    asm.compare_field32(block.ALLOW_HELD, 0)
    asm.jump_if_zero("release")
    asm.label("clone")
    asm.call("make_clone")
    asm.move_immediate(R14, State.FINISHED)
    asm.label("release")
    asm.move(RDI, R13)
    _call(asm, "PyGILState_Release")
    _note_time(asm, block.RELEASED_NS)
    asm.jump("done")


def _queue(asm: Assembler) -> None:
    """Entered like ``borrow``. Py_AddPendingCall is what CPython offers to signal handlers: it allocates nothing."""
    asm.label("queue")
    _enter(asm, "queue_running")
    asm.address_of_label(RDI, "pending")
    asm.move(RSI, RBX)
    asm.move_immediate(R14, State.QUEUED)
    asm.store_immediate32(block.STATE, State.QUEUED)  # before the call: the main thread may run it at once
    _call(asm, "Py_AddPendingCall")
    asm.store32(block.ADD_RESULT, RAX)
    asm.test32(RAX)
    asm.jump_if_zero("queued")
    asm.store_immediate32(block.STATE, State.QUEUE_FULL)
    asm.label("queued")
    _call(asm, "__errno_location")
    asm.store32_to(RAX, R12)
    asm.jump("idle")


def _finish(asm: Assembler) -> None:
    asm.label("done")
    _call(asm, "__errno_location")
    asm.store32_to(RAX, R12)
    asm.store32(block.STATE, R14)
    asm.label("idle")
    # ppoll, unlike nanosleep, leaves the kernel's restart block alone: the interrupted call can still be resumed exactly
    asm.system_call(SYS_PPOLL, 0, 0, Field(block.IDLE_TIMEOUT), 0, 8)
    asm.label("cure")
    asm.load64(RSP, block.CURE_FRAME)
    asm.move_immediate(RAX, SYS_RT_SIGRETURN)
    asm.system_call(SYS_RT_SIGRETURN)
    asm.jump("cure")


def _pending(asm: Assembler) -> None:
    asm.label("pending")
    asm.push(RBX)
    asm.push(R13)
    asm.push(R14)
    asm.move(RBX, RDI)
    asm.move_immediate(R14, State.CANCELLED)
    asm.compare_field32(block.CANCEL, 0)
    asm.jump_if_not_zero("pending_done")
    asm.system_call(SYS_GETPID)
    asm.compare_with_field32(RAX, block.TARGET_PID)
    asm.jump_if_not_zero("pending_done")
    _note_time(asm, block.WAIT_NS)
    asm.store_immediate32(block.STATE, State.WAITING_FOR_GIL)
    _call(asm, "PyEval_SaveThread")
    asm.move(RDI, RAX)
    _call(asm, "PyEval_RestoreThread")
    asm.call("make_clone")
    _note_time(asm, block.RELEASED_NS)
    asm.move_immediate(R14, State.FINISHED)
    asm.label("pending_done")
    asm.store32(block.STATE, R14)
    asm.pop(R14)
    asm.pop(R13)
    asm.pop(RBX)
    asm.move_immediate(RAX, 0)
    asm.return_()


def _make_clone(asm: Assembler) -> None:
    """Called with the GIL held. Returns in the target only. Exit signal 0: no SIGCHLD, unseen by ``waitpid(-1)``."""
    asm.label("make_clone")
    asm.store_immediate32(block.STATE, State.HOLDS_GIL)
    _note_time(asm, block.GIL_NS)
    asm.system_call(SYS_CLONE, 0, 0, 0, 0, 0)
    asm.test(RAX)
    asm.jump_if_zero("in_clone")
    asm.store64(block.CLONE_RESULT, RAX)
    asm.return_()


def _in_clone(asm: Assembler) -> None:
    """Runs in the clone, from its first instruction to its last. Results of best-effort calls are not looked at."""
    asm.label("in_clone")
    asm.push(RBX)  # the return address of make_clone is on the stack: align for the calls below
    for number in block.CLONE_DEFAULT_SIGNALS:
        asm.system_call(SYS_RT_SIGACTION, number, Field(block.DEFAULT_ACTION), 0, 8)
    asm.system_call(SYS_RT_SIGPROCMASK, SIG_SETMASK, Field(block.CLONE_MASK), 0, 8)
    asm.system_call(SYS_ALARM, Word(block.ALARM_SECONDS))
    asm.system_call(SYS_SETRLIMIT, RLIMIT_CORE, Field(block.NO_CORE))
    asm.system_call(SYS_SCHED_SETSCHEDULER, 0, 0, Field(block.SCHED_PARAM))
    asm.system_call(SYS_SETPRIORITY, 0, 0, LOWEST_NICE)
    asm.system_call(SYS_IOPRIO_SET, 1, 0, IOPRIO_IDLE)
    _close_everything(asm)
    for pipe in (block.PIPES, block.PIPES + 8):
        asm.system_call(SYS_PIPE2, Field(pipe), 0)
        asm.test(RAX)
        asm.jump_if_not_zero("no_pipes")
    asm.system_call(SYS_PRCTL, PR_SET_NAME, Field(block.CLONE_NAME))
    for name in ("PyGC_Disable", "PyEval_SetTrace", "PyEval_SetProfile"):
        asm.compare_field64(block.function_offset(name), 0)
        asm.jump_if_zero("no_" + name)
        asm.move_immediate(RDI, 0)
        asm.move_immediate(RSI, 0)
        _call(asm, name)
        asm.label("no_" + name)
    asm.address_of_field(RDI, block.BOOTSTRAP)
    _call(asm, "PyRun_SimpleString")
    asm.system_call(SYS_EXIT_GROUP, 0)
    asm.label("no_pipes")
    asm.system_call(SYS_EXIT_GROUP, EXIT_NO_PIPES)


def _close_everything(asm: Assembler) -> None:
    asm.system_call(SYS_CLOSE_RANGE, 0, -1, 0)
    asm.test(RAX)
    asm.jump_if_zero("closed")
    asm.move_immediate(R12, 0)
    asm.label("close_next")
    asm.move(RDI, R12)
    asm.system_call(SYS_CLOSE)
    asm.increment(R12)
    asm.compare_with_field32(R12, block.MAX_FD)
    asm.jump_if_below("close_next")
    asm.label("closed")
