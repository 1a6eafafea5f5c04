"""The main thread sits in C calls without giving up its thread state, a second thread ticks; argument: seconds per call."""

import ctypes
import sys
import threading
import time

import probe

seconds = float(sys.argv[1])
usleep = ctypes.PyDLL(None).usleep
usleep.argtypes = [ctypes.c_uint]
usleep(1)


def tick():
    """Count without end."""
    while True:
        time.sleep(0.001)


probe.make_markers()
threading.Thread(target=tick, daemon=True).start()
probe.start()
while True:
    usleep(int(seconds * 1e6))
    time.sleep(0.2)
