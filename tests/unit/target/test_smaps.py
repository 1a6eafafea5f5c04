"""What smaps and page tables say: parsed from text, and of this very process."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy as np

from heapscope.target.malloc_mapped import find_mapped_blocks
from heapscope.target.maps import Mapping
from heapscope.target.smaps import Resident, parse_smaps_text, read_smaps
from heapscope.target.smaps_pages import PAGE, ResidentPages
from heapscope.target.smaps_stacks import find_stacks

TEXT = """\
55d0c0000000-55d0c0100000 rw-p 00000000 00:00 0                          [heap]
Size:               1024 kB
Rss:                 800 kB
Pss:                 400 kB
Private_Clean:         4 kB
Private_Dirty:       396 kB
Anonymous:           800 kB
Swap:                 16 kB
VmFlags: rd wr mr mw me ac sd
7f0000000000-7f0000004000 r-xp 00000000 fe:00 42                         /usr/lib/with blank.so (deleted)
Rss:                  16 kB
nonsense-line rw-p
7f0000010000-7f0000020000 rw-s 00000000 00:01 7                          /dev/zero (deleted)
Rss:                  64 kB
7f0000020000-7f0000022000 r--p 00000000 00:00 0                          [vvar]
"""


def test_every_mapping_has_its_figures() -> None:
    """What a kernel does not tell is zero."""
    heap, library, shared, special = parse_smaps_text(TEXT)
    assert (heap.rss, heap.pss, heap.swap, heap.private, heap.anonymous) == (819200, 409600, 16384, 409600, 819200)
    assert heap.is_anonymous
    assert library.mapping.file_path == "/usr/lib/with blank.so"
    assert (library.rss, library.is_anonymous) == (16384, False)
    assert shared.is_shared
    assert not special.is_anonymous


def anonymous(size: int) -> tuple[mmap.mmap, int]:
    """Map memory of our own; give its address."""
    block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return block, np.frombuffer(block, dtype=np.uint8).ctypes.data


def mapping_of(address: int, size: int, rss: int) -> Resident:
    """Describe a part of our own memory."""
    return Resident(Mapping(address, address + size, "rw-p", 0, "00:00", 0, ""), rss, rss, rss, 0, rss)


def test_pages_in_memory_are_counted_where_they_are() -> None:
    """Written pages count; pages that were read only show the kernel's zeros, and do not."""
    block, address = anonymous(16 * PAGE)
    block.madvise(mmap.MADV_NOHUGEPAGE)
    block[0] = 1
    block[5 * PAGE] = 1
    assert block[7 * PAGE] == 0
    pages = ResidentPages(os.getpid(), [mapping_of(address, 16 * PAGE, 2 * PAGE)])
    assert pages.is_exact
    assert pages.within(address, address + 16 * PAGE) == 2 * PAGE
    assert pages.within(address + PAGE // 2, address + PAGE) == PAGE // 2
    assert pages.within(address + 4 * PAGE, address + 6 * PAGE) == PAGE
    assert pages.within(address + 7 * PAGE, address + 8 * PAGE) == 0
    assert pages.within(0, address) == 0
    assert pages.present(address, address + 16 * PAGE, 9).tolist() == [address, address + 5 * PAGE]
    assert pages.present(address + PAGE, address + 16 * PAGE, 1).tolist() == [address + 5 * PAGE]


def test_where_the_kernel_does_not_tell_a_mapping_is_evenly_resident() -> None:
    """And that is said."""
    pages = ResidentPages(1 << 22, [mapping_of(0x10000, 16 * PAGE, 4 * PAGE)])
    assert not pages.is_exact
    assert pages.within(0x10000, 0x10000 + 8 * PAGE) == 2 * PAGE


def test_blocks_that_are_mappings_of_their_own_are_told_by_their_heads() -> None:
    """As older and newer versions of glibc write them, one behind the other, between other memory."""
    block, address = anonymous(64 * PAGE)
    words = np.frombuffer(block, dtype="<u8").copy()
    block.seek(0)
    words[2 * 512 : 2 * 512 + 2] = 0, 10 * PAGE | 2
    words[12 * 512 : 12 * 512 + 2] = 1, (20 * PAGE - 16) | 2
    words[40 * 512 : 40 * 512 + 2] = 0, 10 * PAGE | 3  # no such flags
    words[50 * 512 : 50 * 512 + 2] = 0, 40 * PAGE | 2  # beyond the end
    words[::512] += np.uint64(0)
    block.write(words.tobytes())
    pages = ResidentPages(os.getpid(), [mapping_of(address, 64 * PAGE, 64 * PAGE)])
    found = find_mapped_blocks(os.getpid(), [range(address, address + 64 * PAGE)], pages)
    assert [(each.start - address, len(each)) for each in found] == [(2 * PAGE, 10 * PAGE), (12 * PAGE, 20 * PAGE)]


def test_a_stack_ends_at_the_record_of_its_thread() -> None:
    """What the kernel has joined above it is not the thread's."""
    size = 12 << 20
    block, address = anonymous(size)
    record = 8 << 20
    block[record : record + 8] = block[record + 16 : record + 24] = (address + record).to_bytes(8, "little")
    guard = Resident(Mapping(address - PAGE, address, "---p", 0, "00:00", 0, ""), 0, 0, 0, 0, 0)
    entries = [guard, mapping_of(address, size, PAGE)]
    pages = ResidentPages(os.getpid(), entries)
    gap = range(address, address + size)
    (by_guard,) = find_stacks(os.getpid(), [gap], entries, pages, [])
    (by_pointer,) = find_stacks(os.getpid(), [gap], entries[1:], pages, [address + 100])
    assert by_guard == by_pointer == range(address, address + record + PAGE)
    assert find_stacks(os.getpid(), [gap], entries[1:], pages, [address - 100]) == []


def test_the_sum_over_mappings_is_what_the_kernel_says() -> None:
    """Of this process, which changes a little meanwhile."""
    total = sum(entry.rss for entry in read_smaps(os.getpid()))
    stated = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
    assert abs(total - stated) < 0.05 * stated
