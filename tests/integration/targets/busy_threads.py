"""Three threads and the main thread compute in pure Python and never wait; argument: seconds of pause between rounds, 0 for none.

Each keeps changing a dict of its own and one that all share, so that a copy made between two steps would be torn.
"""

import sys
import threading
import time

import probe

PAUSE_S = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0
shared = {}


def compute(number):
    """Change dicts without end."""
    own = {}
    while True:
        for step in range(2000):
            own[step % 97] = [step]
            shared[number, step % 31] = own
            if step % 89 == 0:
                own.clear()
        if PAUSE_S:
            time.sleep(PAUSE_S)


probe.make_markers()
threads = [threading.Thread(target=compute, args=(number,), daemon=True) for number in range(3)]
for thread in threads:
    thread.start()
probe.start()
compute(3)
