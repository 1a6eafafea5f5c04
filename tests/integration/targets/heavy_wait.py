"""Holds so many dicts that a walk takes a moment, then waits."""

import sys
import threading

import probe

probe.make_markers()
probe.KEEP.append([{"number": number, "name": str(number)} for number in range(int(sys.argv[1]))])
probe.start()
threading.Event().wait()
