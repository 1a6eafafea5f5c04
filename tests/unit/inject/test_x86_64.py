"""The processor's part: instruction bytes, register conventions, the frame that restores a thread."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from heapscope.inject.arch import x86_64
from heapscope.inject.arch.assembler import R8, R12, RAX, RBX, RDI, Assembler, Field
from heapscope.inject.arch.x86_64 import Registers


def registers(**changes: int) -> Registers:
    """Return registers of a thread in a system call."""
    found = Registers()
    defaults = {
        "rip": 0x7F0000001002,
        "rsp": 0x7FFD00001000,
        "orig_rax": 230,
        "rax": 2**64 - 516,
        "cs": 0x33,
        "ss": 0x2B,
    }
    for name, value in {**defaults, **changes}.items():
        setattr(found, name, value & (2**64 - 1))
    return found


def code_of(*steps: tuple[str, tuple[object, ...]]) -> bytes:
    """Assemble a few instructions."""
    asm = Assembler()
    for name, arguments in steps:
        getattr(asm, name)(*arguments)
    return asm.finish()


def test_instructions_have_the_bytes_that_objdump_reads_back() -> None:
    """Checked once with ``objdump -D -b binary -m i386:x86-64``."""
    assert code_of(("move", (RDI, R12))).hex() == "4c89e7"
    assert code_of(("load64", (R8, 0x100))).hex() == "4c8b8300010000"
    assert code_of(("store32", (0x10, R12))).hex() == "4489a310000000"
    assert code_of(("call_field", (0x108,))).hex() == "ff9308010000"
    assert code_of(("move_immediate", (RAX, -1))).hex() == "48c7c0ffffffff"
    assert code_of(("push", (RBX,)), ("pop", (R12,))).hex() == "4053415c"
    assert code_of(("system_call", (3, 5))).hex() == "48c7c70500000048c7c0030000000f05"
    assert code_of(("address_of_field", (RDI, 8))).hex() == "488dbb08000000"


def test_labels_resolve_backwards_and_forwards() -> None:
    """Both distances count from the end of the jump."""
    asm = Assembler()
    asm.label("start")
    asm.jump("end")
    asm.jump("start")
    asm.label("end")
    asm.return_()
    assert asm.finish().hex() == "e905000000" + "e9f6ffffff" + "c3"


def test_the_stub_fits_its_page_and_ends_only_in_sigreturn_return_or_exit() -> None:
    """The last instructions of the code are the clone's exit."""
    stub = x86_64.build_stub()
    assert len(stub.code) <= 4096
    assert stub.code.endswith(bytes.fromhex("48c7c0e70000000f05"))  # exit_group
    assert 0 <= stub.borrow < stub.queue < len(stub.code)


def test_the_stub_writes_nothing_but_the_block_and_the_stack() -> None:
    """The same code for every target: no address is built in."""
    assert x86_64.build_stub().code == x86_64.build_stub().code
    assert b"\x48\xb8" not in x86_64.build_stub().code  # movabs


def test_an_interrupted_call_is_given_back_unchanged() -> None:
    """The kernel resumes it, with its remaining time."""
    saved = registers()
    restored = x86_64.resumed(saved, restart_block_lost=False)
    assert bytes(restored) == bytes(saved)


def test_a_call_whose_restart_block_is_lost_ends_with_eintr() -> None:
    """Resuming it would resume another call."""
    restored = x86_64.resumed(registers(), restart_block_lost=True)
    assert restored.call_result == -4
    assert restored.call_number == -1


def test_epoll_without_timeout_is_made_again() -> None:
    """epoll_wait is not resumed by the kernel, and callers in C may not expect EINTR."""
    saved = registers(orig_rax=232, rax=-4, r10=-1)
    restored = x86_64.resumed(saved, restart_block_lost=False)
    assert restored.program_counter == saved.program_counter - 2
    assert restored.get("rax") == 232


def test_epoll_with_timeout_ends_with_eintr() -> None:
    """Made again, it would wait too long."""
    restored = x86_64.resumed(registers(orig_rax=232, rax=-4, r10=500), restart_block_lost=False)
    assert restored.call_result == -4


def test_receiving_with_a_timeout_is_made_again() -> None:
    """Recvfrom on a socket with SO_RCVTIMEO is not resumed by the kernel."""
    saved = registers(orig_rax=45, rax=-4)
    restored = x86_64.resumed(saved, restart_block_lost=False)
    assert restored.program_counter == saved.program_counter - 2
    assert restored.get("rax") == 45


