"""The order of one capture in the clone: options, HELLO, walk, facts, roots, END.

Never lets an exception out without an ERROR frame, and never returns while the stream is half written.
"""

from heapscope.agent.facts import TypeDescriber
from heapscope.agent.layout import FREE_THREADED, Layout
from heapscope.agent.locks import forget_locks
from heapscope.agent.memory import Memory
from heapscope.agent.plans import PlanMaker
from heapscope.agent.probe import verify
from heapscope.agent.roots import ROOTS_PER_FRAME, Roots
from heapscope.agent.stream import Stream
from heapscope.agent.walk import DeadlineReached, TooManyObjects, Walker
from heapscope.wire.protocol import PROTOCOL_VERSION, Kind
from heapscope.wire.values import decode_value

SIGN_OF_LIFE_S = 0.2
MAX_OPTIONS_SIZE = 1 << 16
INSTANCES_PER_FRAME = 64
DEFAULT_DEADLINE_S = 600
ALARM_MARGIN_S = 5
DEFAULT_MAX_OBJECTS = 1 << 27
FREE_THREADED_WARNING = (
    "free-threaded build: how instances keep their attributes is unknown, and with it some bytes of their dicts; "
    "reference counts of types, functions, modules and code are approximate; there are no generations"
)
RECURSION_LIMIT = 10000  # the walk needs little, but may start on top of a deep stack of the target's main thread


class Tools:
    """The few functions of gc and sys that the walk uses, and its limits."""

    def __init__(self, sys, posix, gc, unfrozen, options):
        self.referents = gc.get_referents
        self.is_tracked = gc.is_tracked
        self.refcount = sys.getrefcount
        self.unfrozen = unfrozen
        probe = [object()]
        self.own_refcount = next(map(sys.getrefcount, probe))
        self._clock = posix.times
        self._next_sign = 0.0
        self._deadline = posix.times()[4] + float(options.get("deadline_s") or DEFAULT_DEADLINE_S)
        self._max_objects = int(options.get("max_objects") or DEFAULT_MAX_OBJECTS)
        self.progress = None

    def check(self, objects):
        """Raise when a limit is passed; tell the host that we live."""
        now = self._clock()[4]
        if now > self._deadline:
            raise DeadlineReached("the deadline of the capture has passed")
        if objects > self._max_objects:
            raise TooManyObjects("more than %d objects" % self._max_objects)
        if self.progress is not None and now > self._next_sign:
            self._next_sign = now + SIGN_OF_LIFE_S
            self.progress(objects)


def set_alarm(sys, seconds):
    """Move the kernel's alarm that ends this process: until now it gave the host time for the payload only."""
    signals = sys.modules.get("_signal")
    if signals is None:
        loader = sys.modules["_imp"]
        signals = loader.create_builtin(type(sys.implementation)(name="_signal"))
        loader.exec_builtin(signals)
    signals.alarm(seconds)


def read_options(posix):
    """Read u64 length | values dict from descriptor 0."""
    size = int.from_bytes(read_exactly(posix, 8), "little")
    if size > MAX_OPTIONS_SIZE:
        raise ValueError("options are too long")
    options = decode_value(read_exactly(posix, size))
    return options if type(options) is dict else {}


def read_exactly(posix, size):
    """Read from descriptor 0 until there are ``size`` bytes."""
    data = b""
    while len(data) < size:
        piece = posix.read(0, size - len(data))
        if not piece:
            raise EOFError("the host has gone")
        data += piece
    return data


def run(sys, posix, gc, early, unfrozen, own_frames, namespace):
    """Do everything; sends ERROR and raises on failure."""
    stream = Stream(posix.write)
    try:
        sys.setrecursionlimit(max(sys.getrecursionlimit(), RECURSION_LIMIT))
        capture(sys, posix, gc, early, unfrozen, own_frames, namespace, stream)
    except BaseException as error:
        code = "internal"
        if type(error) is DeadlineReached:
            code = "deadline"
        elif type(error) is TooManyObjects:
            code = "too-many-objects"
        stream.send_value(Kind.ERROR, {"code": code, "message": describe_error(error)})
        raise


def describe_error(error):
    """Name the error and our own line; its text only where the type is built in or ours."""
    place = ""
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename.startswith("<heapscope>"):
            place = " at %s:%d" % (step.tb_frame.f_code.co_filename[12:], step.tb_lineno)
        step = step.tb_next
    text = error.args[0] if len(error.args) == 1 and type(error.args[0]) is str else ""
    return (type(error).__name__ + ": " + text[:300] + place)[:512]


def hello(sys, posix):
    """Return what HELLO says."""
    version = sys.version_info
    return {
        "protocol": PROTOCOL_VERSION,
        "python_version": "%d.%d.%d" % (version[0], version[1], version[2]),
        "hexversion": sys.hexversion,
        "implementation": sys.implementation.name,
        "pid": posix.getpid(),
        "collector": "python-clone",
    }


def open_layout(sys, posix, warnings):
    """Return (memory or None, layout); says in ``warnings`` what is missing without the first."""
    minor = sys.version_info[1]
    try:
        memory = Memory(posix)
    except OSError:
        warnings.append("no /proc in the target: states and hidden blocks of instances are unknown")
        return None, Layout(None, minor)
    layout = Layout(memory, minor)
    if FREE_THREADED:
        warnings.append(FREE_THREADED_WARNING)
        return memory, layout
    fault = verify(layout, memory)
    if fault:
        warnings.append(fault + ": states and hidden blocks of instances are unknown")
    return memory, layout


def capture(sys, posix, gc, early, unfrozen, own_frames, namespace, stream):
    """Send everything from HELLO to END."""
    options = read_options(posix)
    set_alarm(sys, int(float(options.get("deadline_s") or DEFAULT_DEADLINE_S)) + ALARM_MARGIN_S)
    stream.send_value(Kind.HELLO, hello(sys, posix))
    warnings = []
    excluded = {id(namespace), id(early)} | set(map(id, own_frames))
    young, middle = namespace["young"], namespace["middle"]
    excluded.update(map(id, (young, middle)))
    if unfrozen is not None:
        excluded.add(id(unfrozen))
    memory, layout = open_layout(sys, posix, warnings)
    if FREE_THREADED and memory is not None:
        forget_locks(memory, posix, early)
    tools = Tools(sys, posix, gc, unfrozen, options)
    tools.progress = lambda objects: stream.send_value(Kind.PROGRESS, {"objects": objects, "phase": "walk"})
    roots = Roots(sys, own_frames)
    roots.collect()
    plans = PlanMaker(sys, gc.get_referents, layout, roots.executing)
    walker = Walker(tools, stream, memory, plans, TypeDescriber(gc.get_referents, layout), roots, young, middle)
    walker.run(early, excluded)
    send_facts(stream, walker, roots)
    if walker.codes.left_out:
        warnings.append("there is too much code: where some of it was written is unknown")
    end = {"objects": stream.objects, "references": stream.references, "types": walker.type_count}
    end.update({"roots": len(roots.records), "warnings": warnings, "coverage": None})
    stream.send_value(Kind.END, end)


def send_facts(stream, walker, roots):
    """Send what is known per class, and the roots."""
    readers = walker.readers()
    for start in range(0, len(readers), INSTANCES_PER_FRAME):
        records = [reader.record() for reader in readers[start : start + INSTANCES_PER_FRAME]]
        stream.send_value(Kind.INSTANCES, records)
    for start in range(0, len(roots.records), ROOTS_PER_FRAME):
        stream.send_value(Kind.ROOTS, roots.records[start : start + ROOTS_PER_FRAME])
