"""Text of a script that runs in the target itself and makes the frozen clone; for injectors that can only run Python.

The host fills in the names in capitals and never imports this file. It imports nothing that stays, writes one small file that
the host removes, and never raises: what fails is a line in that file. Only the injectors ``remote_exec`` and ``pyrasite``
need it: where ptrace is allowed, no Python of ours runs in the target.
"""


def _syscall_function(modules):
    """Return libc's ``syscall`` as a function that keeps the GIL, without leaving a module or a cached attribute behind."""
    ctypes = modules.get("ctypes")
    if ctypes is not None:
        function = ctypes.pythonapi["syscall"]
        function.restype = ctypes.c_long
        return function
    known = "_ctypes" in modules
    import _ctypes

    if not known:
        del modules["_ctypes"]
    c_long = type("c_long", (_ctypes._SimpleCData,), {"_type_": "l"})
    holds_gil = 4 | 1  # FUNCFLAG_PYTHONAPI | FUNCFLAG_CDECL
    prototype = type("F", (_ctypes.CFuncPtr,), {"_flags_": holds_gil, "_restype_": c_long})
    return prototype(_ctypes.dlsym(_ctypes.dlopen(None, 2), "syscall"))


def _arrange_clone(posix, call):
    """Do in the clone what the native stub does: signals, alarm, priorities, descriptors, name."""
    for number in DEFAULT_SIGNALS:
        call(SYS_RT_SIGACTION, number, bytes(32), None, 8)
    call(SYS_RT_SIGPROCMASK, 2, CLONE_MASK, None, 8)
    call(SYS_ALARM, ALARM_S)
    call(SYS_SETRLIMIT, 4, CORE_RLIMIT)
    call(SYS_SETPRIORITY, 0, 0, 19)
    posix.closerange(0, 1 << 20)
    posix.pipe()
    posix.pipe()
    call(SYS_PRCTL, 15, CLONE_NAME)


def _serve(posix, call):
    """Do what the host says until it says "run Python": the same protocol as the native stub's (inject/server.py)."""
    while True:
        data = posix.read(0, 64)
        if len(data) != 64:
            posix._exit(71)
        words = [int.from_bytes(data[at : at + 8], "little") for at in range(0, 64, 8)]
        if words[0] == 0:
            return
        if words[0] == 2:
            type(call)(words[1])()
        as_long = call.restype
        result = call(*[as_long(word - (1 << 64) if word >> 63 else word) for word in words[1:]])
        posix.write(3, result.to_bytes(8, "little", signed=True))


def _run():
    import sys

    posix = sys.modules["posix"]
    clock = sys.modules["time"].perf_counter_ns
    try:
        marker = posix.open(MARKER_PATH, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, 0o600)
    except OSError:
        return  # another thread was first
    for path in CLEAN_PATHS:
        if path in sys.path:
            sys.path.remove(path)
    try:
        call = _syscall_function(sys.modules)
        posix.stat("/")  # gives the GIL up and takes it again: a pending drop request would hang the clone
        started = clock()
        pid = call(SYS_CLONE, 0, None, None, None, None)
        if pid == 0:
            try:
                _arrange_clone(posix, call)
                _serve(posix, call)
                exec(BOOTSTRAP, {"__name__": "heapscope"})
            finally:
                posix._exit(0)
        posix.write(marker, b"%d %d\n" % (pid, clock() - started))
    except BaseException as error:
        posix.write(marker, b"-1 " + type(error).__name__.encode() + b"\n")
    finally:
        posix.close(marker)


_run()
