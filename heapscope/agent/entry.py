"""One integer per instance, its *entry*: what the instance costs, so that equal instances share all further work.

Never looks at memory: it only packs and unpacks figures.

    bits 0-2 DictState, 3 weakly referenced, 4-43 bytes of its own block, 44-63 bytes of a values block,
    64-103 bytes of the dict's second block, 104 has a dict object of its own
"""

from heapscope.agent.layout import allocated_bytes

WEAK = 1 << 3
OWN_DICT = 1 << 104
DICT_OBJECT = 64  # GC head and basicsize, on every supported version
STATE_MASK = 7
SECOND_BLOCK_LIMIT = (1 << 40) - 1
VALUES_SHIFT = 44
_OWN_MASK = (1 << 40) - 1
_VALUES_MASK = (1 << 20) - 1


def object_and_values(entry):
    """Return the requested bytes of an instance's own block and of its values block."""
    return entry >> 4 & _OWN_MASK, entry >> VALUES_SHIFT & _VALUES_MASK


def entry_cost(entry):
    """Return (requested, allocated) bytes of everything that the instance itself costs."""
    own, values = object_and_values(entry)
    requested = own + values
    allocated = allocated_bytes(own) + allocated_bytes(values)
    if entry & OWN_DICT:
        second = entry >> 64 & SECOND_BLOCK_LIMIT
        requested += DICT_OBJECT + second
        allocated += DICT_OBJECT + allocated_bytes(second)
    return requested, allocated
