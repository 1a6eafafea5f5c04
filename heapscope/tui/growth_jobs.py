"""Owns the work on growth that runs in a thread beside the screens, and the message with its result.

Never touches a widget: a thread only posts messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.message import Message

from heapscope.errors import HeapscopeError
from heapscope.tui.engine import Engine
from heapscope.tui.holder_jobs import Job, error_of, oversight_of
from heapscope.tui.holders import HolderIndex
from heapscope.tui.jobs import Post
from heapscope.tui.state import Growth

if TYPE_CHECKING:
    from heapscope.analysis.histogram import Histogram
    from heapscope.analysis.holder_tree import HolderTree
    from heapscope.snapshot.model import Snapshot, SnapshotMeta


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One snapshot to compare: what is known of it. Without a ``tree`` there must be a ``snapshot``."""

    meta: SnapshotMeta
    histogram: Histogram
    tree: HolderTree | None = None
    snapshot: Snapshot | None = None
    holders: HolderIndex | None = None


@dataclass(eq=False)
class GrowthJob(Job):
    """One comparison, oldest first; the last source is the snapshot on the screen. With one, it is only summed up."""

    sources: Sequence[Source] = ()
    trees: list[HolderTree] = field(default_factory=list)


class GrowthFound(Message):
    """What grew, None where there is nothing to compare; or what went wrong."""

    def __init__(self, job: GrowthJob, growth: Growth | None, error: HeapscopeError | None = None) -> None:
        super().__init__()
        self.job = job
        self.growth = growth
        self.error = error


def run_growth(engine: Engine, job: GrowthJob, post: Post) -> None:
    """Sum up what is not yet, and compare; ends with GrowthFound whatever happens."""
    found: list[Growth] = []

    def work() -> None:
        oversight = oversight_of(job, post)
        share = 1 / len(job.sources)
        for place, source in enumerate(job.sources):
            part = oversight.part(place * share, (place + 1) * share)
            part.check()
            tree = source.tree
            if tree is None:
                assert source.snapshot is not None
                tree = engine.sum_up(source.snapshot, source.holders, part)
            job.trees.append(tree)
        if len(job.trees) > 1:
            rows = tuple(engine.measure_growth(job.trees))
            found.append(Growth(rows, _shallow(job.sources), tuple(source.meta.captured_at for source in job.sources)))

    error = error_of(work)
    post(GrowthFound(job, found[0] if found else None, error))


def _shallow(sources: Sequence[Source]) -> dict[str, tuple[int, ...]]:
    """Give the shallow bytes of each type in each snapshot."""
    sizes = [{row.type_name: row.shallow_bytes for row in source.histogram.rows} for source in sources]
    names = dict.fromkeys(name for each in sizes for name in each)
    return {name: tuple(each.get(name, 0) for each in sizes) for name in names}
