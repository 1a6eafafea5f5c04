"""The fingerprint column: which str and bytes have equal contents, which dicts have the same keys.

Never runs code of the target: hashes exact str and bytes only, and compares types by their addresses. Holds no object.
"""

from heapscope.wire.protocol import NO_LENGTH, OBJECTS_PER_FRAME

_NONE = bytes(8 * OBJECTS_PER_FRAME)
_STR = id(str)
_SHAPES = {}  # addresses of keys -> packed key shape; nothing is freed while the clone lives
MEMO_KEYS = 64
MEMO_LIMIT = 1 << 15


def no_fingerprints(objects):
    """Return the column for objects of a type that has no fingerprints."""
    return _NONE[: 8 * len(objects)]


def hashes(objects):
    """Return the packed hashes of exact str or bytes.

    These are mostly all different, so filling a buffer is faster than any table of packed words.
    """
    column = memoryview(bytearray(8 * len(objects))).cast("q")
    for index, value in enumerate(map(hash, objects)):
        column[index] = value
    return column.tobytes()


def key_shapes(dicts):
    """Return the packed key shapes of exact dicts: the sum of the hashes of the keys, 0 unless all are exactly str.

    Most small dicts of a heap have the very key objects of one before, in the same order.
    """
    known = _SHAPES
    column = []
    for item in dicts:
        if len(item) > MEMO_KEYS:
            column.append(_key_shape(item))
            continue
        keys = tuple(map(id, item))
        shape = known.get(keys)
        if shape is None:
            if len(known) > MEMO_LIMIT:
                known.clear()
            shape = known[keys] = _key_shape(item)
        column.append(shape)
    return b"".join(column)


def _key_shape(item):
    if set(map(id, map(type, item))) != {_STR}:
        return _NONE[:8]
    return (sum(map(hash, item)) & NO_LENGTH).to_bytes(8, "little")


def fingerprints_of(kind):
    """Return the function that makes the column for objects of exactly this type."""
    if kind is str or kind is bytes:
        return hashes
    return key_shapes if kind is dict else no_fingerprints
