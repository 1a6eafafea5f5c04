"""What slots do beside saving memory, in words: time to make an instance and to read from it, and what half a conversion costs.

Never measures: the figures were measured once per version (``heapscope slots SOURCE --verify TYPE`` measures on this machine). No I/O.
"""

from __future__ import annotations

from heapscope.analysis.slots.costs import ClassCosts
from heapscope.analysis.slots.layout import Version
from heapscope.units import format_bytes

# The version up to which it holds, and how the time to make an instance changes with slots.
_MAKING: tuple[tuple[Version, str], ...] = (
    ((3, 10), "26 to 40 % faster"),
    ((3, 11), "9 to 19 % faster"),
    ((3, 12), "9 to 14 % faster"),
    # Its specialised call needs a class with inline values; 3.13.18 was measured as well.
    ((3, 13), "15 to 38 % slower in 3.13.0, in later patch releases about as fast as now"),
    ((3, 14), "2 to 13 % faster"),
    ((3, 15), "10 to 17 % faster"),
)
_READS_FASTER_UP_TO: Version = (3, 10)


def speed_note(version: Version) -> str:
    """Say what creation and access time will do on the target's version."""
    name = ".".join(map(str, version))
    found = next((change for last, change in _MAKING if version <= last), "")
    if not found:
        return f"Python {name}: time with slots was not measured; --verify measures it"
    reading = "reading about 20 % faster" if version <= _READS_FASTER_UP_TO else "reading as fast as now"
    return f"Python {name}: making an instance is {found} with slots; {reading}"


def partial_note(costs: ClassCosts) -> str:
    """Warn where converting this class but not its bases costs memory; "" where it does not."""
    saves = costs.leaf_saves
    if saves is None or saves.allocated > 0:
        return ""
    if saves.allocated == 0:
        return "converting this class without its bases saves nothing: they still give each instance a __dict__"
    each = -saves.allocated / costs.instances
    total = format_bytes(-saves.allocated)
    return f"converting this class without its bases costs {each:.0f} bytes more per instance, {total} in all"
