"""Where pymalloc's arenas are: its table of arenas, found in the data of the interpreter's image.

Reads only. The table is not exported, and its place moves between patch releases; but one word of the image's writable data points
at it, and nothing else looks like it: an entry names an arena, and the header of that arena's first pool names the entry.

    data of the image          struct arena_object[maxarenas]            arena: 256 KiB of 4 KiB pools until 3.9,
    ┌────────────────┐         ┌──────────────────────────────┐          1 MiB (3.15 may: 2 MiB) of 16 KiB pools since
    │ arenas ────────┼───────► │ address, pool_address, ...   │ ───────► ┌────────────────────────────┐
    └────────────────┘         │ address, ...                 │          │ pool header: arenaindex = 0│
                               └──────────────────────────────┘          └────────────────────────────┘

Until 3.11 the word is a static variable; since 3.12 it is in the ``obmalloc`` state of the main interpreter, inside
``_PyRuntime`` (3.12) or a static variable again (3.13), with the length of the table behind it. Other interpreters with an
allocator of their own are found as the main one's: in 3.12 at the same place inside, later through the same pointer.

    struct arena_object (Objects/obmalloc.c, since 3.12 Include/internal/pycore_obmalloc.h; 48 bytes)
        0 address (0: none)   8 pool_address: the next pool to be carved off   16 u32 nfreepools   20 u32 ntotalpools
       24 freepools          32 nextarena                                      40 prevarena
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from heapscope.target.maps import Mapping, find_mapping
from heapscope.target.memory import read_memory, read_pieces
from heapscope.target.stack_layout import LAYOUTS, StackLayout, read_published

ENTRY_SIZE = 48
POOL_HEADER_SIZE = 48
MAX_ARENAS = 1 << 20  # 256 GiB in the oldest versions
MAX_IMAGE_DATA = 64 << 20  # writable data of the interpreter; real ones have 1 to 3 MB
MAX_INTERPRETERS = 256
_PAGE = 4096
_FIRST_TABLE_LENGTH = 16  # INITIAL_ARENA_OBJECTS; it doubles
_POOLS_IN_ARENA = (63, 64, 127, 128)  # one less where the arena is not aligned to pools; 2 MiB arenas have 128
_MAX_POINTERS = 64  # words that lead to the same table; real ones are fewer than there are pools in an arena
_STATE_TO_ARENAS = 512  # offset of mgmt.arenas in struct _obmalloc_state
_LENGTH_BEHIND = 8  # mgmt.maxarenas
_INTERPRETER_SIZE = 256 << 10

Array = npt.NDArray[Any]
ENTRY = np.dtype(
    [("address", "<u8"), ("carved_to", "<u8"), ("free", "<u4"), ("total", "<u4"), ("lists", "<u8", 3)], align=False
)
POOL = np.dtype(
    [("count", "<u4"), ("pad", "<u4"), ("lists", "<u8", 3), ("arena", "<u4"), ("size_class", "<u4"), ("rest", "<u8")],
    align=False,
)


class ArenaTable(NamedTuple):
    """The entries (of ENTRY) of a table that stand for arenas, and how many more should but make no sense."""

    entries: Array
    nonsense: int


def pool_bits_of(version: tuple[int, int]) -> int:
    """Return the logarithm of the size of a pool (POOL_BITS; 3.10 brought the larger ones)."""
    return 14 if version >= (3, 10) else 12


def find_arenas(pid: int, runtime: range, version: tuple[int, int], mappings: Sequence[Mapping]) -> list[ArenaTable]:
    """Return every table of arenas.

    Args:
        pid: a process that stands still.
        runtime: where _PyRuntime is.
        version: major and minor.
        mappings: those of the process.

    Returns:
        One per interpreter with an allocator of its own; none if there is no table: pymalloc is not in use.
    """
    regions = _heap_regions(mappings)
    tables: list[tuple[ArenaTable, int, int]] = []
    seen: set[int] = set()
    for start, words in _image_data(pid, runtime, mappings):
        for index, base in _tables_among(pid, words, regions, pool_bits_of(version)):
            holder = start + 8 * index
            if base not in seen and (version < (3, 12) or _is_length(_length_behind(pid, holder))):
                seen.add(base)
                tables.append((_read_table(pid, base, holder, version), base, holder))
    if not tables:
        return []
    # Other variables, such as the head of the list of arenas with room, may point at the first entry too.
    main, base, holder = max(tables, key=lambda found: (found[0].entries.size, -found[0].nonsense))
    others = _tables_of_others(pid, runtime, version, base, holder) if version >= (3, 12) else {}
    return [main, *(_read_table(pid, *other, version) for other in others.items())]


def read_records(pid: int, addresses: Array, kind: np.dtype[Any]) -> Array:
    """Read one record at each address; what cannot be read is zero.

    Raises:
        OSError: the process is gone, or may not be read.
    """
    return read_pieces(pid, addresses, kind.itemsize).view(kind).reshape(-1)


def first_pools(entries: Array, pool_bits: int) -> Array:
    """Return the address of the first pool of each arena: arenas are aligned to pages only."""
    pool = np.uint64(1 << pool_bits)
    return (entries["address"] + (pool - np.uint64(1))) & ~(pool - np.uint64(1))


def are_plausible(entries: Array, pool_bits: int) -> npt.NDArray[np.bool_]:
    """Tell which entries can be those of an existing arena."""
    address, carved_to, total = entries["address"], entries["carved_to"], entries["total"]
    pool_size = np.uint64(1 << pool_bits)
    free_pools = entries["lists"][:, 0]
    result: npt.NDArray[np.bool_] = (
        (address >= 0x10000)
        & (address % _PAGE == 0)
        & (carved_to % pool_size == 0)
        & (carved_to > address)
        & (carved_to - address <= (total.astype(np.uint64) + np.uint64(1)) * pool_size)
        & np.isin(total, _POOLS_IN_ARENA)
        & (entries["free"] <= total)
        & ((free_pools == 0) | ((free_pools % pool_size == 0) & (address <= free_pools) & (free_pools < carved_to)))
    )
    return result


def _heap_regions(mappings: Sequence[Mapping]) -> Array:
    """Return where malloc may have put something: start and end, shape (n, 2), ascending."""
    kept = [(each.start, each.end) for each in mappings if each.perms.startswith("rw") and not each.is_file]
    return np.array(kept, dtype=np.uint64).reshape(-1, 2)


def _image_data(pid: int, runtime: range, mappings: Sequence[Mapping]) -> list[tuple[int, Array]]:
    """Return address and u64 words of the writable data of the image that holds _PyRuntime, zero-filled part included."""
    home = find_mapping(mappings, runtime.start)
    if home is None:
        return []
    parts: list[tuple[int, Array]] = []
    budget = MAX_IMAGE_DATA
    before: Mapping | None = None
    for mapping in mappings:
        # The zero-filled part is an anonymous mapping right behind that of the file; _PyRuntime itself may be in it.
        follows = before is not None and before.end == mapping.start and not mapping.is_file and not mapping.path
        belongs = mapping is home or follows or (home.is_file and mapping.file_key == home.file_key)
        before = mapping if belongs else None
        # The kernel may have merged the zero-filled part with anonymous memory behind it.
        size = min(mapping.size, budget)
        if belongs and mapping.perms.startswith("rw") and size:
            budget -= size
            try:
                parts.append((mapping.start, np.frombuffer(read_memory(pid, mapping.start, size), "<u8")))
            except OSError:
                continue
    return parts


def _tables_among(pid: int, words: Array, regions: Array, pool_bits: int) -> list[tuple[int, int]]:
    """Return (index of the word, address of the table) for the words that point at a table of arenas."""
    if not regions.size:
        return []
    row = np.searchsorted(regions[:, 0], words, side="right") - 1
    inside = (row >= 0) & (words + np.uint64(ENTRY_SIZE) <= regions[np.maximum(row, 0), 1]) & (words % 16 == 0)
    targets = np.unique(words[inside])
    # As a rule the first entry is that of an arena, or the list of arenas with room points at one; else a later entry tells.
    for number in range(_FIRST_TABLE_LENGTH):
        bases = _bases_of(pid, targets + np.uint64(number * ENTRY_SIZE), pool_bits)
        found = np.nonzero(np.isin(words, bases))[0]
        if found.size:
            return [(int(index), int(words[index])) for index in found[:_MAX_POINTERS]]
    return []


def _bases_of(pid: int, addresses: Array, pool_bits: int) -> Array:
    """Return the tables in which there are entries at some of the addresses."""
    entries = read_records(pid, addresses, ENTRY)
    good = are_plausible(entries, pool_bits)
    entries, addresses = entries[good], addresses[good]
    pools = read_records(pid, first_pools(entries, pool_bits), POOL)
    good = (pools["arena"] < MAX_ARENAS) & ((pools["size_class"] < 32) | (pools["size_class"] == 0xFFFF))
    steps = pools["arena"][good].astype(np.uint64) * np.uint64(ENTRY_SIZE)
    result: Array = addresses[good] - steps
    return result


def _read_table(pid: int, base: int, holder: int, version: tuple[int, int]) -> ArenaTable:
    """Return the entries of a table that stand for an arena, each confirmed by the arena's first pool."""
    pool_bits = pool_bits_of(version)
    stated = _stated_length(pid, base, holder, version)
    length = stated or _FIRST_TABLE_LENGTH
    while True:
        addresses = np.uint64(base) + np.arange(length, dtype=np.uint64) * np.uint64(ENTRY_SIZE)
        entries = read_records(pid, addresses, ENTRY)
        index = np.nonzero(are_plausible(entries, pool_bits))[0]
        pools = read_records(pid, first_pools(entries[index], pool_bits), POOL)
        confirmed = index[pools["arena"] == index]
        # Without a stated length: half of the entries and more, or the table may go on.
        if stated or not (confirmed >= length // 2).any() or 2 * length > MAX_ARENAS:
            break
        length *= 2
    nonsense = int(np.count_nonzero(entries["address"])) - int(confirmed.size) if stated else 0
    return ArenaTable(entries[confirmed], nonsense)


def _stated_length(pid: int, base: int, holder: int, version: tuple[int, int]) -> int:
    """Return the number of entries: as stated (3.12 and newer), or as many as fill the block of malloc; 0 if unknown."""
    if version >= (3, 12):
        return _length_behind(pid, holder)
    before = _try_read(pid, base - 16, 16)
    # PYTHONMALLOC=debug puts the size in front, then "r" and seven times FD; else glibc does, and the lowest bits are flags.
    is_debug = before[8:] == b"r" + b"\xfd" * 7
    size = int.from_bytes(before[:8], "big") if is_debug else (int.from_bytes(before[8:], "little") & ~7) - 8
    length = _FIRST_TABLE_LENGTH
    while 2 * length * ENTRY_SIZE <= size and length < MAX_ARENAS:
        length *= 2
    return length if length * ENTRY_SIZE <= size < length * ENTRY_SIZE + 2 * _PAGE else 0


def _length_behind(pid: int, holder: int) -> int:
    """Return what stands where the length of a table does, since 3.12."""
    return min(int.from_bytes(_try_read(pid, holder + _LENGTH_BEHIND, 4), "little"), MAX_ARENAS)


def _is_length(value: int) -> bool:
    return value >= _FIRST_TABLE_LENGTH and value & (value - 1) == 0


def _tables_of_others(pid: int, runtime: range, version: tuple[int, int], base: int, holder: int) -> dict[int, int]:
    """Return {table: address of the word that points at it} of interpreters other than the main one (3.12 and newer)."""
    layout, _ = read_published(LAYOUTS[version], lambda size: read_memory(pid, runtime.start, size))
    main = _try_word(pid, runtime.start + layout.interpreters_head + 8)  # interpreters.main follows interpreters.head
    others = [each for each in _interpreters(pid, runtime, layout) if each != main]
    if version == (3, 12):
        states = [each + (holder - main) - _STATE_TO_ARENAS for each in others]
    else:
        words = np.frombuffer(_try_read(pid, main, _INTERPRETER_SIZE) if others else b"", "<u8")
        places = np.nonzero(words == holder - _STATE_TO_ARENAS)[0]
        states = [_try_word(pid, each + 8 * int(places[0])) for each in others] if places.size else []
    found = {}
    for state in states:
        other = _try_word(pid, state + _STATE_TO_ARENAS)
        if other and other != base:
            found[other] = state + _STATE_TO_ARENAS
    return found


def _interpreters(pid: int, runtime: range, layout: StackLayout) -> list[int]:
    found: list[int] = []
    address = _try_word(pid, runtime.start + layout.interpreters_head)
    while address and address not in found and len(found) < MAX_INTERPRETERS:
        found.append(address)
        address = _try_word(pid, address + layout.interpreter_next)
    return found


def _try_read(pid: int, address: int, size: int) -> bytes:
    try:
        return read_memory(pid, address, size)
    except OSError:
        return bytes(size)


def _try_word(pid: int, address: int) -> int:
    return int.from_bytes(_try_read(pid, address, 8), "little")
