"""From when on something is worth a person's time. Every number here stands in docs/suspects.md with its reason.

Never measures anything.
"""

from __future__ import annotations

LISTED_SHARE = 0.10  # of the heap: as Eclipse MAT does; ten suspects at most can reach it
LARGE_SHARE = 0.25  # one holder with more than this, and no reason to think that it is bounded, needs a second snapshot
LISTED_BYTES = 1 << 20  # nobody is woken for less than a mebibyte

STRUCTURE_SHARE = 0.03  # what should not be there at all (kept exceptions, pinned objects) is listed from here on
STRUCTURE_ALARM_SHARE = 0.10  # ... and is an alarm from here on

CACHE_SHARE = 0.02  # an unbounded cache
CACHE_ENTRIES = 1000
CACHE_ALARM_SHARE = 0.10

WORKER_SHARE = 0.10  # tasks, threads
WORKER_COUNT = 100  # so many of one kind are a crowd

GARBAGE_SHARE = 0.10
GARBAGE_ALARM_SHARE = 0.30  # the collector lets the heap grow by a quarter between its full rounds
COLLECTOR_IDLE = 100_000  # objects in the youngest generation: it is collected at 700 (2,000) of them, unless it is off

FREED_SHARE = 0.25  # of the resident memory: freed, and not given back
FREED_ALARM_SHARE = 0.40
NATIVE_SHARE = 0.35  # of the resident memory: in use by no Python object, nor by the interpreter's own files
NATIVE_ALARM_SHARE = 0.50
OUTSIDE_BYTES = 32 << 20  # and at least so much of either

GROWTH_SHARE = 0.01  # of the heap, between the oldest and the newest snapshot
GROWTH_PER_10_MIN = 0.01  # of the heap in ten minutes: slower growth is no emergency
GROWTH_OF_HOLDER = 0.03  # of what it held before: less comes and goes in any living service
GROWTH_BYTES = 64 << 10
GROWTH_STEPS_MEDIUM = 2  # three snapshots
GROWTH_STEPS_HIGH = 4  # five snapshots, rising in each
FLAT_SHARE = 0.02  # a heap that changed by less did not grow
MAX_SUSPECTS = 10
