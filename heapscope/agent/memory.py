"""Reads the clone's own memory through /proc/self/mem.

Never follows an address by itself and never raises: what cannot be read is None or zeroes, so that a wrong layout fact ends in UNKNOWN.
"""

REGION_BITS = 14  # 16 KiB: a pool of 3.10+, so most neighbours of an instance come with one system call
REGION_SIZE = 1 << REGION_BITS
REGION_MASK = REGION_SIZE - 1
REGION_LIMIT = 1024
ITEMS_OFFSET = object.__basicsize__ + 8  # of ob_item in a list, behind ob_size
MAX_READ = 1 << 20


class Memory:
    """Cached word reads and uncached block reads. The descriptor belongs to this process only."""

    def __init__(self, posix):
        self._pread = posix.pread
        self._descriptor = posix.open("/proc/self/mem", posix.O_RDONLY)
        self.regions = {}

    def read(self, address, size):
        """Return exactly ``size`` bytes, or None."""
        try:
            data = self._pread(self._descriptor, size, address)
        except (OSError, OverflowError, ValueError):
            return None
        return data if len(data) == size else None

    def read_large(self, address, size):
        """Return ``size`` bytes that may be more than one system call gives, or None."""
        parts = []
        while size > 0:
            data = self.read(address, min(size, MAX_READ))
            if data is None:
                return None
            parts.append(data)
            address += len(data)
            size -= len(data)
        return b"".join(parts)

    def load(self, number):
        """Read region ``number`` into the cache; return (words, bytes), both None where it cannot be read whole."""
        if len(self.regions) >= REGION_LIMIT:
            self.regions.clear()
        data = self.read(number << REGION_BITS, REGION_SIZE)
        region = (None, None) if data is None else (memoryview(data).cast("Q"), data)
        self.regions[number] = region
        return region

    def forget(self):
        """Drop the cache, for memory that has changed."""
        self.regions.clear()

    def word(self, address):
        """Return the u64 at an aligned address; 0 where it cannot be read."""
        number = address >> REGION_BITS
        words = (self.regions.get(number) or self.load(number))[0]
        if words is not None and not address & 7:
            return words[(address & REGION_MASK) >> 3]
        data = self.read(address, 8)
        return 0 if data is None else int.from_bytes(data, "little")

    def block(self, address, size):
        """Return ``size`` bytes through the cache where they lie in one region; empty where they cannot be read."""
        number = address >> REGION_BITS
        data = (self.regions.get(number) or self.load(number))[1]
        start = address & REGION_MASK
        if data is not None and start + size <= REGION_SIZE:
            return data[start : start + size]
        return self.read(address, size) or b""

    def list_addresses(self, items):
        """Return the addresses of a list's items as packed u64, straight from its item array; None where unreadable."""
        count = len(items)
        if not count:
            return b""
        pointer = self.read(id(items) + ITEMS_OFFSET, 8)
        if pointer is None:
            return None
        return self.read_large(int.from_bytes(pointer, "little"), 8 * count)
