"""Advice on ``__slots__``: which classes would save how much, what would break, and what to change. Joins costs, plan and hazards.

Never computes a size or judges a hazard itself, and never reads a file: sources come with the evidence. No I/O.
"""

from __future__ import annotations

from heapscope.analysis.origins import Origin
from heapscope.analysis.slots.blockers import annotate, find_hazards, names_in_code
from heapscope.analysis.slots.costs import ClassCosts, class_costs
from heapscope.analysis.slots.effects import partial_note, speed_note
from heapscope.analysis.slots.evidence import Evidence
from heapscope.analysis.slots.layout import WORD, is_native_layout
from heapscope.analysis.slots.model import SEVERITY, ClassChange, ClassFacts, Finding, SlotsRow, Verdict
from heapscope.analysis.slots.names import change_line
from heapscope.analysis.slots.picture import parts_now, parts_slotted
from heapscope.analysis.slots.plan import hierarchy_costs, plan_changes
from heapscope.analysis.slots.population import Population
from heapscope.snapshot.model import InstanceFacts, Snapshot, TypeInfo
from heapscope.wire.protocol import DictState

MAX_BLOCKERS = 3  # what a person reads in a table; the findings are all there
_NO_DICT_STATES = (DictState.NONE,)


def advise_slots(snapshot: Snapshot, *, evidence: Evidence | None, min_instances: int = 1) -> tuple[SlotsRow, ...]:
    """Judge every class whose instances have a ``__dict__``; largest saving first, then most instances.

    Without evidence only types and instances are judged, which is less than a person should rely on. Types that C code made are
    left out: there is no class statement that could take ``__slots__``. O(objects) once for names in code, else O(classes).
    """
    advisor = _Advisor(snapshot, evidence)
    rows = []
    for instances in snapshot.instances:
        info = snapshot.type_at(instances.type_address)
        if info is None or instances.count < max(min_instances, 1) or not _can_have_dict(info, instances):
            continue
        facts = advisor.population.facts_of(info)
        if facts is not None:
            rows.append(advisor.advise(facts))
    rows.sort(key=lambda row: (-row.saves_bytes, -row.instances, row.type_name))
    return tuple(rows)


def _can_have_dict(info: TypeInfo, instances: InstanceFacts) -> bool:
    return not is_native_layout(info) and (info.dictoffset != 0 or _dict_count(instances) > 0)


def _dict_count(instances: InstanceFacts) -> int:
    return sum(figures.count for state, figures in instances.states.items() if state not in _NO_DICT_STATES)


def population_of(snapshot: Snapshot, evidence: Evidence | None) -> Population:
    """Give the classes of a snapshot with what their code is known to assign: names that no instance has get a slot too."""
    plain = Population(snapshot)

    def assigned(info: TypeInfo) -> tuple[str, ...]:
        return names_in_code(plain.facts_of(info) or plain.facts_without_instances(info), evidence)

    return Population(snapshot, assigned, declares_unseen=True)


class _Advisor:
    """Advises on the classes of one snapshot."""

    def __init__(self, snapshot: Snapshot, evidence: Evidence | None) -> None:
        self._snapshot = snapshot
        self._evidence = evidence
        self.population = population_of(snapshot, evidence)

    def advise(self, facts: ClassFacts) -> SlotsRow:
        """Write the row of one class."""
        info, instances = facts.info, facts.instances
        costs = class_costs(facts, self.population)
        changes = plan_changes(facts, self.population)
        if self._is_ours(facts):
            changes = tuple(annotate(change, facts, self._evidence) for change in changes)
        findings = self._findings(facts, costs)
        reasons = [one for one in findings if one.verdict is not Verdict.SAFE]
        names = costs.slotted.names if costs.slotted else ()
        family = hierarchy_costs(info, self.population)
        heirs = [row for row in family.rows if row.type_name != info.name and row.slotted is not None]
        ordered = tuple(sorted(instances.attributes, key=lambda name: (-instances.attributes[name], name)))
        return SlotsRow(
            type_name=info.name,
            instances=instances.count,
            bytes_now=costs.now.allocated,
            bytes_slots=costs.slotted.total.allocated if costs.slotted else costs.now.allocated,
            saves_bytes=costs.saves.allocated,
            verdict=max((one.verdict for one in findings), key=SEVERITY.__getitem__, default=Verdict.SAFE),
            attributes=ordered,
            blockers=tuple(one.text for one in reasons[:MAX_BLOCKERS]),
            states={DictState.NAMES[state]: figures.count for state, figures in sorted(instances.states.items())},
            slots_line=_own_line(info, changes),
            file=changes[-1].file if changes else info.file,
            line=changes[-1].line if changes else info.line,
            saves_low_bytes=costs.saves_low.allocated,
            notes=_notes(facts, costs),
            dict_instances=_dict_count(instances),
            requested_now=costs.now.requested,
            requested_slots=costs.slotted.total.requested if costs.slotted else costs.now.requested,
            share=costs.share_of(self._snapshot.allocated_bytes),
            findings=tuple(findings),
            changes=changes,
            parts_now=parts_now(facts),
            parts_slots=(
                parts_slotted(facts, len(names), weakref=costs.slotted.keeps_weakref) if costs.slotted else ()
            ),
            alone_bytes=costs.leaf_only.allocated if costs.leaf_only else None,
            subclass_instances=sum(row.instances for row in heirs),
            subclass_saves_bytes=sum(row.saves.allocated for row in heirs),
            fixed_bytes=costs.slotted.one_off_bytes if costs.slotted else 0,
            break_even=costs.break_even or 0,
            is_exact=costs.is_exact,
            inexact="; ".join(costs.doubts),
            speed=speed_note(facts.version) if costs.slotted else "",
            attribute_counts=tuple((name, instances.attributes[name]) for name in ordered),
        )

    def _is_ours(self, facts: ClassFacts) -> bool:
        """Tell whether it is worth while to read the source: nobody changes the class of a library, unless he says so."""
        is_wanted = self._evidence is not None and self._evidence.all_is_ours
        return is_wanted or facts.origin_of(facts.info) is Origin.APPLICATION

    def _findings(self, facts: ClassFacts, costs: ClassCosts) -> list[Finding]:
        findings = find_hazards(facts, self._evidence)
        is_impossible = any(one.verdict is Verdict.NO for one in findings)
        if costs.saves.allocated <= 0 and not is_impossible:
            findings.insert(0, Finding(Verdict.NO, "saves nothing"))
        return findings


def _own_line(info: TypeInfo, changes: tuple[ClassChange, ...]) -> str:
    return next((change_line(change) for change in changes if change.type_name == info.name), "")


def _notes(facts: ClassFacts, costs: ClassCosts) -> tuple[str, ...]:
    notes = []
    if costs.slotted is not None and facts.instances.weakly_referenced:
        cost = WORD if facts.version <= (3, 11) else 2 * WORD
        notes.append(
            f'{facts.instances.weakly_referenced} instances are weakly referenced: "__weakref__" adds {cost} bytes'
        )
    partial = partial_note(costs)
    if partial:
        notes.append(partial)
    if costs.slotted is not None and costs.slotted.keeps_dict:
        notes.append('"__dict__" stays among the slots, for the attributes that only few instances have')
    return tuple(notes)
