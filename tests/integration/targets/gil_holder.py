"""Main thread sits in C calls that hold the GIL; argument: seconds per call (5)."""

import ctypes
import sys
import time

import probe

seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
usleep = ctypes.PyDLL(None).usleep
usleep.argtypes = [ctypes.c_uint]
usleep(1)
probe.make_markers()
probe.start()
while True:
    usleep(int(seconds * 1e6))
    time.sleep(0.2)