def test_other_calls_that_end_with_eintr_do_so() -> None:
    """connect, made again, would fail."""
    assert x86_64.resumed(registers(orig_rax=42, rax=-4), restart_block_lost=False).call_result == -4


def test_only_a_resumable_wait_counts_as_blocked() -> None:
    """A thread stopped in user code, or at the end of a call, does not."""
    assert registers().was_blocked
    assert registers(orig_rax=0, rax=-512).was_blocked
    assert not registers(orig_rax=-1, rax=0).was_blocked
    assert not registers(orig_rax=0, rax=17).was_blocked


XSTATE = bytes(range(256)) * 3 + bytes(2696 - 768)


def test_the_frame_starts_with_the_restorer_and_holds_every_register() -> None:
    """Struct rt_sigframe: pretcode, then ucontext with the machine context 40 bytes in."""
    values = {
        name: 1000 + index
        for index, name in enumerate(
            ["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbp", "rbx", "rdx"]
        )
    }
    saved = registers(orig_rax=-1, rax=7, rcx=8, eflags=0x246, **values)
    frame = x86_64.encode_frame(0x7FFD00000000, 0xABCD, saved, XSTATE, 0x55)
    assert struct.unpack_from("<Q", frame, 0) == (0xABCD,)
    general = struct.unpack_from("<18Q", frame, 8 + 40)
    assert general == (*values.values(), 7, 8, 0x7FFD00001000, 0x7F0000001002, 0x246)
    assert struct.unpack_from("<Q", frame, 8 + 296) == (0x55,)


def test_the_frame_repeats_an_interrupted_read() -> None:
    """rt_sigreturn does not resume calls: the frame points at the instruction again."""
    frame = x86_64.encode_frame(0x7FFD00000000, 1, registers(orig_rax=0, rax=-512), XSTATE, 0)
    rax, _, _, rip = struct.unpack_from("<4Q", frame, 8 + 40 + 13 * 8)
    assert (rax, rip) == (0, 0x7F0000001000)


def test_the_frame_ends_a_sleep_with_eintr() -> None:
    """rt_sigreturn forgets how much of the time was left."""
    frame = x86_64.encode_frame(0x7FFD00000000, 1, registers(), XSTATE, 0)
    rax, _, _, rip = struct.unpack_from("<4Q", frame, 8 + 40 + 13 * 8)
    assert (rax, rip) == (2**64 - 4, 0x7F0000001002)


def test_the_vector_state_is_aligned_and_marked_at_both_ends() -> None:
    """The kernel takes the extended state only with both magic numbers."""
    address = 0x7FFD00000010
    frame = x86_64.encode_frame(address, 1, registers(), XSTATE, 0)
    (state,) = struct.unpack_from("<Q", frame, 8 + 40 + 184)
    assert state % 64 == 0
    offset = state - address
    magic, extended, _features, size = struct.unpack_from("<IIQI", frame, offset + 464)
    assert (magic, extended, size) == (0x46505853, len(XSTATE) + 4, len(XSTATE))
    assert struct.unpack_from("<I", frame, offset + size) == (0x46505845,)
    assert len(frame) <= x86_64.frame_size(XSTATE)


@given(st.integers(0, 2**40), st.integers(0, 12000))
def test_a_frame_never_exceeds_the_size_it_was_given_room_for(page: int, xstate_size: int) -> None:
    """Whatever the address and the processor's vector state."""
    xstate = bytes(xstate_size)
    frame = x86_64.encode_frame(page * 16, 1, registers(), xstate, 0)
    assert len(frame) <= x86_64.frame_size(xstate)


def test_the_stack_is_aligned_and_below_the_frame() -> None:
    """Calls want rsp on a multiple of 16."""
    entered = x86_64.registers_for_call(registers(eflags=0x546), 0x1000, 0x2000, 0x7FFD0000FFF9)
    assert entered.get("rsp") == 0x7FFD0000FFF0
    assert entered.get("rbx") == 0x2000
    assert entered.get("eflags") == 0x46
    assert entered.call_number == -1


def test_field_operands_are_addresses() -> None:
    """A field as argument is where it is, not what it holds."""
    assert code_of(("system_call", (1, Field(16)))).startswith(bytes.fromhex("488dbb10000000"))
