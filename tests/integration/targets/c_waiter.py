"""Threads wait in C, in nanosleep, epoll_wait and recv with a time-out, and count what comes back too early."""

import ctypes
import os
import select
import socket
import struct
import threading

import probe

LIBC = ctypes.CDLL(None, use_errno=True)
COUNTS = {"sleeps": 0, "wakes": 0, "interrupted": 0}
READ_END, WRITE_END = os.pipe()


class Timespec(ctypes.Structure):
    """struct timespec."""

    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


def sleep_in_c():
    """Sleep again and again; a call that comes back early counts."""
    while True:
        if LIBC.nanosleep(ctypes.byref(Timespec(0, 300000000)), None) != 0:
            COUNTS["interrupted"] += 1
        COUNTS["sleeps"] += 1


def wait_in_c():
    """Wait for a pipe with the bare epoll_wait; only a byte may end it."""
    poll = select.epoll()
    poll.register(READ_END, select.EPOLLIN)
    events = ctypes.create_string_buffer(64)
    while True:
        if LIBC.epoll_wait(poll.fileno(), events, 1, -1) != 1:
            COUNTS["interrupted"] += 1
        else:
            os.read(READ_END, 1)
            COUNTS["wakes"] += 1


def receive_in_c():
    """Receive from a socket with a long time-out, as database clients do."""
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 1000, 0))
    data = ctypes.create_string_buffer(16)
    while True:
        if LIBC.recv(ours.fileno(), data, 16, 0) != 1:
            COUNTS["interrupted"] += 1
        theirs.fileno()


probe.make_markers()
for function in (sleep_in_c, wait_in_c, receive_in_c):
    threading.Thread(target=function, name=function.__name__, daemon=True).start()
probe.start(lambda: dict(COUNTS))
while True:
    threading.Event().wait(0.5)
    os.write(WRITE_END, b"x")
