"""Where the fields are by which a thread's stack is read: CPython 3.8 to 3.15, 64 bit, with the GIL.

Reads no process. Offsets are bytes, computed with offsetof() from the headers of the first and the last patch release of each
feature release; they agree for all that stand here. 3.13 and newer also publish most of them (``_Py_DebugOffsets``, at the
start of ``_PyRuntime``); what a process publishes is preferred.

    _PyRuntime ──► PyInterpreterState ──► PyThreadState ──► frame ──► previous frame ──► ...
                      next ──► ...          next ──► ...      └──► code ──► names, file, line table
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable

OLDEST = (3, 8)
NEWEST = (3, 15)

OBJECT_TYPE = 8  # ob_type
OBJECT_SIZE = 16  # ob_size of objects with items
BYTES_ITEMS = 32
TYPE_FLAGS = 168
TUPLE_SUBCLASS = 1 << 26
DICT_SUBCLASS = 1 << 29

DEBUG_COOKIE = b"xdebugpy"
FREE_THREADED = "thread stacks of free-threaded interpreters cannot be read"
_MAX_OFFSET = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class StackLayout:
    """Offsets of one feature release. -1: there is no such field."""

    version: tuple[int, int]
    # _PyRuntime, PyInterpreterState
    interpreters_head: int
    interpreter_next: int
    interpreter_id: int
    threads_head: int
    # PyThreadState
    thread_next: int
    thread_interpreter: int
    thread_frame: int  # the frame, or with cframe_frame >= 0 a _PyCFrame
    cframe_frame: int
    thread_id: int
    native_id: int
    # PyFrameObject, or _PyInterpreterFrame from 3.11 on
    previous: int
    code: int
    function: int
    global_names: int
    builtins: int
    local_names: int
    frame_object: int
    instruction: int  # address of the instruction; up to 3.10 its index (i32)
    stack_top: int  # pointer from 3.14 on, i32 from 3.11 on, unknown in executing frames before
    owner: int
    variables: int  # local variables, cells, value stack
    # PyCodeObject
    code_stack_size: int
    first_line: int
    variable_count: int
    variable_names: int  # up to 3.10 followed by free and cell variables' names
    variable_kinds: int
    file_name: int
    name: int
    qualified_name: int
    line_table: int
    first_traceable: int
    instructions: int  # inside the code object; up to 3.10 a pointer to bytes
    # others
    tuple_items: int
    short_text: int  # characters of a compact ASCII str
    long_text: int  # of any other compact str

    @property
    def has_frame_objects(self) -> bool:
        """Whether every frame is an object (until 3.10)."""
        return self.version < (3, 11)

    @property
    def has_tags(self) -> bool:
        """Whether the low bits of what is on a stack are tags (_PyStackRef, from 3.14 on)."""
        return self.version >= (3, 14)

    @property
    def shim_owner(self) -> int:
        """Owners from this one on mark frames that stand for C code (FRAME_OWNED_BY_CSTACK, ..._INTERPRETER)."""
        return 3 if self.version >= (3, 12) else 256


_3_8 = StackLayout(
    version=(3, 8),
    interpreters_head=32,
    interpreter_next=0,
    interpreter_id=16,
    threads_head=8,
    thread_next=8,
    thread_interpreter=16,
    thread_frame=24,
    cframe_frame=-1,
    thread_id=176,
    native_id=-1,
    previous=24,
    code=32,
    function=-1,
    global_names=48,
    builtins=40,
    local_names=56,
    frame_object=-1,
    instruction=104,
    stack_top=-1,
    owner=-1,
    variables=360,
    code_stack_size=32,
    first_line=40,
    variable_count=28,
    variable_names=72,
    variable_kinds=-1,
    file_name=104,
    name=112,
    qualified_name=-1,
    line_table=120,
    first_traceable=-1,
    instructions=48,
    tuple_items=24,
    short_text=48,
    long_text=72,
)
_3_9 = dataclasses.replace(_3_8, version=(3, 9), interpreter_id=24)
_3_10 = dataclasses.replace(_3_9, version=(3, 10), instruction=96, variables=352)
_3_11 = StackLayout(
    version=(3, 11),
    interpreters_head=40,
    interpreter_next=0,
    interpreter_id=48,
    threads_head=16,
    thread_next=8,
    thread_interpreter=16,
    thread_frame=56,
    cframe_frame=8,
    thread_id=152,
    native_id=160,
    previous=48,
    code=32,
    function=0,
    global_names=8,
    builtins=16,
    local_names=24,
    frame_object=40,
    instruction=56,
    stack_top=64,
    owner=69,
    variables=72,
    code_stack_size=68,
    first_line=72,
    variable_count=76,
    variable_names=96,
    variable_kinds=104,
    file_name=112,
    name=120,
    qualified_name=128,
    line_table=136,
    first_traceable=168,
    instructions=184,
    tuple_items=24,
    short_text=48,
    long_text=72,
)
_3_12 = dataclasses.replace(
    _3_11,
    version=(3, 12),
    interpreter_id=8,
    threads_head=72,
    cframe_frame=0,
    thread_id=136,
    native_id=144,
    previous=8,
    code=0,
    function=16,
    global_names=24,
    builtins=32,
    local_names=40,
    frame_object=48,
    owner=70,
    code_stack_size=64,
    first_line=68,
    variable_count=72,
    first_traceable=176,
    instructions=192,
    short_text=40,
    long_text=56,
)
_3_13 = dataclasses.replace(
    _3_12,
    version=(3, 13),
    interpreters_head=632,
    interpreter_next=7264,
    interpreter_id=7272,
    threads_head=7344,
    thread_frame=72,
    cframe_frame=-1,
    thread_id=152,
    native_id=160,
    first_traceable=184,
    instructions=200,
)
_3_14 = dataclasses.replace(
    _3_13,
    version=(3, 14),
    interpreters_head=808,
    interpreter_next=7272,
    interpreter_id=7280,
    owner=74,
    variables=80,
    first_traceable=192,
    instructions=208,
    tuple_items=32,
)
_3_15 = dataclasses.replace(
    _3_14,
    version=(3, 15),
    interpreters_head=936,
    interpreter_next=7264,
    interpreter_id=7272,
    threads_head=7336,
    thread_id=176,
    native_id=184,
)
LAYOUTS = {layout.version: layout for layout in (_3_8, _3_9, _3_10, _3_11, _3_12, _3_13, _3_14, _3_15)}

_PUBLISHED_FIELDS = (
    "interpreters_head",
    "interpreter_next",
    "interpreter_id",
    "threads_head",
    "thread_next",
    "thread_interpreter",
    "thread_frame",
    "thread_id",
    "native_id",
    "previous",
    "code",
    "instruction",
    "variables",
    "owner",
    "stack_top",
    "file_name",
    "name",
    "qualified_name",
    "line_table",
    "first_line",
    "variable_names",
    "variable_kinds",
    "instructions",
    "tuple_items",
    "short_text",
)
# Where _Py_DebugOffsets (pycore_debug_offsets.h) has them, in the order of _PUBLISHED_FIELDS; 0: not published.
_PUBLISHED_AT = {
    (3, 13): "40 64 56 72 168 176 184 192 200 232 240 248 256 264 0 280 288 296 304 312 328 336 344 408 560",
    (3, 14): "40 64 56 72 192 200 208 216 224 256 264 272 280 288 296 320 328 336 344 352 368 376 384 456 640",
    (3, 15): "40 64 56 72 192 200 208 240 248 320 328 336 344 352 360 384 392 400 408 416 432 440 448 552 736",
}


def read_published(layout: StackLayout, read: Callable[[int], bytes]) -> tuple[StackLayout, str]:
    """Put what ``_Py_DebugOffsets`` says in place of the table's offsets (3.13 and newer).

    Args:
        layout: of the feature release.
        read: returns that many bytes from the start of _PyRuntime; may raise OSError.

    Returns:
        The layout, and a warning: "" if all went well. An offset that makes no sense does not count.
    """
    if layout.version not in _PUBLISHED_AT:
        return layout, ""
    positions = [int(text) for text in _PUBLISHED_AT[layout.version].split()]
    try:
        data = read(max(positions) + 8)
    except OSError:
        return layout, "the interpreter's debug offsets cannot be read"
    stated = int.from_bytes(data[8:16], "little")
    if data[:8] != DEBUG_COOKIE or (stated >> 24, stated >> 16 & 255) != layout.version:
        return layout, "the interpreter publishes no debug offsets of its version"
    if any(data[16:24]):
        return layout, FREE_THREADED
    values = {
        field: struct.unpack_from("<Q", data, position)[0]
        for field, position in zip(_PUBLISHED_FIELDS, positions, strict=True)
        if position
    }
    if any(value >= _MAX_OFFSET for value in values.values()):
        return layout, "the interpreter's debug offsets make no sense"
    return dataclasses.replace(layout, **values), ""
