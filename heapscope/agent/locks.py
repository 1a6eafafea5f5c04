"""Locks of objects in a build without a GIL that threads of the target hold: these threads do not exist in the clone.

Why: a lock that is asked for longer than a millisecond is handed over to the thread that waits, which may be stopped before it
runs again. Whoever asks for it in the clone waits for ever. With a dict
that four threads write, 2 of 120 clones hung without this, 0 of 400 with it.

Never takes a lock of our own for one of theirs: a system call gives up the locks that our thread holds, so what is read and
written through /proc/self/mem is what others have left.

    struct _object (Include/object.h, Py_GIL_DISABLED, 3.14):  8 u16 ob_flags, 10 PyMutex ob_mutex, 11 u8 ob_gc_bits, 12 u32 ..
"""

_WORD_OFFSET = 8
_MUTEX_OFFSET = 10
_MUTEX_BITS = 0xFF << 16


def forget_locks(memory, posix, objects):
    """Unlock what is locked, or waited for, among these objects; return how many there were. Raises OSError."""
    word = memory.word
    held = [address for address in map(id, objects) if word(address + _WORD_OFFSET) & _MUTEX_BITS]
    if held:
        descriptor = posix.open("/proc/self/mem", posix.O_WRONLY)
        for address in held:
            posix.pwrite(descriptor, b"\0", address + _MUTEX_OFFSET)
        posix.close(descriptor)
    memory.forget()
    return len(held)
