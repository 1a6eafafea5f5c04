"""Advice on ``__slots__``: which classes would save how much, and what stands in the way.

Never runs or reads code of the target: all comes from types and from what the instances were seen to be. No I/O.

The saving assumes that the class and every base class of it are converted. Sizes are totals over all instances of what
the instances themselves cost, as the allocator rounds them; what the attributes refer to stays the same and is not counted.
"""

from __future__ import annotations

from heapscope.analysis.origins import Origin, files_by_package, origin_of, top_package
from heapscope.analysis.slots import layout as slot_layout
from heapscope.analysis.slots import names as slot_names
from heapscope.analysis.slots.blockers import find_blockers
from heapscope.analysis.slots.model import SEVERITY, ClassFacts, Finding, SlotsRow, Verdict, kinds_by_name
from heapscope.analysis.slots.picture import parts_now, parts_slotted
from heapscope.snapshot.model import InstanceFacts, Snapshot, TypeInfo
from heapscope.wire.protocol import DictState

MAX_BLOCKERS = 3  # what a person reads; further reasons follow as notes
_NO_DICT_STATES = (DictState.NONE,)


def advise_slots(snapshot: Snapshot, *, min_instances: int = 1) -> tuple[SlotsRow, ...]:
    """Judge every class whose instances have a ``__dict__``; largest saving first, then most instances.

    Types that C code made are left out: there is no class statement that could take ``__slots__``.
    """
    version = slot_layout.parse_version(snapshot.meta.python_version)
    files = files_by_package(snapshot.types)
    rows = []
    for instances in snapshot.instances:
        info = snapshot.type_at(instances.type_address)
        if info is None or instances.count < max(min_instances, 1) or not _can_have_dict(info, instances):
            continue
        rows.append(_advise(_gather(snapshot, info, instances, files, version)))
    rows.sort(key=lambda row: (-row.saves_bytes, -row.instances, row.type_name))
    return tuple(rows)


def _can_have_dict(info: TypeInfo, instances: InstanceFacts) -> bool:
    return not slot_layout.is_native_layout(info) and (info.dictoffset != 0 or _dict_count(instances) > 0)


def _dict_count(instances: InstanceFacts) -> int:
    return sum(figures.count for state, figures in instances.states.items() if state not in _NO_DICT_STATES)


def _gather(
    snapshot: Snapshot, info: TypeInfo, instances: InstanceFacts, files: dict[str, str], version: slot_layout.Version
) -> ClassFacts:
    def origin(of: TypeInfo) -> Origin:
        return origin_of(of, files.get(top_package(of), ""))

    return ClassFacts(
        info=info,
        instances=instances,
        ancestors=slot_layout.ancestors(snapshot, info),
        origin_of=origin,
        native_base=slot_layout.native_base(snapshot, info),
        metatype=snapshot.type_at(info.metatype),
        version=version,
    )


def _slots_of(info: TypeInfo) -> set[str]:
    return {name for name, kind in kinds_by_name(info).items() if kind == "member_descriptor"}


def _advise(facts: ClassFacts) -> SlotsRow:
    info, instances, version = facts.info, facts.instances, facts.version
    existing = set().union(*(_slots_of(owner) for owner in facts.own_classes))
    names = existing | set(instances.attributes)
    weakref = instances.weakly_referenced > 0
    bytes_now = sum(figures.allocated for figures in instances.states.values())
    each = slot_layout.slotted_bytes(facts.native_base, len(names), weakref=weakref, version=version)
    largest = slot_layout.slotted_bytes(facts.native_base, len(names), weakref=True, version=version)
    bytes_slots = bytes_now if each is None else each * instances.count
    saves = bytes_now - bytes_slots
    findings = _order_findings(facts, saves)
    ordered = tuple(sorted(instances.attributes, key=lambda name: (-instances.attributes[name], name)))
    return SlotsRow(
        type_name=info.name,
        instances=instances.count,
        bytes_now=bytes_now,
        bytes_slots=bytes_slots,
        saves_bytes=saves,
        verdict=max((finding.verdict for finding in findings), key=SEVERITY.__getitem__, default=Verdict.SAFE),
        attributes=ordered,
        blockers=tuple(finding.text for finding in findings[:MAX_BLOCKERS]),
        states={DictState.NAMES[state]: figures.count for state, figures in sorted(instances.states.items())},
        slots_line=_line(facts, weakref=weakref) if each is not None else "",
        file=info.file,
        line=info.line,
        saves_low_bytes=bytes_now - (bytes_slots if largest is None else largest * instances.count),
        notes=(*(f"also: {finding.text}" for finding in findings[MAX_BLOCKERS:]), *_notes(facts, weakref=weakref)),
        dict_instances=_dict_count(instances),
        findings=tuple(findings),
        parts_now=parts_now(facts),
        parts_slots=parts_slotted(facts, len(names), weakref=weakref) if each is not None else (),
        attribute_counts=tuple((name, instances.attributes[name]) for name in ordered),
    )


def _order_findings(facts: ClassFacts, saves: int) -> list[Finding]:
    """Give the reasons, the decisive one first."""
    findings = find_blockers(facts)
    if saves <= 0 and facts.origin_of(facts.info) is Origin.APPLICATION:
        findings.insert(0, Finding(Verdict.NO, "saves nothing"))
    return findings


def _line(facts: ClassFacts, *, weakref: bool) -> str:
    version = facts.version
    if "__attrs_attrs__" in (facts.info.own_names or ()):
        return "@attrs.define"
    if facts.is_dataclass and version >= (3, 10) and not (weakref and version == (3, 10)):
        return "@dataclass(slots=True, weakref_slot=True)" if weakref else "@dataclass(slots=True)"
    inherited = set().union(*(_slots_of(owner) for owner in facts.own_classes[1:]))
    # A private name belongs to the class whose name it was mangled with: that one declares it.
    elsewhere = {
        name
        for base in facts.bases_to_convert
        for name in facts.instances.attributes
        if slot_names.unmangle(name, base.name) != name and slot_names.unmangle(name, facts.info.name) == name
    }
    wanted = [*_slots_of(facts.info), *facts.instances.attributes]
    names = sorted(set(wanted) - inherited - elsewhere - {"__orig_class__"})
    has_weakref = bool(facts.native_base and facts.native_base.weaklistoffset)
    return slot_names.slots_line([*names, "__weakref__"] if weakref and not has_weakref else names, facts.info.name)


def _notes(facts: ClassFacts, *, weakref: bool) -> tuple[str, ...]:
    notes = []
    if weakref:
        cost = slot_layout.WORD if facts.version <= (3, 11) else 2 * slot_layout.WORD
        notes.append(
            f'{facts.instances.weakly_referenced} instances are weakly referenced: "__weakref__" adds {cost} bytes'
        )
    if facts.is_dataclass and facts.version < (3, 14):
        notes.append("@dataclass(slots=True) makes a new class: super() without arguments fails in its methods")
    if facts.bases_to_convert:
        names = ", ".join(base.name for base in facts.bases_to_convert)
        notes.append(f"names that a base class sets belong into that class's __slots__: {names}")
    return tuple(notes)
