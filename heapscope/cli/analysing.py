"""What the commands that compute over a snapshot share: progress, cancelling, addresses, and how objects are written.

Never computes a figure itself: service/queries.py does.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from heapscope.cli.capturing import cancel_on_signals
from heapscope.cli.talk import ProgressLine, Talk
from heapscope.errors import UsageError
from heapscope.units import clean_text, format_bytes, format_count, short_type_name

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.analysis.roots import RootInfo
    from heapscope.service.queries import HeapQueries
    from heapscope.snapshot.model import Snapshot

MAX_NAME = 512
_MAX_ADDRESS = (1 << 64) - 1


@contextlib.contextmanager
def asking(snapshot: Snapshot, talk: Talk) -> Iterator[HeapQueries]:
    """Give what answers about a snapshot; progress goes to stderr, and a signal cancels within 0.2 s."""
    from heapscope.graph.library import Oversight  # noqa: PLC0415 - numpy, 100 ms
    from heapscope.service.capture import CaptureProgress  # noqa: PLC0415 - only commands that compute need it
    from heapscope.service.queries import HeapQueries  # noqa: PLC0415 - numpy, 100 ms

    with cancel_on_signals() as cancel, ProgressLine(talk) as progress:
        yield HeapQueries(
            snapshot,
            Oversight(
                cancel.is_set,
                lambda share: progress.report(CaptureProgress("analyse", message=f"{share:.0%} of a step")),
            ),
        )


def parse_address(text: str) -> int:
    """Read an address: hexadecimal digits behind ``0x``, as all commands write them.

    Raises:
        UsageError: it is none.
    """
    if not is_address(text):
        raise UsageError(f"{clean_text(text, 40)} is no address", hint="write it like 0x7f21b0c3d010")
    address = int(text, 16)
    if address > _MAX_ADDRESS:
        raise UsageError(f"{clean_text(text, 40)} is no address: it has more than 64 bits")
    return address


def is_address(text: str) -> bool:
    """Tell whether a word means an address: no type name starts like that."""
    return re.fullmatch(r"0[xX][0-9a-fA-F]+", text) is not None


def address_text(address: int) -> str:
    """Write an address, in every format."""
    return f"{address:#x}"


def object_row(heap: HeapQueries, object_index: int) -> dict[str, Any]:
    """Name an object in machine formats: type and address."""
    return {
        "type": clean_text(heap.type_name_of(object_index), MAX_NAME),
        "address": address_text(heap.address_of(object_index)),
    }


def root_row(root: RootInfo | None) -> dict[str, Any] | None:
    """Write why an object is a root; None for one that is none."""
    if root is None:
        return None
    return {
        "kind": root.kind,
        "label": clean_text(root.label, MAX_NAME),
        "thread": clean_text(root.thread, MAX_NAME) if root.thread else None,
    }


def root_text(root: RootInfo) -> str:
    """Name a root for people: ``module app.sessions``, ``frame handle app.py:88 (MainThread)``."""
    thread = f" ({clean_text(root.thread, MAX_NAME)})" if root.thread else ""
    label = clean_text(root.label, MAX_NAME)
    # Labels of threads begin with their kind.
    return (label if label.startswith(f"{root.kind} ") else f"{root.kind} {label}".strip()) + thread


def show_type(value: object) -> str:
    """Write a type's name as people know it."""
    return short_type_name(str(value))


def show_bytes(value: object) -> str:
    """Write a size, or a dash for an unknown one."""
    return format_bytes(value) if isinstance(value, int) else "-"


def show_count(value: object) -> str:
    """Write a count."""
    return format_count(value) if isinstance(value, int) else "-"


def show_share(value: object) -> str:
    """Write a share as percents."""
    return f"{value:.1%}" if isinstance(value, float) else "-"


def show_optional(value: object) -> str:
    """Write a text, or nothing where there is none."""
    return "" if value is None else str(value)
