"""x86-64: the part of the injected code that runs in the clone, from its first instruction to its last.

Entered at ``in_clone`` with rbx = block and the stack aligned for calls. Never returns, and never touches the target.
"""

from __future__ import annotations

from heapscope.inject import block
from heapscope.inject.arch.assembler import R8, R9, R10, R12, RAX, RDI, RDX, RSI, Assembler, Field, Word
from heapscope.inject.arch.x86_64_numbers import (
    EXIT_NO_PIPES,
    IOPRIO_IDLE,
    PR_SET_NAME,
    RLIMIT_CORE,
    SIG_SETMASK,
    SYS_ALARM,
    SYS_CLOSE,
    SYS_CLOSE_RANGE,
    SYS_EXIT_GROUP,
    SYS_IOPRIO_SET,
    SYS_PIPE2,
    SYS_PRCTL,
    SYS_READ,
    SYS_RT_SIGACTION,
    SYS_RT_SIGPROCMASK,
    SYS_SCHED_SETSCHEDULER,
    SYS_SETPRIORITY,
    SYS_SETRLIMIT,
    SYS_WRITE,
)
from heapscope.inject.server import COMMAND_SIZE, Command


def emit_clone(asm: Assembler) -> None:
    """Runs in the clone, from its first instruction to its last. Results of best-effort calls are not looked at."""
    asm.label("in_clone")
    for number in block.CLONE_DEFAULT_SIGNALS:
        asm.system_call(SYS_RT_SIGACTION, number, Field(block.DEFAULT_ACTION), 0, 8)
    asm.system_call(SYS_RT_SIGPROCMASK, SIG_SETMASK, Field(block.CLONE_MASK), 0, 8)
    asm.system_call(SYS_ALARM, Word(block.ALARM_SECONDS))
    asm.system_call(SYS_SETRLIMIT, RLIMIT_CORE, Field(block.CORE_RLIMIT))
    asm.system_call(SYS_SCHED_SETSCHEDULER, 0, 0, Field(block.SCHED_PARAM))
    asm.system_call(SYS_SETPRIORITY, 0, 0, Word(block.CLONE_NICE))
    asm.system_call(SYS_IOPRIO_SET, 1, 0, IOPRIO_IDLE)
    _close_everything(asm)
    for pipe in (block.PIPES, block.PIPES + 8):
        asm.system_call(SYS_PIPE2, Field(pipe), 0)
        asm.test(RAX)
        asm.jump_if_not_zero("no_pipes")
    asm.system_call(SYS_PRCTL, PR_SET_NAME, Field(block.CLONE_NAME))
    _serve(asm)
    asm.label("run_python")
    _start_the_world(asm)
    for name in ("PyGC_Disable", "PyEval_SetTrace", "PyEval_SetProfile"):
        asm.compare_field64(block.function_offset(name), 0)
        asm.jump_if_zero("no_" + name)
        asm.move_immediate(RDI, 0)
        asm.move_immediate(RSI, 0)
        asm.call_field(block.function_offset(name))
        asm.label("no_" + name)
    asm.address_of_field(RDI, block.BOOTSTRAP)
    asm.call_field(block.function_offset("PyRun_SimpleString"))
    asm.system_call(SYS_EXIT_GROUP, 0)
    asm.label("no_pipes")
    asm.system_call(SYS_EXIT_GROUP, EXIT_NO_PIPES)


def _start_the_world(asm: Assembler) -> None:
    """Undo the stop in the copy: else the first stop in the clone (gc.get_objects makes one) waits for the lock of this one.

    The other threads do not exist here; they count as detached, so that later stops do not wait for them.
    """
    asm.compare_field64(block.function_offset("_PyEval_StartTheWorld"), 0)
    asm.jump_if_zero("world_runs")
    asm.load64(RDI, block.INTERPRETER)
    asm.call_field(block.function_offset("_PyEval_StartTheWorld"))
    asm.label("world_runs")


def _serve(asm: Assembler) -> None:
    """Do what the host says until it says "run Python", or hangs up."""
    asm.label("serve")
    asm.system_call(SYS_READ, 0, Field(block.COMMAND), COMMAND_SIZE)
    asm.store64(block.REPLY, RAX)
    asm.compare_field64(block.REPLY, COMMAND_SIZE)
    asm.jump_if_not_zero("no_pipes")
    asm.compare_field64(block.COMMAND, Command.RUN_PYTHON)
    asm.jump_if_zero("run_python")
    for position, register in enumerate((RDI, RSI, RDX, R10, R8, R9)):
        asm.load64(register, block.COMMAND + 16 + 8 * position)
    asm.compare_field64(block.COMMAND, Command.CALL)
    asm.jump_if_zero("call")
    asm.load64(RAX, block.COMMAND + 8)
    asm.system_call_as_loaded()
    asm.jump("reply")
    asm.label("call")
    asm.call_field(block.COMMAND + 8)
    asm.label("reply")
    asm.store64(block.REPLY, RAX)
    asm.system_call(SYS_WRITE, 3, Field(block.REPLY), 8)
    asm.jump("serve")


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
