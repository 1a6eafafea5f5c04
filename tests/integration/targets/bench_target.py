"""A target that answers benchmarks about itself. Arguments: a workload of bench_workloads.py, how much of it.

A thread ticks every millisecond and keeps its longest pause. The collector is off once the heap is built: a collection of
ten million objects would be the longest pause of all. One question a line on stdin, one JSON value a line on stdout.
"""

import ctypes
import gc
import json
import os
import resource
import select
import signal
import sys
import threading
import time
import tracemalloc

import bench_workloads

GAP = [0]
GATE = threading.Lock()
CLONE = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
WALL = 0x40000000  # children of any kind: this one's end is signalled by nothing
RUNS = 9
SYSCALL = ctypes.PyDLL(None).syscall  # the GIL stays held
SYSCALL.restype = ctypes.c_long


def tick():
    """Note the longest time between two ticks."""
    last = time.perf_counter_ns()
    while True:
        time.sleep(0.001)
        with GATE:
            now = time.perf_counter_ns()
            GAP[0] = max(GAP[0], now - last)
            last = now


def gap():
    """Return the longest gap since the last question, in ns."""
    with GATE:
        answer, GAP[0] = GAP[0], 0
    return answer


def clone():
    """Return the median time of the bare system call, GIL held, in ns: no way to copy this process is faster."""
    times = []
    for _ in range(RUNS):
        started = time.perf_counter_ns()
        pid = SYSCALL(CLONE, 0, None, None, None, None)
        if pid == 0:
            os._exit(0)
        times.append(time.perf_counter_ns() - started)
        os.kill(pid, signal.SIGKILL)  # asked for the GIL by a thread that is not there, it would wait for ever
        os.waitpid(pid, WALL)
        time.sleep(0.02)
    return sorted(times)[RUNS // 2]


def has_dict(instance):
    """Tell whether an instance has a dict object, without making one."""
    return any(type(held) is dict for held in gc.get_referents(instance))


def facts():
    """Return what a capture must not change. Collects first: what waits in free lists is no difference."""
    kept = KEPT if isinstance(KEPT[0], bench_workloads.Record) else ()
    dicts = sum(1 for record in kept if has_dict(record))
    with GATE:
        gc.collect()
        blocks = sys.getallocatedblocks()
    return {"blocks": blocks, "dicts": dicts}


def traced():
    """Return the bytes that tracemalloc knows of; 0 when it does not trace."""
    return tracemalloc.get_traced_memory()[0]


def children():
    """Return the CPU time of all children that were collected, in ns."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int((usage.ru_utime + usage.ru_stime) * 1e9)


def run(path):
    """Run a program in this process, as other tools do to a target; return how long its main thread was away, in ns."""
    started = time.perf_counter_ns()
    with open(path) as stream:
        exec(compile(stream.read(), path, "exec"), {"__name__": "peer"})
    return time.perf_counter_ns() - started


def work():
    """Have the main thread work as that of a service does, until another line comes; return its longest step, in ns.

    Some tools come in through the allocator or through a pending call: they would wait for ever for a thread that waits itself.
    """
    last = time.perf_counter_ns()
    longest = 0
    while not select.select([sys.stdin], [], [], 0.001)[0]:
        bytearray(4096)
        now = time.perf_counter_ns()
        longest, last = max(longest, now - last), now
    sys.stdin.readline()
    return longest


QUESTIONS = {function.__name__: function for function in (gap, clone, facts, traced, children, run, work)}

KEPT = bench_workloads.WORKLOADS[sys.argv[1]](int(sys.argv[2]))
gc.collect()
gc.disable()
threading.Thread(target=tick, name="tick", daemon=True).start()
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    question, *arguments = line.split()
    print(json.dumps(QUESTIONS[question](*arguments)), flush=True)
