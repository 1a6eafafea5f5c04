"""What slots advice is made of: verdicts, findings, the facts about one class, changes to source, and the advice itself.

Never computes more than a property of one record. No I/O.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Sequence

from heapscope.analysis.origins import Origin
from heapscope.analysis.slots.layout import Version, is_native_layout
from heapscope.snapshot.model import InstanceFacts, TypeInfo


class Verdict(enum.StrEnum):
    """How far the advice may be followed, from best to worst."""

    SAFE = "safe"
    FIXABLE = "fixable"
    CHECK = "check"
    NO = "no"


SEVERITY = {verdict: rank for rank, verdict in enumerate(Verdict)}


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One reason, and the best verdict that it allows.

    ``hazard`` is the name of the case in docs/slots-hazards.md, "" for a reason that is none of them; ``where`` are places in
    code that show it, such as ``to_json app/api.py:120``.
    """

    verdict: Verdict
    text: str
    hazard: str = ""
    where: tuple[str, ...] = ()


class ChangeKind(enum.StrEnum):
    """How a class is told to use slots."""

    SLOTS = "slots"  # a line in the class body
    DATACLASS = "dataclass"  # @dataclass(slots=True): 3.10 and newer
    ATTRS = "attrs"  # @attr.s(slots=True), or @attrs.define


@dataclasses.dataclass(frozen=True, slots=True)
class ClassChange:
    """What one class statement must say. ``line`` is 1 or more where it is known; ``names`` are as observed, not unmangled.

    ``moved_defaults`` are class attributes that have a slot's name: they must be set in ``__init__`` instead.
    ``cached_properties`` need a slot-aware variant; ``dict_readers`` are methods that read the instance's ``__dict__``.
    """

    type_name: str
    kind: ChangeKind
    names: tuple[str, ...]
    keeps_weakref: bool = False
    keeps_dict: bool = False
    file: str = ""
    line: int = 0
    moved_defaults: tuple[str, ...] = ()
    cached_properties: tuple[str, ...] = ()
    dict_readers: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """Bytes of some instances: as requested, and as the allocator rounds them. What attributes refer to is not in it."""

    requested: int
    allocated: int


@dataclasses.dataclass(frozen=True, slots=True)
class ClassFacts:
    """All that is known about one class and its instances. ``ancestors`` are in method resolution order."""

    info: TypeInfo
    instances: InstanceFacts
    ancestors: Sequence[TypeInfo]
    origin_of: Callable[[TypeInfo], Origin]
    native_base: TypeInfo | None
    metatype: TypeInfo | None
    version: Version

    @property
    def own_classes(self) -> list[TypeInfo]:
        """The class and its ancestors that a class statement made, in method resolution order."""
        return [self.info, *(ancestor for ancestor in self.ancestors if not is_native_layout(ancestor))]

    @property
    def bases_to_convert(self) -> list[TypeInfo]:
        """Ancestors that would still give every instance a ``__dict__``."""
        return [base for base in self.own_classes[1:] if gives_dict(base)]

    @property
    def is_dataclass(self) -> bool:
        """Whether the class itself was decorated as a dataclass."""
        return "__dataclass_fields__" in (self.info.own_names or ())


def gives_dict(info: TypeInfo) -> bool:
    """Tell whether the class's own statement gives its instances a ``__dict__``."""
    return info.dictoffset != 0 and not (info.has_slots and "__dict__" not in (info.own_names or ()))


def kinds_by_name(info: TypeInfo) -> dict[str, str]:
    """Give the bare type name of the value behind each name in a class's own namespace."""
    names = zip(info.own_names or (), info.own_kinds, strict=True)
    return {name: kind.rpartition(".")[2] for name, kind in names}


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of an instance, requested: ``name`` says what for."""

    name: str
    requested: int


@dataclasses.dataclass(frozen=True, slots=True)
class SlotsRow:
    """The advice on one class. All ``bytes_*`` and ``saves_*`` are totals over its own instances, as the allocator rounds them.

    ``bytes_slots`` assumes that the class and every base class of it are converted (``changes`` has each of them), with a
    ``__weakref__`` slot where instances are weakly referenced now; ``saves_low_bytes`` is what is left with one in any case.
    ``alone_bytes`` is what instances would cost if this class alone were converted: more than now, sometimes; None where that
    is the same as ``bytes_slots``. ``fixed_bytes`` is what the class itself costs more with slots, once; from ``break_even``
    instances on it pays. ``is_exact`` is False where ``inexact`` says why a figure may be off.
    """

    type_name: str
    instances: int
    bytes_now: int
    bytes_slots: int
    saves_bytes: int
    verdict: Verdict
    attributes: tuple[str, ...]
    blockers: tuple[str, ...]
    states: dict[str, int]
    slots_line: str
    file: str
    line: int
    saves_low_bytes: int = 0
    notes: tuple[str, ...] = ()
    dict_instances: int = 0
    requested_now: int = 0
    requested_slots: int = 0
    share: float = 0.0
    findings: tuple[Finding, ...] = ()
    changes: tuple[ClassChange, ...] = ()
    parts_now: tuple[Part, ...] = ()
    parts_slots: tuple[Part, ...] = ()
    alone_bytes: int | None = None
    subclass_instances: int = 0
    subclass_saves_bytes: int = 0
    fixed_bytes: int = 0
    break_even: int = 0
    is_exact: bool = True
    inexact: str = ""
    speed: str = ""
    attribute_counts: tuple[tuple[str, int], ...] = ()
