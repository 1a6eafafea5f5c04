"""The injected code for x86-64: how a thread of the target makes the frozen clone. Pure; returns machine code.

It never returns into code that it did not come from, and never leaves a thread half changed: every way out ends in
``rt_sigreturn`` over a frame that the host wrote beforehand, so a borrowed thread finds its old registers and signal mask
even if the host is dead by then.

    borrow           entered by register change in a thread that was blocked in a system call, GIL released
      no Python thread, or finalizing?  ─────────────► done (nothing was touched)
      PyGILState_Ensure                  waits for the GIL like any thread that wakes up
      (free-threaded: StopTheWorld)      every other thread waits at a safe point
      clone(0)                           at once: a drop request set later would hang Python code in the clone
      (free-threaded: StartTheWorld)
      PyGILState_Release
      done: idle a moment (the host restores the registers exactly, with the interrupted system call), else rt_sigreturn

    queue            entered the same way in a thread that may be anywhere: Py_AddPendingCall(pending), then done
    pending          called by the eval loop of the main thread, GIL held: gives the GIL up once and takes it again
                     (that clears a drop request), clone(0), returns 0

The clone arranges itself (signals, alarm, priorities, descriptors) and then serves: it reads a command of eight words, makes the
system call or calls the function that the command says, and writes the result back. So the host maps the compiled walker into it
and starts it, without Python. One of the commands starts Python, for the walker that is written in it.
"""

from __future__ import annotations

import dataclasses

from heapscope.inject import block
from heapscope.inject.arch.assembler import R12, R13, R14, RAX, RBX, RDI, RSI, RSP, Assembler, Field
from heapscope.inject.arch.x86_64_clone import emit_clone
from heapscope.inject.arch.x86_64_numbers import (
    CLOCK_MONOTONIC,
    SYS_CLOCK_GETTIME,
    SYS_CLONE,
    SYS_GETPID,
    SYS_PPOLL,
    SYS_RT_SIGRETURN,
)
from heapscope.inject.block import State


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
    emit_clone(asm)
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
    asm.label("pending_done")
    asm.store32(block.STATE, R14)
    asm.pop(R14)
    asm.pop(R13)
    asm.pop(RBX)
    asm.move_immediate(RAX, 0)
    asm.return_()


def _make_clone(asm: Assembler) -> None:
    """Called with the GIL held, or the thread attached. Returns in the target only, with the final state in r14.

    Exit signal 0: no SIGCHLD, unseen by ``waitpid(-1)``. Without a GIL the other threads are brought to safe points first;
    the time of that is part of the pause.
    """
    asm.label("make_clone")
    asm.push(RBX)  # aligns the stack for the calls below
    asm.store_immediate32(block.STATE, State.HOLDS_GIL)
    _note_time(asm, block.GIL_NS)
    _stop_the_world(asm)
    asm.system_call(SYS_CLONE, 0, 0, 0, 0, 0)
    asm.test(RAX)
    asm.jump_if_zero("in_clone")
    asm.store64(block.CLONE_RESULT, RAX)
    asm.move_immediate(R14, State.FINISHED)
    asm.label("start_world")
    asm.compare_field64(block.function_offset("_PyEval_StartTheWorld"), 0)
    asm.jump_if_zero("made")
    asm.load64(RDI, block.INTERPRETER)
    _call(asm, "_PyEval_StartTheWorld")
    asm.label("made")
    asm.pop(RBX)
    asm.return_()


def _stop_the_world(asm: Assembler) -> None:
    """Free-threaded builds only; elsewhere the words of these functions are 0.

    Another thread in a long C call may delay the stop, and nothing can call it off: if the host gave up meanwhile, no clone is
    made. What the last thread to stop may still hold at that instant is put right in the clone (inject/stopped_world.py).
    """
    asm.compare_field64(block.function_offset("_PyEval_StopTheWorld"), 0)
    asm.jump_if_zero("world_stopped")
    asm.store_immediate32(block.STATE, State.STOPPING_THREADS)
    _call(asm, "PyInterpreterState_Main")
    asm.store64(block.INTERPRETER, RAX)
    asm.move(RDI, RAX)
    _call(asm, "_PyEval_StopTheWorld")
    asm.move_immediate(R14, State.CANCELLED)
    asm.compare_field32(block.CANCEL, 0)
    asm.jump_if_not_zero("start_world")
    asm.label("world_stopped")
