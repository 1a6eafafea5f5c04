"""From the frames of a census to counts per type name.

Never trusts a frame: the sender is a process that heapscope does not control. Does no I/O. Memory is that of the names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heapscope.errors import CaptureInconsistent
from heapscope.snapshot import records
from heapscope.snapshot.notices import HINT, contradiction, parse_notice
from heapscope.units import clean_text
from heapscope.wire.protocol import MAX_FRAME_SIZE, MAX_NAME, Kind
from heapscope.wire.values import ValueFormatError, decode_value


@dataclass(frozen=True, slots=True)
class TypeTotal:
    """All objects whose types share one name. Bytes as in a snapshot: requested, and as the allocator rounds them."""

    name: str
    count: int
    shallow_bytes: int
    allocated_bytes: int
    type_count: int = 1


def _inconsistent(what: str) -> CaptureInconsistent:
    return contradiction("census", what)


class CountsBuilder:
    """Takes the frames of one census in order. Not for several threads."""

    def __init__(self) -> None:
        self._totals: dict[str, list[int]] = {}
        self._types = 0
        self._warnings: tuple[str, ...] = ()
        self.hello: Mapping[str, Any] = {}
        self.end: Mapping[str, Any] | None = None
        self.progress_objects = 0

    def feed(self, kind: int, payload: bytes) -> None:
        """Take one frame. Raises CaptureInconsistent."""
        if self.end is not None:
            raise _inconsistent("frames follow its end")
        if len(payload) > MAX_FRAME_SIZE:
            raise _inconsistent("a frame is too large")
        try:
            value = decode_value(payload)
            if kind == Kind.COUNTS:
                self._feed_counts(value)
            elif kind in (Kind.HELLO, Kind.PROGRESS, Kind.END, Kind.ERROR):
                self._feed_notice(kind, value)
            else:
                raise _inconsistent(f"frame kind {kind} is not part of it")
        except (records.RecordError, ValueFormatError) as error:
            raise _inconsistent(clean_text(str(error))) from error

    def add_roots(self, roots: Sequence[records.RootRecord]) -> None:
        """Leave out what holds objects: a census does not say."""

    def _feed_counts(self, value: records.Value) -> None:
        for row in records.parse_list(value, "counts", records.MAX_TYPES - self._types):
            if not isinstance(row, list) or len(row) != 4:
                raise _inconsistent("a count has no four fields")
            self._types += 1
            figures = [records.parse_size(figure, "count") for figure in row[1:]]
            total = self._totals.setdefault(records.parse_text(row[0], "type name", MAX_NAME), [0, 0, 0, 0])
            total[:] = [records.parse_size(one + more, "count") for one, more in zip(total, [*figures, 1], strict=True)]

    def _feed_notice(self, kind: int, value: records.Value) -> None:
        notice = parse_notice(kind, value)
        if kind == Kind.HELLO:
            self.hello = notice
            return
        self.progress_objects = records.parse_size(notice.get("objects"), "objects")
        if kind == Kind.END:
            self._warnings = records.parse_warnings(notice.get("warnings", []))
            self.end = notice

    def build(self) -> tuple[tuple[TypeTotal, ...], tuple[str, ...]]:
        """Return the totals, largest shallow size first, and the warnings. Raises CaptureInconsistent."""
        if self.end is None:
            raise CaptureInconsistent("The census stops short: its end is missing.", hint=HINT)
        rows = [TypeTotal(name, *figures) for name, figures in self._totals.items()]
        if sum(row.count for row in rows) != self.progress_objects:
            raise _inconsistent("its end announces another number of objects")
        rows.sort(key=lambda row: (-row.shallow_bytes, -row.count, row.name))
        return tuple(rows), self._warnings
