"""Forks all the time, in one thread; run with -W error, it counts the warnings that a second thread would cause."""

import os

import probe

SEEN = {"warned": 0, "strangers": 0}


def fork_once():
    """Fork a child that ends at once, and wait for exactly that one."""
    try:
        child = os.fork()
    except DeprecationWarning:
        SEEN["warned"] += 1
        os.waitpid(-1, 0)
        return
    if child == 0:
        os._exit(0)
    if os.waitpid(child, 0)[0] != child:
        SEEN["strangers"] += 1


probe.make_markers()
requests = probe.Requests(lambda: dict(SEEN))
probe.ready(requests.extra)
while True:
    fork_once()
    requests.serve_waiting()
