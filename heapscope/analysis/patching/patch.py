"""Patches for classes: the changes and the sources of their files in, changed sources and notes out.

Never reads or writes a file, and never gives out a text that does not parse. Needs libcst (0.6 s): import it late.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import libcst as cst

from heapscope.analysis.patching.class_edit import edit_class
from heapscope.analysis.patching.context import Context
from heapscope.analysis.patching.hierarchy import Hierarchy
from heapscope.analysis.patching.layouts import layout_conflicts
from heapscope.analysis.patching.model import FilePatch, Patch, PatchNote, PatchOptions, Refused
from heapscope.analysis.patching.module import Module, find_class, parse_module
from heapscope.analysis.slots.model import ClassChange

Plan = Sequence[ClassChange]


def patch_classes(plans: Iterable[Plan], sources: Mapping[str, bytes], options: PatchOptions) -> Patch:
    """Change the classes of each plan, all of a plan or none: a base class that keeps its ``__dict__`` voids the rest.

    ``sources`` are the files that the changes name, and any others that may know the classes (for subclasses, and reads).
    """
    plans = [tuple(plan) for plan in plans]
    notes: list[PatchNote] = []
    modules = _parse_all(sources, plans, notes)
    wanted = _merge([change for plan in plans for change in plan])
    contexts: dict[str, Context] = {}
    for change in wanted.values():
        _locate(change, modules, options, contexts, notes)
    for context in contexts.values():
        context.changed.update({each.place: each for each in contexts.values()})
    refused = {name for name in wanted if name not in contexts}
    for name, context in contexts.items():
        refused |= {name} if _is_refused(context, notes) else set()
    refused |= _conflicting(modules, [context for name, context in contexts.items() if name not in refused], notes)
    accepted = _accept(plans, refused, notes)
    chosen = [context for name, context in contexts.items() if name in accepted]
    notes += [note for context in chosen for note in context.notes]
    files = [_rewrite(module, chosen, notes) for module in modules.values()]
    return Patch(tuple(file for file in files if file is not None), tuple(dict.fromkeys(notes)))


def _parse_all(sources: Mapping[str, bytes], plans: Iterable[Plan], notes: list[PatchNote]) -> dict[str, Module]:
    modules = {}
    for path, data in sources.items():
        try:
            modules[path] = parse_module(path, data)
        except Refused as refusal:
            names = [change.type_name for plan in plans for change in plan if change.file == path]
            notes += [PatchNote(name, refusal.text, path, is_refusal=True) for name in dict.fromkeys(names)]
    return modules


def _merge(changes: Iterable[ClassChange]) -> dict[str, ClassChange]:
    """Make one change of those that several plans want of a class."""
    merged: dict[str, ClassChange] = {}
    for change in changes:
        other = merged.get(change.type_name)
        merged[change.type_name] = change if other is None else _join(other, change)
    return merged


def _join(one: ClassChange, other: ClassChange) -> ClassChange:
    return dataclasses.replace(
        one,
        names=_both(one.names, other.names),
        keeps_weakref=one.keeps_weakref or other.keeps_weakref,
        keeps_dict=one.keeps_dict or other.keeps_dict,
        moved_defaults=_both(one.moved_defaults, other.moved_defaults),
        cached_properties=_both(one.cached_properties, other.cached_properties),
        dict_readers=_both(one.dict_readers, other.dict_readers),
    )


def _both(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _locate(
    change: ClassChange,
    modules: Mapping[str, Module],
    options: PatchOptions,
    contexts: dict[str, Context],
    notes: list[PatchNote],
) -> None:
    module = modules.get(change.file)
    if module is None:
        if not any(note.type_name == change.type_name for note in notes):
            notes.append(PatchNote(change.type_name, "its source is not at hand", change.file, is_refusal=True))
        return
    try:
        place = find_class(module, change)
    except Refused as refusal:
        notes.append(PatchNote(change.type_name, refusal.text, change.file, refusal.line, is_refusal=True))
        return
    hierarchy = Hierarchy(modules)
    context = Context(change, hierarchy.located(module, place), hierarchy, options)
    if change.line and not place.first_line <= change.line <= place.last_line:
        context.note("the class is in another line than when it was loaded: the file has changed since", place.node)
    contexts[change.type_name] = context


def _is_refused(context: Context, notes: list[PatchNote]) -> bool:
    """Try the change of a class alone; this also collects its notes, with lines of the file as it is."""
    try:
        edit_class(context.place.node, context)
    except Refused as refusal:
        notes.append(
            PatchNote(context.change.type_name, refusal.text, context.module.path, refusal.line, is_refusal=True)
        )
        return True
    return False


def _conflicting(modules: Mapping[str, Module], contexts: Iterable[Context], notes: list[PatchNote]) -> set[str]:
    found = set()
    for context, text in layout_conflicts(Hierarchy(modules), list(contexts)):
        found.add(context.change.type_name)
        notes.append(PatchNote(context.change.type_name, text, context.module.path, is_refusal=True))
    return found


def _accept(plans: Iterable[Plan], refused: set[str], notes: list[PatchNote]) -> set[str]:
    accepted: set[str] = set()
    blocked: dict[str, str] = {}
    for plan in plans:
        bad = [change.type_name for change in plan if change.type_name in refused]
        if bad:
            blocked |= {change.type_name: bad[0] for change in plan}
        else:
            accepted |= {change.type_name for change in plan}
    for name, cause in blocked.items():
        if name not in accepted and name not in refused:
            text = f"left as it is, because {cause} cannot be changed"
            notes.append(PatchNote(name, text, is_refusal=True))
    return accepted


def _rewrite(module: Module, contexts: Iterable[Context], notes: list[PatchNote]) -> FilePatch | None:
    mine: dict[cst.CSTNode, Context] = {each.place.node: each for each in contexts if each.module is module}
    if not mine:
        return None
    tree = module.tree.visit(_Rewriter(mine))
    text = tree.code
    names = tuple(context.change.type_name for context in mine.values())
    if text == module.source.text:
        return None
    if not _parses(text, module.source.text):
        notes += [PatchNote(name, "the changed text does not parse", module.path, is_refusal=True) for name in names]
        return None
    return FilePatch(module.path, module.source.encode(module.source.text), module.source.encode(text), names)


def _parses(text: str, before: str) -> bool:
    """Let Python judge a text, unless this Python is too old for what was there already; then libcst does."""
    try:
        ast.parse(before)
    except SyntaxError:
        cst.parse_module(text)
        return True
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


class _Rewriter(cst.CSTTransformer):
    def __init__(self, contexts: Mapping[cst.CSTNode, Context]) -> None:
        super().__init__()
        self._contexts = contexts

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        context = self._contexts.get(original_node)
        if context is None:
            return updated_node
        silent = dataclasses.replace(context, notes=[])
        return edit_class(updated_node, silent)
