"""Owns the work of writing files that runs in threads, and the message that says where they are.

Never overwrites a file, and never touches a widget: a thread only posts messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from heapscope.errors import HeapscopeError
from heapscope.tui.engine import Engine
from heapscope.tui.files import write_new_file
from heapscope.tui.jobs import Post, as_error

if TYPE_CHECKING:
    from heapscope.snapshot.model import Snapshot


class FileWritten(Message):
    """A file was written, or could not be; ``snapshot`` is what it holds, if it is one."""

    def __init__(self, path: str, error: HeapscopeError | None = None, snapshot: Snapshot | None = None) -> None:
        super().__init__()
        self.path = path
        self.error = error
        self.snapshot = snapshot


def write_text(path: str, text: str, post: Post) -> None:
    """Write an export."""
    try:
        write_new_file(path, text)
    except HeapscopeError as error:
        post(FileWritten(path, error))
    else:
        post(FileWritten(path))


def write_snapshot(engine: Engine, snapshot: Snapshot, path: str, post: Post) -> None:
    """Write a snapshot file."""
    try:
        engine.save(snapshot, path)
    except Exception as error:  # noqa: BLE001 - the boundary of the thread
        post(FileWritten(path, as_error(error)))
    else:
        post(FileWritten(path, snapshot=snapshot))
