"""What the frames around the records of a stream say: who speaks, that it has ended, or why it gave up.

Never trusts a frame, and knows nothing of what lies between them. No I/O.
"""

from __future__ import annotations

from typing import Any

from heapscope.errors import CaptureInconsistent
from heapscope.snapshot import records
from heapscope.units import clean_text
from heapscope.wire.protocol import PROTOCOL_VERSION, Kind

HINT = "Capture again; if it happens every time, run: heapscope doctor PID"


def contradiction(stream: str, what: str) -> CaptureInconsistent:
    """Return the error for a stream (``capture``, ``census``) that cannot be believed."""
    return CaptureInconsistent(f"The {stream} contradicts itself: {what}.", hint=HINT)


def parse_notice(kind: int, value: records.Value) -> dict[str, Any]:
    """Read a HELLO, PROGRESS or END. Raises RecordError; CaptureInconsistent for an ERROR, with what it says."""
    if not isinstance(value, dict):
        raise records.RecordError(f"frame kind {kind} is no record")
    if kind == Kind.HELLO and value.get("protocol") != PROTOCOL_VERSION:
        raise records.RecordError("it has another protocol version")
    if kind == Kind.ERROR:
        text = clean_text(f"{value.get('code', '')}: {value.get('message', '')}")
        raise CaptureInconsistent(f"The clone gave up: {text}", hint=HINT)
    return value
