"""The text that runs first in the clone: quiets the interpreter, lists the heap, loads the payload, ends the process.

Never imports, prints, flushes or lets anything escape: other threads may hold any lock, and they do not exist here.

It is not imported but executed in a dict of its own, so nothing of it appears in ``__main__``. The list of objects is
taken before the payload is compiled: our own objects are not part of what is walked.
"""

try:
    if type(__import__) is type(len):  # noqa: SIM108  (a line that nobody could read)
        sys = __import__("sys")
    else:  # a replaced __import__ is somebody else's code
        sys = __loader__.find_spec.__func__.__globals__["sys"]
    sys.settrace(None)
    sys.setprofile(None)
    posix = sys.modules["posix"]
    gc = sys.modules.get("gc")
    if gc is None:
        _imp = sys.modules["_imp"]
        gc = _imp.create_builtin(type(sys.implementation)(name="gc"))
        _imp.exec_builtin(gc)
        sys.modules.pop("gc", None)
    gc.disable()
    young, middle = set(), set()
    if "t" not in sys.abiflags:  # else there are no generations, and each call would return everything
        # As sets of addresses: lists would be part of the next list, and hold what they list.
        young = set(map(id, gc.get_objects(generation=0)))
        middle = set(map(id, gc.get_objects(generation=1)))
    if hasattr(sys, "monitoring"):
        for tool in range(6):
            if sys.monitoring.get_tool(tool) is not None:
                sys.monitoring.set_events(tool, 0)
    unfrozen = None
    if gc.get_freeze_count():
        unfrozen = set(map(id, gc.get_objects()))
        gc.unfreeze()
    early = gc.get_objects()
    own_frames = [sys._getframe(0)]
    if own_frames[0].f_back is not None:
        own_frames.append(own_frames[0].f_back)
    try:
        descriptor = posix.open("/proc/self/oom_score_adj", posix.O_WRONLY)
        posix.write(descriptor, b"1000")
        posix.close(descriptor)
    except OSError:
        pass
    size = 8
    for step in (0, 1):
        source = b""
        while len(source) < size:
            piece = posix.read(0, min(size - len(source), 65536))
            if not piece:
                posix._exit(1)
            source += piece
        if step == 0:
            size = int.from_bytes(source, "little")
            if size > 4194304:  # MAX_PAYLOAD_SOURCE_SIZE
                posix._exit(1)
    posix.close(1)
    posix.close(2)
    exec(compile(source, "<heapscope>", "exec"), globals())
    posix._exit(0)
except BaseException:
    posix._exit(1)
finally:
    posix._exit(1)
