"""Main thread sleeps for eleven days."""

import time

import probe

probe.make_markers()
probe.start()
time.sleep(10**6)
