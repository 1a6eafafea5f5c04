"""What stands in the way of ``__slots__`` for one class, in plain words: the entry to all hazards.

Never computes sizes, and never claims more than types, instances, code and sources show. No I/O.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from heapscope.analysis.origins import Origin
from heapscope.analysis.slots.evidence import Evidence
from heapscope.analysis.slots.hazards import dicts, frameworks, layout, names, pickling, population
from heapscope.analysis.slots.hazards.subject import SLOT_KINDS
from heapscope.analysis.slots.hazards.view import METHOD_KINDS, ClassView, finding
from heapscope.analysis.slots.model import SEVERITY, ClassChange, ClassFacts, Finding, Verdict
from heapscope.analysis.slots.names import is_dunder
from heapscope.snapshot.model import TypeInfo
from heapscope.units import clean_text

Finder = Callable[[ClassView], Iterator[Finding]]
_FINDERS: tuple[Finder, ...] = (
    *frameworks.FINDERS,
    *layout.FINDERS,
    *names.FINDERS,
    *population.FINDERS,
    *dicts.FINDERS,
    *pickling.FINDERS,
)


def find_hazards(facts: ClassFacts, evidence: Evidence | None = None) -> list[Finding]:
    """Give every reason that can be seen, the worst first, and behind them what looks like one and is none: verdict ``safe``.

    For a class that nobody here can change, that alone. Without evidence only types and instances are looked at. With it
    O(names of the class and its ancestors).
    """
    view = ClassView(facts, evidence)
    origin = view.origin_of(facts.info)
    if origin is not Origin.APPLICATION:
        return [finding(Verdict.NO, "", f"not your code: {origin.value}")]
    findings = [found for find in _FINDERS for found in find(view)]
    findings.extend(_newer_source(view))
    return sorted(dict.fromkeys(findings), key=lambda one: -SEVERITY[one.verdict])


def _newer_source(view: ClassView) -> Iterator[Finding]:
    module = view.evidence.source_of(view.info)[1] if view.evidence is not None else None
    if module is not None and module.is_newer:
        text = (
            f"{clean_text(view.file(view.info), 200)} changed after the process had started: its text was not relied on"
        )
        yield finding(Verdict.CHECK, "", text)


def names_in_code(facts: ClassFacts, evidence: Evidence | None) -> tuple[str, ...]:
    """Give the attributes that the class's own code sets on instances, as a ``__dict__`` would have them.

    None for a class whose code is not ours to know, and for one that a decorator makes again from its fields.
    """
    view = ClassView(facts, evidence)
    if view.origin_of(facts.info) is not Origin.APPLICATION or "__dataclass_fields__" in view.kinds(facts.info):
        return ()
    return view.assigned_by(facts.info)


def annotate(change: ClassChange, facts: ClassFacts, evidence: Evidence | None = None) -> ClassChange:
    """Fill in where a class was written and what else a change to one class must take along: defaults, cached properties, readers of ``__dict__``.

    ``change`` is for the class of ``facts`` or for one of its ancestors, told by type name; for any other it comes back as it is.
    """
    view = ClassView(facts, evidence)
    info = next((one for one in view.classes if one.name == change.type_name), None)
    if info is None:
        return change
    kinds, source = view.kinds(info), view.source(info)
    return dataclasses.replace(
        change,
        file=view.file(info) if source else change.file,
        line=source.line if source else change.line,
        moved_defaults=tuple(name for name in change.names if _is_default(view, info, name)),
        cached_properties=tuple(name for name, kind in kinds.items() if kind == "cached_property"),
        dict_readers=dicts.readers_of(view, info),
    )


def _is_default(view: ClassView, info: TypeInfo, name: str) -> bool:
    kind = view.kinds(info).get(name)
    if kind is None or kind in SLOT_KINDS or kind in METHOD_KINDS or is_dunder(name):
        return False
    if kind in ("property", "cached_property") or "__dataclass_fields__" in view.kinds(info):
        return False  # a dataclass keeps the defaults of its fields where they are
    return not view.is_data_descriptor(info, name, kind)
