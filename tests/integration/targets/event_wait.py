"""Main thread waits for an event that nobody sets."""

import threading

import probe

probe.make_markers()
probe.start()
threading.Event().wait()
