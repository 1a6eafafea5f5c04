"""What slots do beside saving memory, in words: time to make an instance and to read from it, and what half a conversion costs.

Never measures: the figures were measured once per version (``heapscope slots SOURCE --verify TYPE`` measures on this machine). No I/O.
"""

from __future__ import annotations

from heapscope.analysis.slots.costs import ClassCosts
from heapscope.analysis.slots.layout import Version
from heapscope.units import format_bytes

# Version up to which, percent more time to make an instance with slots (from, to), and why where that surprises.
_MAKING: tuple[tuple[Version, tuple[int, int], str], ...] = (
    ((3, 10), (-40, -26), ""),
    ((3, 11), (-17, -9), ""),
    ((3, 12), (-10, -9), ""),
    ((3, 13), (15, 38), ": its fast path for making instances is for classes with a dict only"),
    ((3, 14), (-10, -2), ""),
    ((3, 15), (-13, -10), ""),
)
_READS_FASTER_UP_TO: Version = (3, 10)


def speed_note(version: Version) -> str:
    """Say what creation and access time will do on the target's version."""
    name = ".".join(map(str, version))
    found = next(((change, why) for last, change, why in _MAKING if version <= last), None)
    if found is None:
        return f"Python {name}: time with slots was not measured; --verify measures it"
    (low, high), why = found
    word = "slower" if low > 0 else "faster"
    span = "{} to {} %".format(*sorted((abs(low), abs(high))))
    reading = "reading about 20 % faster" if version <= _READS_FASTER_UP_TO else "reading as fast as now"
    return f"Python {name}: making an instance is {span} {word} with slots{why}; {reading}"


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
