"""The words in cells of a treemap: what a row of the dominator tree is, in as few characters as tell it from others.

Pure; reads the columns of one object at most. Names stay foreign text: whoever draws them makes them safe.
"""

from __future__ import annotations

from heapscope.analysis.dominators import ROOT_NAME, DominatorTree, TreeRow
from heapscope.analysis.roots import RootInfo
from heapscope.units import counted, format_count, short_type_name

_SPEAKING_KINDS = frozenset({"module", "frame", "thread"})  # their labels find them; type and address would add nothing


def row_words(tree: DominatorTree, row: TreeRow) -> str:
    """Name a row: ``module app``, ``412,902 × app.Session``, ``dict, 412,902 entries``."""
    if row.count > 1:
        return f"{format_count(row.count)} × {short_type_name(row.type_name)}"
    if row.root is not None and row.root.kind in _SPEAKING_KINDS:
        return root_words(row.root)
    node = int(row.nodes[0])
    if node >= tree.snapshot.object_count:
        return ROOT_NAME
    return _object_words(tree, node, row)


def root_words(root: RootInfo) -> str:
    """Say why something is a root, in the words that find it: ``module app``, ``frame handle app/web.py:88``."""
    if root.kind == "frame":
        function, space, place = root.label.partition(" ")
        return f"frame {function}{space}{'/'.join(place.split('/')[-2:])}"
    return root.label if root.label.startswith(f"{root.kind} ") else f"{root.kind} {root.label}".strip()


def _object_words(tree: DominatorTree, node: int, row: TreeRow) -> str:
    length = int(tree.snapshot.length[node])
    entries = f", {counted(length, 'entry')}" if length >= 0 and row.child_count else ""
    return f"{short_type_name(row.type_name)}{entries}"
