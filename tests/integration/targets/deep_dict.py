"""Dicts and lists nested deeper than any recursion would survive; argument: levels (200000)."""

import sys
import threading

import probe

levels = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
deep = {}
for level in range(levels):
    deep = {"inside": deep} if level % 2 else [deep]
probe.make_markers()
probe.start()
threading.Event().wait()
