"""The compiled walker without injection: a Python forks itself, and the child loads the walker with ctypes and runs it.

Never attaches to anything. The host's part is the real one: options are built from the child's memory as for a clone.
With HEAPSCOPE_SANITIZED_WALKER the library named there runs, with the sanitizer's runtime in HEAPSCOPE_SANITIZER_RUNTIME.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from heapscope.inject.native import default_image_path
from heapscope.service import native
from heapscope.service.collectors import Orders
from heapscope.snapshot.builder import SnapshotBuilder
from heapscope.snapshot.model import Snapshot, SnapshotMeta
from heapscope.wire.frames import FrameReader
from tests.support.fakes import TARGET
from tests.support.pythons import Python
from tests.support.targets import PROGRAMS, clean_environment

WAIT_S = 120.0
SANITIZED = os.environ.get("HEAPSCOPE_SANITIZED_WALKER")
_DRIVER = """
import ctypes, os, sys
target, library, inherited = sys.argv[1], sys.argv[2], [int(fd) for fd in sys.argv[3].split(",")]
sys.path.insert(0, sys.argv[4])
exec(compile(open(target, encoding="utf-8").read(), "target.py", "exec"), globals())
child = os.fork()
if child == 0:
    run = ctypes.PyDLL(library).heapwalk_run
    commands, results, ready = [os.dup2(fd, 60 + place) for place, fd in enumerate(inherited)]
    for number, fd in ((0, commands), (3, results)):
        os.dup2(fd, number)
    os.write(ready, b"%d" % os.getpid())
    os.closerange(4, 100)
    run()
    os._exit(77)
for fd in inherited:
    os.close(fd)
status = os.waitpid(child, 0)[1]
os.write(1, b"%d" % status)
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """What one run gave: the frames, the child's wait status, and what a sanitizer wrote."""

    frames: list[tuple[int, bytes]]
    status: int
    report: str
    orders: Orders
    version: str

    def snapshot(self) -> Snapshot:
        """Build the snapshot that the frames make."""
        builder = SnapshotBuilder()
        for kind, payload in self.frames:
            builder.feed(kind, payload)
        builder.add_roots(self.orders.roots)
        return builder.build(SnapshotMeta(python_version=self.version))


@dataclasses.dataclass(frozen=True, slots=True)
class _Child:
    """As much of a clone handle as the host's part needs."""

    clone_pid: int
    command_fd: int
    result_fd: int


def run_walker(
    python: Python, script: str, *, change: Callable[[bytes], bytes] | None = None, deadline_s: float = WAIT_S
) -> Run:
    """Run ``script``, fork, and run the walker in the child. ``change`` spoils the options before they are sent."""
    with tempfile.TemporaryDirectory(prefix="heapscope-walker-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "target.py").write_text(script, encoding="utf-8")
        (folder / "driver.py").write_text(_DRIVER, encoding="utf-8")
        pipes = [os.pipe() for _ in range(3)]
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
        command_fd, result_fd, ready_fd = pipes[0][1], pipes[1][0], pipes[2][0]
        for descriptor in (result_fd, ready_fd):
            stack.callback(os.close, descriptor)
        process = subprocess.Popen(
            [str(python.path), "-Wignore", str(folder / "driver.py"), str(folder / "target.py"), *_words(theirs)],
            stdout=subprocess.PIPE,
            pass_fds=theirs,
            env=_environment(folder),
        )
        stack.callback(_end, process)
        for descriptor in theirs:
            os.close(descriptor)
        child = _Child(int(_read(ready_fd, 20)), command_fd, result_fd)
        stack.callback(_kill, child.clone_pid)
        orders = _orders(python, child, deadline_s)
        frames = _converse(child, [change(each) if change else each for each in orders.messages])
        assert process.stdout is not None
        status = int(process.stdout.read())
        report = "".join(path.read_text(errors="replace") for path in sorted(folder.glob("report*")))
        return Run(frames, status, report, orders, ".".join(map(str, python.version)))


def _words(descriptors: list[int]) -> list[str]:
    return [SANITIZED or default_image_path(), ",".join(map(str, descriptors)), str(PROGRAMS)]


def _environment(folder: Path) -> dict[str, str]:
    environment = clean_environment()
    if SANITIZED:
        log = f"log_path={folder / 'report'}:exitcode=99"
        environment |= {
            "LD_PRELOAD": os.environ["HEAPSCOPE_SANITIZER_RUNTIME"],
            "ASAN_OPTIONS": f"{log}:detect_leaks=0:handle_segv=1:allocator_may_return_null=1",
            "UBSAN_OPTIONS": f"{log}:print_stacktrace=1:halt_on_error=1",
        }
    return environment


def _orders(python: Python, child: _Child, deadline_s: float) -> Orders:
    """Build the options as for a clone; the walker is there already."""
    _wait_until_it_reads(child.clone_pid)
    target = dataclasses.replace(TARGET, python_version=".".join(map(str, python.version)))
    with mock.patch.object(native, "load_image", return_value=0), mock.patch.object(native, "CloneServer"):
        return native.native_orders(target, child, deadline_s)


def _wait_until_it_reads(pid: int) -> None:
    """Wait until the child is blocked in read(0): from then on its memory is frozen."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        words = Path(f"/proc/{pid}/syscall").read_text().split()
        if words[:2] == ["0", "0x0"]:
            return
        time.sleep(0.005)
    raise TimeoutError("the walker does not ask for its options")


def _converse(child: _Child, messages: list[bytes]) -> list[tuple[int, bytes]]:
    with contextlib.suppress(BrokenPipeError):
        for message in messages:
            rest = memoryview(len(message).to_bytes(8, "little") + message)
            while rest:
                rest = rest[os.write(child.command_fd, rest) :]
    os.close(child.command_fd)
    reader = FrameReader()
    frames: list[tuple[int, bytes]] = []
    while data := _read(child.result_fd, 1 << 20):
        frames += reader.feed(data)
    return frames


def _read(descriptor: int, size: int) -> bytes:
    assert select.select([descriptor], [], [], WAIT_S)[0], "the walker is silent"
    return os.read(descriptor, size)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 9)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
