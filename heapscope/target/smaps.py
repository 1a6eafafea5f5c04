"""What of each mapping is in memory: /proc/PID/smaps.

Never writes to a process and never stops one; the kernel walks its page tables for this, about 10 ms for each gigabyte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import starmap

from heapscope.target.maps import Mapping, parse_maps_text, read_memory_map

MAX_SMAPS_SIZE = 256 << 20  # 65,530 mappings of 1 KB each, and room
_KILOBYTE = 1024
_FIGURES = ("Rss", "Pss", "Anonymous", "Swap", "Private_Clean", "Private_Dirty")
_ENTRY = re.compile(r"^[0-9a-f]+-[0-9a-f]+ ", re.MULTILINE)
_LINES = {name: re.compile(rf"^{name}: +(\d+) kB", re.MULTILINE) for name in _FIGURES}


@dataclass(frozen=True, slots=True)
class Resident:
    """A mapping, and how many bytes of it are in memory (``rss``), private copies (``anonymous``) or swapped out."""

    mapping: Mapping
    rss: int
    pss: int
    anonymous: int
    swap: int
    private: int

    @property
    def is_anonymous(self) -> bool:
        """Whether no file is behind it, nor anybody else: malloc's, stacks, zeroed data."""
        path = self.mapping.path
        is_special = path.startswith("[") and not path.startswith(("[heap]", "[stack", "[anon"))
        return not self.mapping.is_file and not self.is_shared and not is_special

    @property
    def is_shared(self) -> bool:
        """Whether writes to it are for others as well."""
        return self.mapping.perms.endswith("s")


def parse_smaps_text(text: str) -> list[Resident]:
    """Read the text of an smaps file; entries that make no sense are left out."""
    starts = [found.start() for found in _ENTRY.finditer(text)]
    bounds = zip(starts, [*starts[1:], len(text)], strict=True)
    return [entry for entry in starmap(lambda start, end: _entry(text[start:end]), bounds) if entry is not None]


def _entry(text: str) -> Resident | None:
    head, _, rest = text.partition("\n")
    mappings = parse_maps_text(head)
    if not mappings:
        return None
    found = {name: pattern.search(rest) for name, pattern in _LINES.items()}
    size = {name: int(match[1]) * _KILOBYTE if match else 0 for name, match in found.items()}
    private = size["Private_Clean"] + size["Private_Dirty"]
    return Resident(mappings[0], size["Rss"], size["Pss"], size["Anonymous"], size["Swap"], private)


def read_smaps(pid: int) -> list[Resident]:
    """Return the mappings of a process, in address order, with what of them is in memory.

    Raises:
        TargetGone: there is no such process (any more).
        PermissionRefused: its memory map may not be read.
    """
    return parse_smaps_text(read_memory_map(pid, "smaps", MAX_SMAPS_SIZE))
