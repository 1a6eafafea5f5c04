"""Facts and evidence about classes of a captured target, as advice on slots gathers them.

Never starts a target; tests do.
"""

from __future__ import annotations

import functools

from heapscope.analysis.origins import files_by_package, origin_of, top_package
from heapscope.analysis.slots import layout
from heapscope.analysis.slots.evidence import Evidence
from heapscope.analysis.slots.model import ClassFacts
from heapscope.service.target_source import TargetSources
from heapscope.snapshot.model import InstanceFacts, Snapshot, TypeInfo


def facts_of(snapshot: Snapshot, info: TypeInfo) -> ClassFacts:
    """Gather the facts about one class; without instances, none of them."""
    files = _files(snapshot)
    nothing = InstanceFacts(info.address, 0, {}, {})
    return ClassFacts(
        info=info,
        instances=next((one for one in snapshot.instances if one.type_address == info.address), nothing),
        ancestors=layout.ancestors(snapshot, info),
        origin_of=lambda of: origin_of(of, files.get(top_package(of), "")),
        native_base=layout.native_base(snapshot, info),
        metatype=snapshot.type_at(info.metatype),
        version=layout.parse_version(snapshot.meta.python_version),
    )


@functools.lru_cache(maxsize=4)
def _files(snapshot: Snapshot) -> dict[str, str]:
    return files_by_package(snapshot.types)


def type_named(snapshot: Snapshot, name: str) -> TypeInfo:
    """Give the only type of a name."""
    (found,) = [info for info in snapshot.types if info.name == name]
    return found


def evidence_of(snapshot: Snapshot, *, all_is_ours: bool = False) -> Evidence:
    """Give the evidence of a snapshot, with the sources of its target."""
    sources = TargetSources.of(snapshot.meta)
    return Evidence(snapshot, sources.module, all_is_ours=all_is_ours)
