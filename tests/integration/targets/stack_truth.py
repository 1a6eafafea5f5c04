"""What a target with waiting threads knows about their stacks, and how it tells the test.

Says "ready" on stdout when all threads wait; for each byte on stdin it answers with one line of JSON: every thread's stack as
the interpreter itself sees it. Keeps to the syntax of Python 3.8.
"""

import json
import os
import sys
import threading
import time

LOCK = threading.Lock()
LOCK.acquire()
STARTED = []
HELD_ON_STACK = {}


def wait():
    """Wait for ever."""
    STARTED.append(1)
    LOCK.acquire()


def locals_of(frame):
    """Return the address of every local variable of a function; None elsewhere."""
    if not frame.f_code.co_flags & 1:  # CO_OPTIMIZED
        return None
    return {name: id(value) for name, value in frame.f_locals.items()}


def namespace_of(frame):
    """Return the address of the namespace of a class body or module; None for functions."""
    first, again = frame.f_locals, frame.f_locals
    # 3.12 and newer make a new one each time for a frame inside a comprehension.
    return id(first) if first is again and not frame.f_code.co_flags & 1 else None


def frames_of(frame):
    """Describe a stack, innermost frame first."""
    found = []
    while frame is not None:
        code = frame.f_code
        found.append(
            {
                "frame": id(frame),
                "name": code.co_name,
                "qualname": getattr(code, "co_qualname", ""),
                "file": code.co_filename,
                "line": frame.f_lineno,
                "first_line": code.co_firstlineno,
                "code": id(code),
                "globals": id(frame.f_globals),
                "builtins": id(frame.f_builtins),
                "namespace": namespace_of(frame),
                "locals": locals_of(frame),
            }
        )
        frame = frame.f_back
    return found


def tell():
    """Write the truth about all threads."""
    natives = {thread.ident: thread.native_id for thread in threading.enumerate()}
    own = threading.get_ident()
    threads = [
        {"ident": ident, "native": natives.get(ident, 0), "frames": frames_of(frame)}
        for ident, frame in sys._current_frames().items()
        if ident != own
    ]
    answer = {"threads": threads, "own": own, "held": HELD_ON_STACK}
    os.write(1, (json.dumps(answer) + "\n").encode())


def all_wait(count):
    """Tell whether that many threads have come to their end and sleep in the kernel."""
    if len(STARTED) < count:
        return False
    for tid in os.listdir("/proc/self/task"):
        with open("/proc/self/task/%s/stat" % tid) as file:
            state = file.read().rpartition(")")[2].split()[0]
        if int(tid) != threading.get_native_id() and state != "S":
            return False
    return True


def answer_for_ever(count):
    """Wait for the others, then answer."""
    calm = 0
    while calm < 5:
        time.sleep(0.02)
        calm = calm + 1 if all_wait(count) else 0
    os.write(1, b"ready\n")
    while os.read(0, 1):
        tell()
