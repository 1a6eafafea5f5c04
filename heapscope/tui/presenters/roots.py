"""Owns the words for roots and for single objects: why something lives, and how one object is told from another.

Pure. All names are foreign text and made safe here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heapscope.tui.textfit import safe_text, shown_type
from heapscope.units import counted

if TYPE_CHECKING:
    from heapscope.analysis.roots import RootInfo
    from heapscope.snapshot.model import Snapshot

MAX_LABEL = 60
_ENTRIES_OF = frozenset(
    {
        "builtins.dict",
        "builtins.list",
        "builtins.set",
        "builtins.frozenset",
        "builtins.tuple",
        "collections.OrderedDict",
    }
)


def root_words(info: RootInfo) -> str:
    """Say why something is a root, in the words that find it in the program."""
    label = safe_text(info.label, MAX_LABEL)
    if info.kind == "frame":
        return f"frame {frame_words(info.label)}"
    if info.kind == "thread":
        return label if label.startswith("thread ") else f"thread {label}"
    if info.kind == "native":
        return "held by C code"
    return f"{info.kind} {label}".strip()


def frame_words(label: str) -> str:
    """Shorten the path of a frame: ``load demo/service.py:215``; the last folder tells packages apart."""
    function, space, place = label.partition(" ")
    near = "/".join(place.split("/")[-2:])
    return safe_text(f"{function}{space}{near}", MAX_LABEL)


def object_words(snapshot: Snapshot, object_index: int, name: str = "") -> str:
    """Name one object: type, address, entries. ``name`` is that of the attribute or key that leads to it."""
    type_name = snapshot.types[int(snapshot.type_index[object_index])].name
    lead = f"{safe_text(name, MAX_LABEL)}  " if name else ""
    words = f"{lead}{shown_type(type_name, MAX_LABEL)} {address_words(snapshot, object_index)}"
    length = int(snapshot.length[object_index])
    if type_name not in _ENTRIES_OF or length < 0:
        return words
    return f"{words}, {counted(length, 'entry')}"


def address_words(snapshot: Snapshot, object_index: int) -> str:
    """Write an address."""
    return f"{int(snapshot.address[object_index]):#x}"
