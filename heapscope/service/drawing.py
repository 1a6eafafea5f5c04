"""The use case "draw": what an object refers to, or what refers to it, as objgraph sees it in a frozen clone of the process.

Never touches the target but to make the clone, and never leaves that behind. What the clone sends is not trusted: the
picture is read by pictures/objgraph_dot.py.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from heapscope.errors import (
    CaptureInconsistent,
    HeapscopeError,
    UnsupportedTarget,
    UsageError,
)
from heapscope.pictures.graph import Graph
from heapscope.pictures.objgraph_dot import DotError, read_objgraph
from heapscope.service.attempt import Run, begin, frozen_clone
from heapscope.service.capture import CaptureOptions, CaptureProgress, Report
from heapscope.service.channel import Channel, CloneSilent
from heapscope.service.collectors import PYTHON
from heapscope.service.payload import build_drawing_payload
from heapscope.service.surroundings import CloneHandle, Surroundings
from heapscope.target.info import TargetInfo
from heapscope.units import clean_text
from heapscope.wire.protocol import Kind
from heapscope.wire.values import ValueFormatError, decode_value, encode_value

DIRECTIONS = ("refs", "backrefs")
MAX_DEPTH = 10
MAX_PICTURE = 1 << 23  # bytes; the clone keeps to half of that
_ATTEMPTS = 2  # a clone may have been made at an unlucky instant, and hang


@dataclass(frozen=True, slots=True)
class Question:
    """What to draw: the object at an address, ``refs`` or ``backrefs``, so many steps deep."""

    address: int
    direction: str = "backrefs"
    depth: int = 3

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise UsageError(
                f"there is no direction {clean_text(self.direction)}", hint=f"--draw {'|'.join(DIRECTIONS)}"
            )
        if not 1 <= self.depth <= MAX_DEPTH:
            raise UsageError(f"a depth is between 1 and {MAX_DEPTH}", hint="--depth 3")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture of a moment. ``cut`` says why something is missing: "", "boxes" or "time". ``type_name`` is foreign."""

    graph: Graph
    type_name: str
    cut: str
    objgraph_version: str


def draw(
    pid: int,
    question: Question,
    options: CaptureOptions | None = None,
    progress: Report | None = None,
    cancel: threading.Event | None = None,
    *,
    surroundings: Surroundings | None = None,
) -> Drawing:
    """Draw an object of a running process. Blocks until done.

    Raises:
        UsageError: no object lies at that address now.
        TargetGone, UnsupportedTarget, PermissionRefused, BudgetExceeded, CaptureInconsistent, Cancelled: as ``capture``.
    """
    for attempt in range(_ATTEMPTS):
        run, target = begin(pid, options, progress, cancel, surroundings)
        try:
            return _Job(question, run).attempt(target)
        except CloneSilent:
            if attempt + 1 == _ATTEMPTS:
                raise
    raise AssertionError("unreachable")


@dataclass(slots=True)
class _Job:
    """The state of one drawing."""

    question: Question
    run: Run

    def attempt(self, target: TargetInfo) -> Drawing:
        """Make a clone, have it draw, let it go."""
        payload = _payload()
        with frozen_clone(self.run, target, self.run.options.via, PYTHON) as clone:
            picture, end = self._talk(target, clone, payload)
        return self._drawing(target, picture, end)

    def _talk(self, target: TargetInfo, clone: CloneHandle, payload: bytes) -> tuple[bytes, dict[str, Any]]:
        channel = Channel(
            clone.command_fd,
            clone.result_fd,
            deadline=self.run.deadline,
            silence_s=self.run.options.timeout_s,  # one look at a large heap says nothing for long
            cancel=self.run.cancel,
            check_target=lambda: self.run.world.check_alive(target),
        )
        orders = {
            "address": self.question.address,
            "direction": self.question.direction,
            "depth": self.question.depth,
            "deadline_s": max(1, int(self.run.remaining_s())),
        }
        channel.send(payload, encode_value(orders))
        picture = b""
        for kind, data in channel.receive():
            if kind == Kind.HELLO:
                self.run.report(CaptureProgress("walk", message="objgraph draws", pause_ns=clone.pause_ns))
            elif kind == Kind.PICTURE and len(picture) + len(data) <= MAX_PICTURE:
                picture += data
            elif kind == Kind.END:
                return picture, _decoded(data)
            elif kind == Kind.ERROR:
                raise _refused(target, _decoded(data))
            else:
                raise CaptureInconsistent(f"the clone sent what is no picture (kind {kind})", hint="try again")
        raise CaptureInconsistent("the picture broke off", hint="try again")

    def _drawing(self, target: TargetInfo, picture: bytes, end: dict[str, Any]) -> Drawing:
        address = self.question.address
        if end.get("found") is not True:
            raise UsageError(
                f"no object lies at {address:#x} in process {target.pid} now",
                hint="the target runs on, and objects come and go: take an address from a new look at it",
            )
        type_name = str(end.get("type") or "?")
        verb = "refers to" if self.question.direction == "refs" else "is held by"
        title = f"What {type_name} at {address:#x} {verb}"
        cut = str(end.get("cut") or "")
        note = {"boxes": "more than can be drawn", "time": "stopped when its time was over"}.get(cut, "")
        try:
            graph = read_objgraph(picture, title, note)
        except DotError as error:
            raise CaptureInconsistent(f"the picture makes no sense: {error}", hint="try again") from error
        return Drawing(graph, type_name, cut, clean_text(str(end.get("objgraph") or ""), 40))


def _payload() -> bytes:
    try:
        return build_drawing_payload()
    except (ImportError, OSError) as error:
        raise HeapscopeError(
            "objgraph cannot be read", hint="install heapscope again, with its dependencies"
        ) from error


def _decoded(data: bytes) -> dict[str, Any]:
    try:
        value = decode_value(data)
    except ValueFormatError as error:
        raise CaptureInconsistent(f"the clone sent what cannot be decoded: {error}", hint="try again") from error
    return value if isinstance(value, dict) else {}


def _refused(target: TargetInfo, error: dict[str, Any]) -> HeapscopeError:
    message = clean_text(str(error.get("message") or "no reason given"), 300)
    if message.startswith(("SyntaxError", "ImportError")):
        return UnsupportedTarget(
            f"this objgraph does not run under Python {target.python_version}: {message}",
            hint="heapscope paths PID --address ADDRESS --to svg",
        )
    return CaptureInconsistent(
        f"the clone could not draw: {message}", hint="heapscope paths PID --address ADDRESS --to svg"
    )
