"""A service whose memory is not in its objects: freed blocks between kept ones, which the allocator cannot give back.

``malloc``: blocks too large for Python's own allocator. ``pymalloc``: small objects. ``native``: memory that a C library took and
never freed.
"""

import ctypes
import sys

from planted_shop import Shop, serve

WAY = next((word for word in ("malloc", "pymalloc", "native") if word in sys.argv), "malloc")
KEPT = []
LIBRARY = ctypes.CDLL(None)
LIBRARY.malloc.restype = ctypes.c_void_p
LIBRARY.malloc.argtypes = [ctypes.c_size_t]


def import_day():
    """Read all records of a day, and keep one in some hundred of them."""
    if WAY == "native":
        for _ in range(1000):
            ctypes.memset(LIBRARY.malloc(100_000), 1, 100_000)
        return
    if WAY == "malloc":
        records = [bytes(1500 + number % 64) for number in range(100_000)]
    else:
        records = [[number, float(number)] for number in range(1_000_000)]
    del KEPT[:]
    KEPT.extend(records[:: 300 if WAY == "malloc" else 500])


def handle(number):
    """Serve one request; nothing of it stays."""


if __name__ == "__main__":
    SHOP = Shop()
    import_day()
    serve(SHOP, handle)
