"""A target that may not be cloned.

Arguments: ``seccomp ERRNO`` (clone answers that number, or ends it: ``kill``), ``nproc UID SPARE`` (a user at its limit), or
``promised BYTES`` (so much memory that it may write and never does: what a kernel that does not overcommit would promise again).
"""

import ctypes
import mmap
import os
import resource
import struct
import sys
import threading

import probe

SYS_SECCOMP, SYS_CLONE = 317, 56
SET_MODE_FILTER, TSYNC = 1, 1
LOAD_NUMBER = (0x20, 0, 0, 0)
RETURN_ALLOW = (0x06, 0, 0, 0x7FFF0000)


def deny_clone(word):
    """Have the kernel answer every later clone of every thread with an error number, or with death."""
    action = 0x80000000 if word == "kill" else 0x00050000 | int(word)
    program = [LOAD_NUMBER, (0x15, 0, 1, SYS_CLONE), (0x06, 0, 0, action), RETURN_ALLOW]
    data = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in program))
    header = struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(data))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.syscall(SYS_SECCOMP, SET_MODE_FILTER, TSYNC, header):
        raise OSError(ctypes.get_errno(), "seccomp")


def become(uid, spare):
    """Become a user of whose limit so many tasks are left."""
    resource.setrlimit(resource.RLIMIT_NPROC, (len(os.listdir("/proc/self/task")) + spare, 10000))
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


probe.make_markers()
thread = threading.Thread(target=probe.Requests().serve_for_ever, name="probe", daemon=True)
thread.start()
if sys.argv[1] == "seccomp":
    deny_clone(sys.argv[2])
elif sys.argv[1] == "promised":
    KEPT = mmap.mmap(-1, int(sys.argv[2]), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
else:
    become(int(sys.argv[2]), int(sys.argv[3]))
probe.ready()
threading.Event().wait()
