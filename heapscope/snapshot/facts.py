"""The small records of a snapshot: what it says of itself, of types, of their instances, of roots.

Never loads numpy, whose columns hold the rest (model.py): a census has only these. Does no I/O.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class SnapshotMeta:
    """Where, when and how a snapshot was captured. Times are seconds since the epoch or ``_ns``."""

    pid: int = 0
    process_start_time: float = 0.0
    captured_at: float = 0.0
    host_name: str = ""
    command: str = ""
    python_version: str = ""
    collector: str = ""
    injector: str = ""
    pause_ns: int = 0
    capture_ns: int = 0
    rss_before_bytes: int = 0
    rss_after_bytes: int = 0
    warnings: tuple[str, ...] = ()
    coverage: float | None = None
    heapscope_version: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class TypeInfo:
    """One type object of the target, as wire.protocol.TYPE_KEYS describes it."""

    address: int
    name: str
    module: str = ""
    basicsize: int = 0
    itemsize: int = 0
    dictoffset: int = 0
    weaklistoffset: int = 0
    tp_flags: int = 0
    is_heap: bool = False
    metatype: int = 0
    mro: tuple[int, ...] = ()
    bases: tuple[int, ...] = ()
    own_names: tuple[str, ...] | None = None
    own_kinds: tuple[str, ...] = ()
    has_slots: bool = False
    subclasses: int = 0
    shared_keys_bytes: int = 0
    file: str = ""
    line: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class StateFigures:
    """How many instances of a class hold their attributes in one way, and what these instances cost in bytes."""

    count: int
    requested: int
    allocated: int


@dataclasses.dataclass(frozen=True, slots=True)
class InstanceFacts:
    """What the instances of one class are, as wire.protocol.INSTANCE_KEYS describes it."""

    type_address: int
    count: int
    states: Mapping[int, StateFigures]
    attributes: Mapping[str, int]
    attributes_truncated: bool = False
    shapes: int = 0
    weakly_referenced: int = 0
    replaced_dicts: int = 0
    own_sizes: Mapping[int, int] = dataclasses.field(default_factory=dict)
    """Of a class whose instances have items (of int, tuple, bytes): instances by the requested bytes of their own block."""


@dataclasses.dataclass(frozen=True, slots=True)
class Root:
    """A GC root: an object kept alive from outside the graph. ``object_index`` is NO_OBJECT if it was not recorded."""

    kind: int
    address: int
    object_index: int
    label: str
    variables: tuple[tuple[str, int], ...] = ()
    """Of an executing frame: its local variables, name and address of each; empty where they are not known."""
