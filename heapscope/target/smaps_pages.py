"""Which pages of a process are in memory: asked by address range, in bytes.

Never makes a page present. Where the kernel does not tell page by page, a mapping counts as evenly resident, and that is said.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from heapscope.target.memory import read_pieces
from heapscope.target.smaps import Resident

PAGE = 4096
MAX_PAGES = 1 << 26  # 256 GB of address space, 600 MB here at worst
_PRESENT = np.uint64(1 << 63)
_AT_ONCE = 1 << 20
_HEAD = 256
_MAX_COMPARED = 1 << 12
_COMPARED_AT_ONCE = 1 << 10

Addresses = npt.NDArray[np.uint64]
I64Array = npt.NDArray[np.int64]


class ResidentPages:
    """The pages of some mappings, as they are when this is made."""

    def __init__(self, pid: int, entries: Sequence[Resident]) -> None:
        """Read the page tables of a process that stands still, for ``entries`` in address order."""
        self.entries = [entry for entry in entries if entry.rss]
        self.is_exact = True
        self._starts = np.array([entry.mapping.start for entry in self.entries], dtype=np.uint64)
        self._ends = np.array([entry.mapping.end for entry in self.entries], dtype=np.uint64)
        counts = (self._ends - self._starts).astype(np.int64) // PAGE
        self._first = np.cumsum(counts) - counts
        self._page = self._read(pid, int(counts.sum()))
        self._before = np.zeros(self._page.size + 1, dtype=np.float64)
        np.cumsum(self._page, out=self._before[1:])

    def _read(self, pid: int, total: int) -> npt.NDArray[np.float64]:
        """Return for each page how much of it counts: 1 or 0, a fraction where that is not known page by page."""
        weights = np.zeros(total + 1, dtype=np.float32)
        try:
            descriptor = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            descriptor = -1
        try:
            for number, entry in enumerate(self.entries):
                first, count = int(self._first[number]), entry.mapping.size // PAGE
                part = weights[first : first + count]
                known = total <= MAX_PAGES and descriptor >= 0
                if not known or not _read_pages(descriptor, entry.mapping.start // PAGE, part):
                    part[:] = 1
                    self.is_exact = False
                elif (excess := int(part.sum(dtype=np.float64)) - entry.rss // PAGE) > 0:
                    _drop_zeros(pid, entry.mapping.start, part, excess)
                # What is left of a difference, and what is not known page by page, is spread evenly.
                seen = float(part.sum(dtype=np.float64)) * PAGE
                if seen > entry.rss or not known:
                    part *= entry.rss / max(seen, 1.0)
        finally:
            if descriptor >= 0:
                os.close(descriptor)
        return weights.astype(np.float64)

    def within(self, start: int, end: int) -> int:
        """Return how many bytes between two addresses are in memory."""
        return int(self.within_each(np.array([start], dtype=np.uint64), np.array([end], dtype=np.uint64)).sum())

    def within_each(self, starts: Addresses, ends: Addresses) -> I64Array:
        """Return the same for many ranges."""
        found: I64Array = np.rint(self._below(ends) - self._below(starts)).astype(np.int64)
        return found

    def _below(self, address: Addresses) -> npt.NDArray[np.float64]:
        """Return the bytes in memory below each address, over all mappings."""
        if not self._starts.size:
            return np.zeros(address.size, dtype=np.float64)
        row = np.searchsorted(self._starts, address, side="right") - 1
        inside = np.maximum(row, 0)
        offset = (np.minimum(address, self._ends[inside]) - self._starts[inside]).astype(np.int64)
        offset = np.where(row < 0, 0, offset)
        page = self._first[inside] + offset // PAGE
        result: npt.NDArray[np.float64] = self._before[page] * PAGE + self._page[page] * (offset % PAGE)
        return result

    def present(self, start: int, end: int, limit: int) -> Addresses:
        """Return the addresses of the first pages in memory between two addresses that are pages' own."""
        found: list[Addresses] = []
        row = max(0, int(np.searchsorted(self._starts, np.uint64(start), side="right")) - 1)
        while limit > 0 and row < self._starts.size and int(self._starts[row]) < end:
            low, high = max(start, int(self._starts[row])), min(end, int(self._ends[row]))
            if low < high:
                first = int(self._first[row]) + (low - int(self._starts[row])) // PAGE
                pages = self._page[first : first + (high - low) // PAGE]
                hits = np.nonzero(pages)[0][:limit].astype(np.uint64)
                found.append(np.uint64(low) + hits * np.uint64(PAGE))
                limit -= hits.size
            row += 1
        return np.concatenate(found) if found else np.empty(0, dtype=np.uint64)


def _drop_zeros(pid: int, start: int, part: npt.NDArray[np.float32], excess: int) -> None:
    """Take out pages of zeros that were only ever read: the kernel shows one page in place of all, and counts none as RSS."""
    present = np.nonzero(part)[0]
    if present.size > _MAX_COMPARED:  # too many to look at, and too few to matter: any will do
        part[present[-excess:]] = 0
        return
    for size in (_HEAD, PAGE):  # few pages begin with zeros, and only these are read whole
        kept = []
        for at in range(0, present.size, _COMPARED_AT_ONCE):
            some = present[at : at + _COMPARED_AT_ONCE]
            try:
                pieces = read_pieces(pid, np.uint64(start) + some.astype(np.uint64) * np.uint64(PAGE), size)
            except OSError:
                return
            kept.append(some[~pieces.any(axis=1)])
        present = np.concatenate(kept) if kept else present
    part[present[:excess]] = 0


def _read_pages(descriptor: int, first_page: int, into: npt.NDArray[np.float32]) -> bool:
    for at in range(0, into.size, _AT_ONCE):
        count = min(_AT_ONCE, into.size - at)
        try:
            data = os.pread(descriptor, 8 * count, 8 * (first_page + at))
        except OSError:
            return False
        if len(data) != 8 * count:
            return False
        into[at : at + count] = (np.frombuffer(data, dtype="<u8") & _PRESENT) != 0
    return True
