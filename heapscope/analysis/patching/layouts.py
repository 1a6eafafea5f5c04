"""Classes with several bases: only one of these may have names in its slots.

Never looks at bases that are in none of the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from heapscope.analysis.patching.context import Context
from heapscope.analysis.patching.hierarchy import Hierarchy, Located
from heapscope.analysis.patching.model import Refused
from heapscope.analysis.patching.module import ClassPlace
from heapscope.analysis.patching.slots_line import declared_slots


def layout_conflicts(hierarchy: Hierarchy, contexts: Sequence[Context]) -> Iterator[tuple[Context, str]]:
    """Give the changes after which a class statement of the files would raise, and why."""
    changed = {context.place: context for context in contexts}
    for located in hierarchy.all_classes:
        bases, _ = hierarchy.bases_of(located)
        solids = [solid for base in bases if (solid := _solid(base, hierarchy, changed)) is not None]
        for one in solids:
            for other in solids:
                if one.place in changed and not _are_related(one, other, hierarchy):
                    text = f"{located.place.qualname} has two bases with slots: this one and {other.place.qualname}"
                    yield changed[one.place], text


def _solid(located: Located, hierarchy: Hierarchy, changed: Mapping[ClassPlace, Context]) -> Located | None:
    """Give the nearest class that adds slots to the layout: the class itself, or an ancestor."""
    ancestors, _ = hierarchy.ancestors(located)
    for each in (located, *ancestors):
        context = changed.get(each.place)
        try:
            names = declared_slots(each.place.node) or ()
        except Refused:
            names = ()
        if names or (context is not None and (context.change.names or context.change.keeps_weakref)):
            return each
    return None


def _are_related(one: Located, other: Located, hierarchy: Hierarchy) -> bool:
    if one.place is other.place:
        return True
    above = [base.place for base in hierarchy.ancestors(one)[0]]
    below = [base.place for base in hierarchy.ancestors(other)[0]]
    return other.place in above or one.place in below
