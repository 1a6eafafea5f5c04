"""What lru_caches have counted: hits, misses and the limit, read where Modules/_functoolsmodule.c keeps them.

Never calls cache_info(), which makes a named tuple. Nothing is believed that does not agree with itself: see native/caches.c.
"""

from heapscope.agent.layout import FREE_THREADED
from heapscope.wire.protocol import MAX_CACHES, Kind

TYPED, CACHE, HITS, FUNCTION, LIMIT, MISSES, LEAST_SIZE = 64, 72, 80, 88, 96, 104, 112
TYPE, DICT_USED = 8, 16
NO_LIMIT = (1 << 64) - 1
MOST = 1 << 62
CACHES_PER_FRAME = 1 << 10
_DICT = id(dict)


class CacheCounts:
    """Collects the counts, and sends them at the end. ``memory`` is None where nothing can be read."""

    def __init__(self, stream, memory):
        self._stream = stream
        self._memory = None if FREE_THREADED else memory
        self._found = []

    def take(self, caches):
        """Note what some lru_caches have counted."""
        if self._memory is None:
            return
        for address in map(id, caches):
            counts = _read(self._memory.word, address)
            if counts is not None and len(self._found) < MAX_CACHES:
                self._found.append(counts)

    def flush(self):
        """Send what has come together."""
        for start in range(0, len(self._found), CACHES_PER_FRAME):
            self._stream.send_value(Kind.CACHES, self._found[start : start + CACHES_PER_FRAME])


def _read(word, address):
    table, hits, limit, misses = (word(address + offset) for offset in (CACHE, HITS, LIMIT, MISSES))
    if word(address + TYPED) & 0xFFFFFFFF > 1 or word(table + TYPE) != _DICT or not word(address + FUNCTION):
        return None
    used = word(table + DICT_USED)
    if max(hits, misses) > MOST or used > misses or (limit != NO_LIMIT and (limit > MOST or used > limit)):
        return None
    return [address, table, hits, misses, -1 if limit == NO_LIMIT else limit]
