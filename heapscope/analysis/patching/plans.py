"""From what a snapshot shows of a class to the changes of class statements that a patch writes.

Never judges whether the change is wise, and never reads a source. Loads no libcst.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

from heapscope.analysis.origins import Origin, files_by_package, origin_of, top_package
from heapscope.analysis.slots import layout
from heapscope.analysis.slots.model import ChangeKind, ClassChange, ClassFacts, gives_dict, kinds_by_name
from heapscope.analysis.slots.names import unmangle
from heapscope.snapshot.model import InstanceFacts, Snapshot, TypeInfo

_NO_DEFAULTS = frozenset(
    {"member_descriptor", "getset_descriptor", "function", "property", "classmethod", "staticmethod", "cached_property"}
)
_NATIVE_SLOTS = frozenset({"__dict__", "__weakref__", "__orig_class__"})
MAX_FILES = 200  # files read for one patch, those with subclasses included


def facts_of(snapshot: Snapshot, info: TypeInfo, instances: InstanceFacts) -> ClassFacts:
    """Collect what is known about one class."""
    files = files_by_package(snapshot.types)

    def origin(of: TypeInfo) -> Origin:
        return origin_of(of, files.get(top_package(of), ""))

    return ClassFacts(
        info=info,
        instances=instances,
        ancestors=layout.ancestors(snapshot, info),
        origin_of=origin,
        native_base=layout.native_base(snapshot, info),
        metatype=snapshot.type_at(info.metatype),
        version=layout.parse_version(snapshot.meta.python_version),
    )


def plan_of(facts: ClassFacts, snapshot: Snapshot) -> tuple[ClassChange, ...]:
    """Give a change for each class that still gives the instances a ``__dict__``, the most basic one first.

    A name belongs to the class that mangled it, else to the most basic class whose own instances have it, else to this one.
    A base class also declares what its own instances have: they change with it.
    """
    classes = [info for info in reversed(facts.own_classes) if gives_dict(info)]
    seen = {each.type_address: each.attributes for each in snapshot.instances}
    slots = {
        name for info in facts.own_classes for name, kind in kinds_by_name(info).items() if kind == "member_descriptor"
    }
    names: dict[int, list[str]] = {info.address: [] for info in classes}
    everything = dict.fromkeys(
        [*facts.instances.attributes, *(n for one in classes for n in seen.get(one.address, ()))]
    )
    for name in everything:
        if name not in slots and name not in _NATIVE_SLOTS:
            mangler = [info for info in classes if unmangle(name, info.name) != name]
            having = [info for info in classes if name in seen.get(info.address, ())]
            names[(mangler or having or [facts.info])[0].address].append(name)
    has_weakref = bool(facts.native_base and facts.native_base.weaklistoffset)
    weakref = facts.instances.weakly_referenced > 0 and not has_weakref
    return tuple(
        _change(info, names[info.address], facts, keeps_weakref=weakref and info is classes[0]) for info in classes
    )


def _change(info: TypeInfo, names: Sequence[str], facts: ClassFacts, *, keeps_weakref: bool) -> ClassChange:
    kinds = kinds_by_name(info)
    if "__attrs_attrs__" in kinds:
        kind = ChangeKind.ATTRS
    elif "__dataclass_fields__" in kinds and facts.version >= (3, 10):
        kind = ChangeKind.DATACLASS
    else:
        kind = ChangeKind.SLOTS
    return ClassChange(
        type_name=info.name,
        kind=kind,
        names=tuple(names),
        keeps_weakref=keeps_weakref,
        file=info.file,
        line=info.line,
        moved_defaults=tuple(name for name in names if name in kinds and kinds[name] not in _NO_DEFAULTS),
        cached_properties=tuple(name for name, found in kinds.items() if found == "cached_property"),
    )


def with_files(changes: Sequence[ClassChange], snapshot: Snapshot) -> tuple[ClassChange, ...]:
    """Fill in the file where a class's own methods show none, or that of a decorator which made them: its module's file.

    That is the file of the module's name, else the one that most classes of the module are in.
    """
    modules = {info.name: info.module for info in snapshot.types}
    files: dict[str, Counter[str]] = {}
    for info in snapshot.types:
        if info.file.startswith("/"):
            files.setdefault(info.module, Counter())[info.file] += 1

    def fill(change: ClassChange) -> ClassChange:
        module = modules.get(change.type_name, "")
        found = files.get(module, Counter())
        best = max(found, key=lambda file: (_is_file_of(file, module), found[file], file), default="")
        good = change.file.startswith("/") and (_is_file_of(change.file, module) or not _is_file_of(best, module))
        if best == change.file or not best or (good and module != "__main__"):
            return change
        return dataclasses.replace(change, file=best, line=0)

    return tuple(fill(change) for change in changes)


def _is_file_of(file: str, module: str) -> bool:
    words = file.removesuffix(".py").removesuffix("/__init__").split("/")
    wanted = module.split(".")
    return words[-len(wanted) :] == wanted


def files_to_read(changes: Sequence[ClassChange], snapshot: Snapshot) -> list[str]:
    """Give the files of the changes, then those of subclasses, which may have something to say about the change."""
    names = {change.type_name for change in changes}
    addresses = {info.address for info in snapshot.types if info.name in names}
    heirs = [info.file for info in snapshot.types if addresses.intersection(info.mro)]
    found = dict.fromkeys([*(change.file for change in changes), *heirs])
    return [file for file in found if file.startswith("/")][:MAX_FILES]
