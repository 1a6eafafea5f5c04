"""What executing frames hold, read from the frozen clone: starting points for the compiled walker, and roots.

From 3.11 on an executing frame is no object until somebody asks for it, and no tp_traverse shows what it refers to. It becomes
a row of its own (Flag.SYNTHETIC) at the address of its _PyInterpreterFrame, of size 0: its memory is the thread's.

Never touches the target, and does not fail: what cannot be read is a warning.
"""

from __future__ import annotations

import dataclasses

from heapscope.snapshot.records import RootRecord
from heapscope.target.stack_frames import Frame, ThreadStack
from heapscope.target.stacks import read_threads
from heapscope.target.symbols import PythonImage
from heapscope.units import clean_text
from heapscope.wire.protocol import MAX_NAME, RootKind

MAX_SEED_WORDS = 1 << 22  # 32 MiB
MAX_VARIABLES = 1024
MAX_LABELLED_FRAMES = 4096  # of one thread; deeper frames are still reached through those above

_SYNTHETIC, _REPLACES_EDGES = 1, 2  # SEED_* in agent/native/heapwalk.h


@dataclasses.dataclass(slots=True)
class FrameFacts:
    """Seeds as the walker reads them, roots, and warnings."""

    seeds: list[int] = dataclasses.field(default_factory=list)
    roots: list[RootRecord] = dataclasses.field(default_factory=list)
    warnings: tuple[str, ...] = ()


def read_frames(pid: int, image: PythonImage, version: tuple[int, int]) -> FrameFacts:
    """Read the stacks of all threads of a clone."""
    stacks = read_threads(pid, image, version)
    facts = FrameFacts(warnings=stacks.warnings)
    frame_type = image.types.get("PyFrame_Type", 0)
    for thread in stacks.threads:
        _add_thread(facts, thread, frame_type)
    return facts


def _add_thread(facts: FrameFacts, thread: ThreadStack, frame_type: int) -> None:
    for depth, frame in enumerate(thread.frames):
        address = _row_of(frame)
        if depth == 0:
            facts.roots.append(RootRecord(RootKind.THREAD, address, f"thread {thread.ident}"))
        if depth < MAX_LABELLED_FRAMES:
            name, file = clean_text(frame.code.name, MAX_NAME), clean_text(frame.code.file, MAX_NAME)
            label = f"{name} {file}:{frame.line}"[:MAX_NAME]
            facts.roots.append(RootRecord(RootKind.FRAME, address, label, _variables_of(frame)))
        back = _row_of(thread.frames[depth + 1]) if depth + 1 < len(thread.frames) else 0
        seed = _seed(frame, address, frame_type, back)
        if len(facts.seeds) + len(seed) <= MAX_SEED_WORDS:
            facts.seeds += seed


def _variables_of(frame: Frame) -> tuple[tuple[str, int], ...]:
    return tuple((clean_text(each.name, MAX_NAME), each.address) for each in frame.variables[:MAX_VARIABLES])


def _row_of(frame: Frame) -> int:
    return frame.frame_object or frame.address


def _seed(frame: Frame, address: int, frame_type: int, back: int) -> list[int]:
    if frame.frame_object == frame.address:  # until 3.10: an object like others
        return [address, frame_type, 0, 0]
    flags = _REPLACES_EDGES if frame.frame_object else _SYNTHETIC
    held = [frame.code.address, frame.function, frame.global_names, frame.builtins, frame.namespace, back]
    held += [each.address for each in frame.variables]
    held += [each.address for each in frame.stack if not each.is_borrowed]
    targets = [each for each in held if each]
    return [address, frame_type, flags, len(targets), *targets]
