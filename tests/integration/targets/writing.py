"""Writes one byte into each page of a buffer, again and again, about 100 MB of pages a second; ``huge`` asks for huge pages.

Arguments: ``MEGABYTES [huge | slow]``; with huge, one byte in each 2 MB; slow is 30 MB a second, for a watch that must come before
the memory is full on a busy machine too. It tells how often it has been through.
"""

import mmap
import sys
import time

import probe

SIZE = int(sys.argv[1]) << 20
HUGE = sys.argv[2:] == ["huge"]
HUGE_PAGE = 1 << 21
STEP = HUGE_PAGE if HUGE else 4096
PAUSE_S = 0.03 if sys.argv[2:] == ["slow"] else 0.01

if HUGE:
    whole = mmap.mmap(-1, SIZE + HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    whole.madvise(getattr(mmap, "MADV_HUGEPAGE", 14))
    whole.write(b"x" * len(whole))
    BUFFER = memoryview(whole)
else:
    BUFFER = memoryview(bytearray(b"x" * SIZE))

ROUNDS = [0]


def extra():
    """Tell how often every page has been written."""
    return {"rounds": ROUNDS[0]}


def write_once():
    """Go through the buffer, a megabyte at a time."""
    for position in range(0, SIZE, STEP):
        BUFFER[position] = ROUNDS[0] % 251
        if position % (1 << 20) == 0:
            time.sleep(PAUSE_S)
    ROUNDS[0] += 1


probe.make_markers()
probe.start(extra)
while True:
    write_once()
