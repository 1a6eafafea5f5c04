"""Owns answering questions about paths with the analysis: merged ways of many objects, alternatives for one.

Never called from the thread of the screens.
"""

from __future__ import annotations

import numpy as np

from heapscope.analysis.edge_names import EdgeNames
from heapscope.analysis.paths import Exclusions, MergedPath, Paths, RootPath, find_paths
from heapscope.graph.library import Oversight
from heapscope.snapshot.model import U32Array
from heapscope.tui.holders import FoundPath, HolderIndex, PathAnswer, PathQuestion

MERGED_PATHS = 20
ALTERNATIVES = 10


def search_paths(index: HolderIndex, question: PathQuestion, oversight: Oversight) -> PathAnswer:
    """Answer a question. O(n + m) for the first one and for every new exclusion. Raises Cancelled."""
    tree = index.tree
    if question.excluded:
        exclusions = Exclusions(references=question.excluded)
        paths = find_paths(tree.snapshot, tree.roots, exclusions, oversight.part(0, 0.5))
    else:
        paths = index.paths(oversight.part(0, 0.5))
    objects = _objects_of(index, question)
    if objects.size == 1:
        return _alternatives(index, paths, int(objects[0]), oversight.part(0.5, 1))
    merged = paths.merged(objects, limit=MERGED_PATHS, oversight=oversight)
    found = tuple(_of_many(path, index.names) for path in merged.paths)
    return PathAnswer(found, merged.count, merged.unreached, merged.other_count, is_merged=True)


def _objects_of(index: HolderIndex, question: PathQuestion) -> U32Array:
    if question.objects is not None:
        return np.asarray(question.objects, dtype=np.uint32)
    return index.tree.type_names.instances(question.type_name)


def _alternatives(index: HolderIndex, paths: Paths, object_index: int, oversight: Oversight) -> PathAnswer:
    ways = paths.alternatives(object_index, index.referrers(oversight), ALTERNATIVES, oversight)
    return PathAnswer(tuple(_of_one(way, index.names) for way in ways), 1, 0 if ways else 1, 0, is_merged=False)


def _of_one(path: RootPath, edge_names: EdgeNames) -> FoundPath:
    length = len(path.objects)
    names = tuple(edge_names.along(path.objects))
    return FoundPath(path.root, path.objects, (True,) * length, length, 1, 1.0, names)


def _of_many(path: MergedPath, edge_names: EdgeNames) -> FoundPath:
    objects = tuple(step.object_index for step in path.steps)
    is_shared = tuple(step.is_shared for step in path.steps)
    return FoundPath(
        root=path.root,
        objects=objects,
        is_shared=is_shared,
        # The way of one object is the way itself, also where it was counted as part of a shorter one.
        common=len(path.steps) if path.is_exact or path.count == 1 else path.common,
        count=path.count,
        share=path.share,
        names=tuple(edge_names.along(objects, is_shared)),
    )
