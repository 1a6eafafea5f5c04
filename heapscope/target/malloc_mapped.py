"""Large blocks of glibc's malloc, each a mapping of its own: found by what malloc writes in front of them.

Reads only. The kernel joins neighbouring mappings, so a block may begin at any page of one.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from heapscope.target.memory import read_pieces
from heapscope.target.smaps_pages import PAGE, ResidentPages

MAX_BLOCKS = 1 << 17
_AT_ONCE = 1 << 10
_IS_MAPPED = np.uint64(2)
_PAGE = np.uint64(PAGE)
_FLAGS = np.uint64(7)
_HEAD = 16


def find_mapped_blocks(pid: int, gaps: Iterable[range], pages: ResidentPages) -> list[range]:
    """Return the blocks in anonymous memory that is nobody else's, in the order of ``gaps``; each gap begins at a page.

    Raises:
        OSError: the process is gone, or may not be read.
    """
    found: list[range] = []
    for gap in gaps:
        found += _blocks_in(pid, gap, pages)
        if len(found) >= MAX_BLOCKS:
            break
    return found


def _blocks_in(pid: int, gap: range, pages: ResidentPages) -> list[range]:
    found: list[range] = []
    at = gap.start
    step = 1  # a block is likely to begin here; the more pages have shown nothing, the more are read at once
    while at < gap.stop and len(found) < MAX_BLOCKS:
        places = pages.present(at, gap.stop, step)
        if not places.size:
            break
        sizes = _sizes_at(pid, places)
        hits = np.nonzero((sizes > 0) & (sizes <= np.uint64(gap.stop) - places))[0]
        if hits.size:
            start, size = int(places[hits[0]]), int(sizes[hits[0]])
            found.append(range(start, start + size))
            at, step = start + size, 1
        else:
            at, step = int(places[-1]) + PAGE, min(8 * step, _AT_ONCE)
    return found


def _sizes_at(pid: int, places: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the sizes of the blocks that begin at some pages, 0 for none."""
    heads = read_pieces(pid, places, _HEAD).view("<u8")
    offset, size = heads[:, 0], heads[:, 1] & ~_FLAGS
    # From 2.43 on the first word may hold a flag, and the size leaves out the head.
    whole = np.where(size % _PAGE == 0, size, size + np.uint64(_HEAD))
    good = (offset <= 1) & (heads[:, 1] & _FLAGS == _IS_MAPPED) & (whole >= _PAGE) & (whole % _PAGE == 0)
    result: npt.NDArray[np.uint64] = np.where(good, whole, np.uint64(0))
    return result
