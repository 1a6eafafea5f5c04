"""How instances and dicts lie in memory, per CPython version, for reading what Python code cannot see without changing it.

Never used before verify() has found every fact true on objects made in the clone; never calls code of the target.

    3.8-3.10   dict pointer at dictoffset; split dict: values block of 8 * usable
    3.11       values pointer at -32, dict pointer at -24        values block: [order.. size prefix] values..
    3.12       tagged word at -24: odd = values block + 1, even = dict
    3.13+      dict pointer at -24; INLINE_VALUES: u8 capacity, size, embedded, valid behind basicsize, values, order bytes
"""

from heapscope.agent.memory import REGION_BITS, REGION_MASK
from heapscope.wire.protocol import DictState

CACHED_KEYS_OFFSET = {8: 872, 9: 864, 10: 872, 11: 872, 12: 880, 13: 880, 14: 880, 15: 888}
FREE_THREADED = object.__basicsize__ == 32  # owner, lock and two reference counts (sys is not to be imported here)
GC_HEAD = 0 if FREE_THREADED else 16  # without a GIL, the collector finds its objects in the allocator's pages
INLINE_VALUES = 1 << 2
MANAGED_WEAKREF = 1 << 3
MANAGED_DICT = 1 << 4
HEAP_TYPE = 1 << 9
HAVE_GC = 1 << 14
LONG_SUBCLASS = 1 << 24
SMALL_REQUEST = 512  # pymalloc's limit
MIMALLOC_LARGEST_CLASS = 128 << 10
MAX_SHARED_KEYS = 64  # 30 on 3.11+, up to 42 and rarely more before


def round8(size):
    """Round up to a multiple of a pointer's size."""
    return (size + 7) & ~7


def allocated_bytes(request):
    """Return what the allocator uses for one request: a pymalloc class, or a glibc chunk."""
    if request <= 0:
        return 0
    if FREE_THREADED:
        return mimalloc_bytes(request)
    return (request + 15) & ~15 if request <= SMALL_REQUEST else (request + 8 + 15) & ~15


def mimalloc_bytes(request):
    """Return the size of mimalloc's block for a request: two words apart up to 64 bytes, then four sizes per doubling.

    Source: _mi_bin and mi_good_size of mimalloc 2.1 (Objects/mimalloc/page-queue.c), on which free-threaded builds rely.
    """
    if request > MIMALLOC_LARGEST_CLASS:
        return (request + 4095) & ~4095
    words = (request + 7) >> 3
    if words <= 8:
        return (words + 1 & ~1) << 3
    step = 1 << (words - 1).bit_length() - 3
    return (words + step - 1 & -step) << 3


def pre_header(minor, flags):
    """Return the bytes in front of an instance: GC head, managed dict and weak reference words."""
    size = GC_HEAD if flags & HAVE_GC else 0
    if (minor == 11 and flags & MANAGED_DICT) or (minor >= 12 and flags & (MANAGED_DICT | MANAGED_WEAKREF)):
        size += 16
    return size


def values_bytes(minor, capacity):
    """Return the size of a values array: a block of its own up to 3.12, inline or behind a dict later."""
    if minor < 11:
        return 8 * capacity
    if minor < 13:
        return round8(capacity + 2) + 8 * capacity
    return 8 * (capacity + 1) + round8(capacity)


class Keys:
    """One keys table: its size, its reference count and, when asked, its names."""

    __slots__ = (
        "address",
        "capacity",
        "count",
        "entries",
        "entry_size",
        "references",
        "size",
        "usable",
        "usable_total",
    )

    def __init__(self, memory, minor, address):
        self.address = address
        word = memory.word
        self.references = word(address)
        if minor < 11:
            slots = word(address + 8)
            index = slots * (1 if slots <= 0xFF else 2 if slots <= 0xFFFF else 4 if slots <= 0xFFFFFFFF else 8)
            self.usable, self.count = word(address + 24), word(address + 32)
            header, self.entry_size = 40, 24
        else:
            description = memory.block(address + 8, 8) or bytes(8)
            slots = 1 << (description[0] & 63)
            index = 1 << (description[1] & 63)
            self.usable, self.count = word(address + 16), word(address + 24)
            header, self.entry_size = 32, 16 if description[2] else 24
        self.capacity = (slots << 1) // 3
        self.usable_total = self.count + self.usable
        self.entries = address + header + index
        self.size = header + index + self.capacity * self.entry_size if slots > 1 else 0


