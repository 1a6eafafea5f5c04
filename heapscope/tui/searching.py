"""Owns answering questions about paths with the analysis: merged ways of many objects, alternatives for one.

Never called from the thread of the screens.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from heapscope.analysis.paths import Exclusions, MergedPath, Paths, RootPath, find_paths
from heapscope.analysis.suspects.model import Report
from heapscope.graph.library import Oversight
from heapscope.service.queries import HeapQueries
from heapscope.service.report import ReportSeries, Summary, summarise
from heapscope.snapshot.model import Snapshot, U32Array
from heapscope.tui.holders import FoundPath, HolderIndex, PathAnswer, PathQuestion

MERGED_PATHS = 20
ALTERNATIVES = 10
MAX_PLACES = 200  # steps of a way that are asked for their place in the sources


def search_paths(index: HolderIndex, question: PathQuestion, oversight: Oversight) -> PathAnswer:
    """Answer a question. O(n + m) for the first one and for every new exclusion. Raises Cancelled."""
    tree = index.tree
    if question.excluded:
        exclusions = Exclusions(references=question.excluded)
        paths = find_paths(tree.snapshot, tree.roots, exclusions, oversight.part(0, 0.5))
    else:
        paths = index.paths(oversight.part(0, 0.5))
    objects = objects_of(index, question)
    if objects.size == 1:
        return _alternatives(index, paths, int(objects[0]), oversight.part(0.5, 1))
    merged = paths.merged(objects, limit=MERGED_PATHS, oversight=oversight)
    found = tuple(_of_many(path, index) for path in merged.paths)
    return PathAnswer(found, merged.count, merged.unreached, merged.other_count, is_merged=True)


def objects_of(index: HolderIndex, question: PathQuestion) -> U32Array:
    """Give the objects that a question is about, as object indexes."""
    if question.objects is not None:
        return np.asarray(question.objects, dtype=np.uint32)
    return index.tree.type_names.instances(question.type_name)


def _alternatives(index: HolderIndex, paths: Paths, object_index: int, oversight: Oversight) -> PathAnswer:
    ways = paths.alternatives(object_index, index.referrers(oversight), ALTERNATIVES, oversight)
    return PathAnswer(tuple(_of_one(way, index) for way in ways), 1, 0 if ways else 1, 0, is_merged=False)


def way_of(index: HolderIndex, object_index: int, oversight: Oversight) -> FoundPath | None:
    """Give a shortest way to one object; None where no root leads there. O(n + m) the first time. Raises Cancelled."""
    way = index.paths(oversight).to(object_index)
    return _of_one(way, index) if way is not None else None


def _of_one(path: RootPath, index: HolderIndex) -> FoundPath:
    length = len(path.objects)
    return FoundPath(
        root=path.root,
        objects=path.objects,
        is_shared=(True,) * length,
        common=length,
        count=1,
        share=1.0,
        names=tuple(index.names.along(path.objects)),
        is_namespace=_namespaces(index, path.objects),
        places=_places(index, path.objects),
    )


def _namespaces(index: HolderIndex, objects: Sequence[int]) -> tuple[bool, ...]:
    """Say which steps are namespaces of the step before; not the last step, which was asked about."""
    inner = itertools.pairwise(objects[:MAX_PLACES])
    found = [False, *(index.names.is_namespace(holder, held) for holder, held in inner)]
    return (*found[: len(objects) - 1], False)


def report(
    earlier: Sequence[Snapshot | Summary], index: HolderIndex, source: str, oversight: Oversight
) -> tuple[Report, Summary]:
    """Judge who may be holding too much, and sum the snapshot up for later reports. Raises Cancelled."""
    series, share = ReportSeries(), 0.5 / (len(earlier) + 1)
    for number, one in enumerate(earlier):
        part = oversight.part(number * share, (number + 1) * share)
        series.add_summary(one if isinstance(one, Summary) else summarise(one, part))
    paths = index.paths(oversight.part(0.5 - share, 0.5))
    heap = HeapQueries(index.tree.snapshot, oversight)
    heap.roots, heap.tree, heap.paths = index.tree.roots, index.tree, paths
    series.add_heap(heap, oversight.part(0.5, 0.6))
    return series.report(source, oversight.part(0.6, 1)), series.newest_summary


def _places(index: HolderIndex, objects: Sequence[int]) -> tuple[str, ...]:
    """Say where the code of a way's steps is; of the first steps only, where names of code are."""
    return tuple(index.places.of(one) for one in objects[:MAX_PLACES])


def _of_many(path: MergedPath, index: HolderIndex) -> FoundPath:
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
        names=tuple(index.names.along(objects, is_shared)),
        is_namespace=_namespaces(index, objects),
        places=_places(index, objects),
    )
