"""Unified diffs that ``git apply`` and ``patch -p1`` take.

Never reads a file. Lines end at a line feed only: other marks (form feed, carriage return) belong to the line, as both tools see it.
"""

from __future__ import annotations

import difflib
import os
import posixpath
from collections.abc import Iterable, Sequence

from heapscope.analysis.patching.model import FilePatch

_NO_NEWLINE = b"\\ No newline at end of file\n"
_ESCAPES = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}


def common_base(files: Iterable[str], folder: str) -> str:
    """Give the folder that the names in a diff are relative to: ``folder`` if all files are below it, else the root."""
    inside = posixpath.normpath(folder).rstrip("/") + "/"
    return inside if all(posixpath.normpath(file).startswith(inside) for file in files) else "/"


def unified_diff(patches: Sequence[FilePatch], base: str = "/") -> bytes:
    """Write the diff of some files, in the encoding of each; names are relative to ``base``."""
    return b"".join(_file_diff(patch, base) for patch in patches)


def _file_diff(patch: FilePatch, base: str) -> bytes:
    old, new = _lines(patch.old), _lines(patch.new)
    name = posixpath.relpath(posixpath.normpath(patch.file), base)
    lines = difflib.diff_bytes(difflib.unified_diff, old, new, b"old", b"new", lineterm=b"\n")
    written = [line if line.endswith(b"\n") else line + b"\n" + _NO_NEWLINE for line in lines]
    if not written:
        return b""
    return b"".join([_head(b"--- ", f"a/{name}"), _head(b"+++ ", f"b/{name}"), *written[2:]])


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    ended = [line + b"\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines[-1] else ended


def _head(sign: bytes, name: str) -> bytes:
    """Quote a name as git does: only if it has characters that end it, or a line."""
    data = os.fsencode(name)
    if all(byte >= 32 and byte not in (34, 92, 127) for byte in data):
        end = b"\t" if b" " in data else b""  # without it, patch ends the name at the space
        return sign + data + end + b"\n"
    quoted = "".join(_quoted(byte) for byte in data)
    return sign + f'"{quoted}"'.encode() + b"\n"


def _quoted(byte: int) -> str:
    if byte in _ESCAPES:
        return "\\" + _ESCAPES[byte]
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"