class Layout:
    """Reads instances through Memory. ``verified`` says whether the facts of this version held."""

    def __init__(self, memory, minor):
        self.memory = memory
        self.minor = minor
        self.cached_keys_offset = CACHED_KEYS_OFFSET.get(minor, 0)
        self.pool_mask = ~(4095 if minor < 10 else 16383)
        self.verified = False
        self.ascii_header = 48 if minor < 12 else 40
        self.text_header = 72 if minor < 12 else 56
        self._names = {}
        self._values_sizes = {}

    def window(self, address, before, after):
        """Return (words, index of the word at ``address``); None where memory cannot be read."""
        index = (address & REGION_MASK) >> 3
        if index >= before and index + after < 2048:
            number = address >> REGION_BITS
            words = (self.memory.regions.get(number) or self.memory.load(number))[0]
            if words is not None:
                return words, index
        data = self.memory.read(address - 8 * before, 8 * (before + after))
        return None if data is None else (memoryview(data).cast("Q"), before)

    def cached_keys(self, type_address):
        """Return the Keys that instances of a heap type share, or None."""
        address = self.memory.word(type_address + self.cached_keys_offset)
        return Keys(self.memory, self.minor, address) if address else None

    def key_name(self, pointer):
        """Return the text of a str at an address without touching the object; None unless compact and short."""
        name = self._names.get(pointer)
        if name is None:
            length = self.memory.word(pointer + 16)
            state = self.memory.word(pointer + 32) & 0xFF
            if not state & 0x20 or length > 512:
                return None
            width = state >> 2 & 7
            start = pointer + (self.ascii_header if state & 0x40 else self.text_header)
            data = self.memory.block(start, length * width)
            parts = range(0, len(data), width or 1)
            name = "".join([chr(int.from_bytes(data[at : at + width], "little")) for at in parts])
            if len(self._names) < 1 << 16:
                self._names[pointer] = name
        return name

    def names(self, keys):
        """Return the names in a shared keys table, in order; None for one that cannot be read."""
        result = []
        step = keys.entry_size
        offset = 8 if step == 24 else 0
        for index in range(min(keys.count, MAX_SHARED_KEYS)):
            pointer = self.memory.word(keys.entries + index * step + offset)
            result.append(self.key_name(pointer) if pointer else None)
        return result

    def pool_size_class(self, block):
        """Return what the pymalloc pool header says about the size of a block; 0 where it says nothing sensible."""
        pool = block & self.pool_mask
        size_class = self.memory.word(pool + 32) >> 32
        size = (size_class + 1) << 4
        return size if size_class < 32 and (block - pool - 48) % size == 0 else 0

    def values_block(self, values, usable_total):
        """3.11, 3.12: return (requested bytes, order bytes) of the values block at an address."""
        head = self.memory.block(values - 8, 8)
        if len(head) < 8:
            return 0, b""
        prefix, used = head[7], head[6]
        order = self.memory.block(values - 2 - used, used)
        block_class = self.pool_size_class(values - prefix)
        key = (prefix, block_class, usable_total)
        size = self._values_sizes.get(key)
        if size is None:
            size = self._values_sizes[key] = self._guess_values_size(prefix, block_class, usable_total)
        return size, order

    def _guess_values_size(self, prefix, block_class, usable_total):
        # The prefix gives the capacity only within 8; the pool's size class decides among the candidates.
        candidates = [
            capacity
            for capacity in range(max(1, prefix - 9), max(1, prefix - 1))
            if round8(capacity + 2) == prefix and capacity >= usable_total
        ] or [usable_total]
        for capacity in candidates:
            size = values_bytes(self.minor, capacity)
            if allocated_bytes(size) == block_class:
                return size
        return values_bytes(self.minor, candidates[0])

    def inline_bytes(self, capacity, block, fixed, is_early):
        """3.13+: return the bytes of inline values; early instances have one slot more than their capacity says.

        They were made while the class's keys had room for more (``is_early``); of the last of them only the pool knows.
        """
        size = values_bytes(self.minor, capacity)
        larger = values_bytes(self.minor, capacity + 1)
        block_class = self.pool_size_class(block)
        usual, early = allocated_bytes(fixed + size), allocated_bytes(fixed + larger)
        if usual != early and block_class in (usual, early):
            return larger if block_class == early else size
        return larger if is_early else size

    def dict_facts(self, address):
        """Return (DictState, bytes of its second block, bytes of its order or count, Keys) of an exact dict."""
        word = self.memory.word
        keys = Keys(self.memory, self.minor, word(address + 32))
        values = word(address + 40)
        if not values:
            own = keys.size if keys.references == 1 else 0
            return DictState.COMBINED, own, b"", keys
        if self.minor < 11:
            used = min(word(address + 16), MAX_SHARED_KEYS)
            return DictState.SPLIT, values_bytes(self.minor, keys.capacity), bytes(range(used)), keys
        if self.minor < 13:
            size, order = self.values_block(values, keys.usable_total)
            return DictState.SPLIT, size, order, keys
        head = self.memory.block(values, 4)
        if len(head) < 4:
            return DictState.UNKNOWN, 0, b"", keys
        order = self.memory.block(values + 8 + 8 * head[0], head[1])
        if head[2]:
            return DictState.MATERIALISED, 0, order, keys
        return DictState.SPLIT, values_bytes(self.minor, head[0]), order, keys
