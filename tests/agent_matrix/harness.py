"""Run a target script under one interpreter, fork it there, run the agent in the fork, decode what it says.

Never uses an injector: descriptors 0 to 3 are arranged as wire/protocol.py says, by the script's own fork.
"""

from __future__ import annotations

import os
import select
import struct
import subprocess
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heapscope.service.payload import bootstrap_source, build_payload
from heapscope.snapshot.codes import CodesBuilder
from heapscope.wire.frames import FrameReader
from heapscope.wire.protocol import COLUMNS, NO_LENGTH, DictState, Flag, Kind
from heapscope.wire.values import decode_value, encode_value

DRIVER = """
import os, sys
target, bootstrap, fds = sys.argv[1], sys.argv[2], [int(fd) for fd in sys.argv[3].split(",")]
with open(target, encoding="utf-8", errors="surrogatepass") as file:
    source = file.read()
exec(compile(source, "target.py", "exec"), globals())
def run_in_fork():
    child = os.fork()
    if child == 0:
        for number, fd in enumerate([os.dup2(fd, 60 + index) for index, fd in enumerate(fds)]):
            os.dup2(fd, number)
        os.closerange(4, 100)
        BOOTSTRAP
        os._exit(77)
    return child
child = globals().get("call", lambda function: function())(run_in_fork)
for fd in fds:
    os.close(fd)
status = os.waitpid(child, 0)[1]
print("status", status)
"""
READ_TIMEOUT_S = 120


@dataclass
class HeapObject:
    """One decoded row."""

    address: int
    type_address: int
    shallow: int
    allocated: int
    refcount: int
    length: int | None
    fingerprint: int
    flags: int
    references: list[int] = field(default_factory=list)

    @property
    def generation(self) -> int:
        """The collector's generation in the flags."""
        return (self.flags & Flag.GENERATION_MASK) >> Flag.GENERATION_SHIFT

    @property
    def state(self) -> str:
        """The name of the DictState in the flags."""
        return DictState.NAMES[(self.flags & Flag.DICT_STATE_MASK) >> Flag.DICT_STATE_SHIFT]


@dataclass
class Heap:
    """Everything one run said."""

    objects: dict[int, HeapObject] = field(default_factory=dict)
    types: dict[int, dict[str, Any]] = field(default_factory=dict)
    instances: dict[int, dict[str, Any]] = field(default_factory=dict)
    roots: list[list[Any]] = field(default_factory=list)
    hello: dict[str, Any] = field(default_factory=dict)
    end: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    lines: dict[str, list[int]] = field(default_factory=dict)
    status: int = -1
    reference_total: int = 0
    codes: CodesBuilder = field(default_factory=CodesBuilder)
    _unfinished: HeapObject | None = None

    def type_named(self, name: str) -> dict[str, Any]:
        """Return the one type with this name."""
        (found,) = [record for record in self.types.values() if record["name"] == name]
        return found

    def instances_of(self, name: str) -> dict[str, Any]:
        """Return the INSTANCES record of a class."""
        return self.instances[self.type_named(name)["address"]]

    def rows_of(self, name: str) -> list[HeapObject]:
        """Return the rows of all objects of exactly this type."""
        address = self.type_named(name)["address"]
        return [row for row in self.objects.values() if row.type_address == address]

    def take(self, kind: int, payload: bytes) -> None:
        """Decode one frame."""
        if kind == Kind.OBJECTS:
            self._take_objects(payload)
        elif kind == Kind.REFERENCES:
            assert self._unfinished is not None
            self._unfinished.references += struct.unpack(f"<{len(payload) // 8}Q", payload)
        elif kind == Kind.CODES:
            self.codes.feed(payload)
        else:
            self._take_value(kind, decode_value(payload))

    def _take_value(self, kind: int, value: Any) -> None:
        if kind == Kind.TYPES:
            for record in value:
                assert record["address"] not in self.types, "a type came twice"
                self.types[record["address"]] = record
        elif kind == Kind.INSTANCES:
            self.instances.update({record["type_address"]: record for record in value})
        elif kind == Kind.ROOTS:
            self.roots += value
        elif kind == Kind.HELLO:
            self.hello = value
        elif kind == Kind.END:
            self.end = value
        elif kind == Kind.ERROR:
            self.error = value

    def _take_objects(self, payload: bytes) -> None:
        count, reference_count = struct.unpack_from("<II", payload)
        words = struct.unpack_from(f"<{len(COLUMNS) * count + reference_count}Q", payload, 8)
        assert len(payload) == 8 + 8 * len(words)
        columns = {name: words[index * count : (index + 1) * count] for index, name in enumerate(COLUMNS)}
        position = len(COLUMNS) * count
        for index in range(count):
            packed = columns["flags_and_references"][index]
            own = packed & 0xFFFFFFFF
            length = columns["length"][index]
            row = HeapObject(
                columns["address"][index],
                columns["type_address"][index],
                columns["shallow"][index],
                columns["allocated"][index],
                columns["refcount"][index],
                None if length == NO_LENGTH else length,
                columns["fingerprint"][index],
                packed >> 32,
                list(words[position : position + own]),
            )
            position += own
            self.reference_total += own
            assert row.address not in self.objects, "an object came twice"
            self.objects[row.address] = row
            self._unfinished = row
        assert count == 1 or position == len(words)


def run_agent(
    python: Path | str, script: str, folder: Path, *, options: dict[str, object] | None = None, isolated: bool = True
) -> Heap:
    """Run ``script`` and the agent in a fork of it; lines "name 1 2" that the script prints come in ``lines``."""
    target = folder / "target.py"
    target.write_text(textwrap.dedent(script), encoding="utf-8", errors="surrogatepass")
    driver = folder / "driver.py"
    driver.write_text(DRIVER.replace("BOOTSTRAP", bootstrap_source().strip()))
    a_read, a_write = os.pipe()
    b_read, b_write = os.pipe()
    fds = [a_read, a_write, b_read, b_write]
    command = [
        str(python),
        "-Wignore::DeprecationWarning",
        *(["-I"] if isolated else []),
        str(driver),
        str(target),
        "-",
        ",".join(map(str, fds)),
    ]
    heap = Heap()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=fds) as process:
        os.close(a_read)
        os.close(b_write)
        try:
            _converse(heap, a_write, b_read, options or {"deadline_s": 110})
            output, errors = process.communicate(timeout=READ_TIMEOUT_S)
        finally:
            process.kill()
            os.close(b_read)
    assert errors == b"", errors.decode()
    for line in output.decode().splitlines():
        name, *numbers = line.split()
        if name == "status":
            heap.status = int(numbers[0])
        else:
            heap.lines[name] = [int(number) for number in numbers]
    return heap


def _converse(heap: Heap, command_fd: int, result_fd: int, options: dict[str, object]) -> None:
    payload, encoded = build_payload(), encode_value(options)
    data = memoryview(len(payload).to_bytes(8, "little") + payload + len(encoded).to_bytes(8, "little") + encoded)
    try:
        while data:
            data = data[os.write(command_fd, data) :]
    except BrokenPipeError:
        return  # the script has failed; its stderr says why
    finally:
        os.close(command_fd)
    reader = FrameReader()
    while True:
        ready, _, _ = select.select([result_fd], [], [], READ_TIMEOUT_S)
        assert ready, "the agent is silent"
        chunk = os.read(result_fd, 1 << 20)
        if not chunk:
            break
        for kind, frame in reader.feed(chunk):
            heap.take(kind, frame)
    reader.close()
