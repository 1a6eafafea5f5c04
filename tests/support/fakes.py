"""Fakes of what lies outside a capture: a target, a clone that speaks through real pipes, the host.

No processes, no sleeping: everything a fake clone has to say is in its pipe before the host reads.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from heapscope.errors import PermissionRefused, TargetGone
from heapscope.service.collectors import Orders
from heapscope.service.memory import Observed
from heapscope.snapshot.memory import MemoryFacts
from heapscope.target.access import Access, HostFacts
from heapscope.target.info import TargetInfo
from heapscope.target.obstacles import Evidence
from heapscope.target.process import ProcessFacts
from heapscope.target.runtime import Runtime
from heapscope.wire.frames import encode_frame
from heapscope.wire.protocol import PROTOCOL_VERSION, Kind
from heapscope.wire.values import encode_value

TARGET = TargetInfo(
    pid=4711,
    start_time=1000.0,
    start_ticks=99,
    name="api",
    command="python api.py",
    user="ann",
    uid=1000,
    python_version="3.12.1",
    implementation="cpython",
    free_threaded=False,
    debug_build=False,
    rss_bytes=50 << 20,
    uss_bytes=40 << 20,
    thread_count=3,
    age_s=12.0,
)

EVIDENCE = Evidence(
    process=ProcessFacts(
        pid=4711,
        name="api",
        state="S",
        parent_pid=1,
        start_ticks=99,
        is_kernel_thread=False,
        uid=1000,
        effective_uid=1000,
        tracer_pid=0,
        thread_count=3,
        rss_bytes=50 << 20,
        shared_bytes=10 << 20,
        seccomp_mode=0,
        namespace_pids=(4711,),
    ),
    host=HostFacts(
        effective_uid=1000,
        can_trace_any=False,
        yama_scope=0,
        seccomp_mode=0,
        in_user_namespace=False,
        security_module="",
        kernel=(6, 1),
        machine="x86_64",
    ),
    own_pid=1,
    runtime=Runtime("cpython", "/usr/bin/python3.12", "3.12.1", (3, 12), machine=62),
    access=Access.ALLOWED,
    python_like=True,
    owner_uid=1000,
)


def evidence(**changes: object) -> Evidence:
    """Return the evidence of a healthy target, with changes; those of ``process`` and ``host`` are merged."""
    for part in ("process", "host", "runtime"):
        part_changes = changes.get(part)
        if isinstance(part_changes, dict):
            changes[part] = replace(getattr(EVIDENCE, part), **part_changes)
    return replace(EVIDENCE, **changes)  # type: ignore[arg-type]  # names are checked by replace itself


def empty_stream(*, objects: int = 0) -> bytes:
    """Return a complete stream without objects; ``objects`` is what its end announces."""
    hello = {"protocol": PROTOCOL_VERSION, "python_version": "3.12.1", "pid": 4711}
    end = {"objects": objects, "references": 0, "types": 0, "roots": 0, "warnings": []}
    frames = ((Kind.HELLO, hello), (Kind.END, end))
    return b"".join(encode_frame(kind, encode_value(value), number) for number, (kind, value) in enumerate(frames))


class FakeClone:
    """A clone whose words are in the pipe already. With ``hangs`` it keeps the pipe open and says no more."""

    pause_ns = 1_500_000
    clone_pid = 4712

    def __init__(self, words: bytes, *, injector: str = "ptrace", hangs: bool = False) -> None:
        """Make the pipes; the words must fit into one."""
        self.injector = injector
        self.released = 0
        self._orders, self.command_fd = os.pipe()
        self.result_fd, self._answers = os.pipe()
        os.set_blocking(self._answers, False)
        assert os.write(self._answers, words) == len(words)
        if not hangs:
            os.close(self._answers)
            self._answers = -1

    def orders(self) -> bytes:
        """Return what the host has sent."""
        os.set_blocking(self._orders, False)
        return os.read(self._orders, 1 << 20)

    def release(self) -> None:
        """Close everything, once."""
        self.released += 1
        if self.released > 1:
            return
        for descriptor in (self._orders, self.command_fd, self.result_fd, self._answers):
            if descriptor >= 0:
                os.close(descriptor)


@dataclass
class FakeSurroundings:
    """A world with one target. Each capture attempt takes the next of ``clones``."""

    clones: Sequence[FakeClone]
    target: TargetInfo = TARGET
    is_gone: bool = False
    vias: list[str] = field(default_factory=list)
    runs_python: list[bool] = field(default_factory=list)
    ignored: frozenset[str] = frozenset()
    budgets: list[int | None] = field(default_factory=list)
    memory: MemoryFacts | None = field(default_factory=lambda: MemoryFacts(0, 0, 0, 0, 0, 0, 0, 0))
    hurried: list[object] = field(default_factory=list)
    censuses: list[bool] = field(default_factory=list)

    def target_of(self, pid: int, *, ignore: frozenset[str]) -> TargetInfo:
        """Note what may be ignored and return the target."""
        assert pid == self.target.pid
        self.ignored = ignore
        return self.target

    def make_clone(
        self,
        target: TargetInfo,
        *,
        via: str,
        runs_python: bool,
        is_urgent: bool = False,
        deadline_s: float,
        report: Callable[[str], None],
        cancel: threading.Event,
    ) -> FakeClone:
        """Return the next clone."""
        assert target is self.target
        assert deadline_s >= 0
        assert not cancel.is_set()
        report("borrowed a thread")
        self.vias.append(via)
        self.runs_python.append(runs_python)
        return self.clones[len(self.vias) - 1]

    def observe_memory(self, target: TargetInfo) -> Observed:
        """Return figures of a process without mappings."""
        return Observed((), (), None, "")

    def frozen_memory(self, target: TargetInfo, observed: Observed, clone: object) -> MemoryFacts:
        """Return the figures, if there are any."""
        if self.memory is None:
            raise PermissionRefused("smaps may not be read")
        return self.memory

    def watch_clone(
        self, target: TargetInfo, clone: object, *, collector: str, memory_budget: int | None, ignore_head_room: bool
    ) -> contextlib.AbstractContextManager[object]:
        """Note the budget; nothing is watched."""
        self.budgets.append(memory_budget)
        return contextlib.nullcontext()

    def give_orders(
        self, target: TargetInfo, clone: object, *, collector: str, deadline_s: float, is_census: bool = False
    ) -> Orders:
        """Return orders that nobody follows."""
        self.censuses.append(is_census)
        return Orders((b"payload", encode_value({"deadline_s": int(deadline_s)})))

    def hurry(self, target: TargetInfo, clone: object) -> None:
        """Note it."""
        self.hurried.append(clone)

    def rss_of(self, target: TargetInfo) -> int:
        """Return the RSS."""
        return target.rss_bytes

    def check_alive(self, target: TargetInfo) -> None:
        """Raise when the target is gone."""
        if self.is_gone:
            raise TargetGone(f"process {target.pid} has ended", hint="heapscope ps")
