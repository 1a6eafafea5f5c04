"""A master that waits for any child, with three workers, as preforking servers do."""

import os
import time

import probe

WORKERS = set()
SEEN = {"strangers": [], "workers": 3, "deaths": 0}


def work():
    """Live as a worker; never touch the master's pipes."""
    os.close(0)
    os.close(1)
    while True:
        time.sleep(0.05)


probe.make_markers()
for _ in range(SEEN["workers"]):
    pid = os.fork()
    if pid == 0:
        work()
    WORKERS.add(pid)
probe.start(lambda: dict(SEEN))
while True:
    pid, status = os.waitpid(-1, 0)
    if pid in WORKERS:
        SEEN["deaths"] += 1
    else:
        SEEN["strangers"].append([pid, status])
