"""What every test target has in common: marker objects, a ready line, and truthful answers about itself.

Never imports anything after start-up, and keeps to the syntax of Python 3.8: it runs under every interpreter.

One JSON object per line, on stdin and stdout:  {"ask": "facts"} -> {...facts}   {"ask": "harm", "kind": "fd"} -> {}
"""

import atexit
import gc
import json
import mmap
import os
import select
import signal
import sys
import threading
import time
import warnings

KEEP = []


class Marker:
    """The class whose instances a capture must count exactly."""

    def __init__(self, number):
        self.number = number
        self.name = "marker-%d" % number
        self.tags = [number]


class SlottedMarker:
    """The same without a per-instance dict."""

    __slots__ = ("number",)

    def __init__(self, number):
        self.number = number


MARKERS = []
SLOTTED = []


def make_markers(count=1234, slotted=321):
    """Make the objects that the tests look for."""
    MARKERS.extend(Marker(number) for number in range(count))
    SLOTTED.extend(SlottedMarker(number) for number in range(slotted))


def materialised_dicts():
    """Count markers with a dict object, without making one: attribute values appear as referents where there is none."""
    return sum(1 for marker in MARKERS if any(type(held) is dict for held in gc.get_referents(marker)))


def handlers():
    """Name the handler of each signal, without its state: which object of which type."""
    found = {number: signal.getsignal(number) for number in sorted(signal.valid_signals())}
    return {int(number): "%s at %x" % (type(handler).__name__, id(handler)) for number, handler in found.items()}


def facts(extra):
    """Describe this process from the inside; everything here must be the same before and after a capture."""
    return {
        "answer": sum(marker.number for marker in MARKERS),
        "markers": len(MARKERS),
        "materialised_dicts": materialised_dicts(),
        "modules": sorted(sys.modules),
        "path": list(sys.path),
        "hooks": [str(sys.gettrace()), str(sys.getprofile()), str(sys.excepthook), str(sys.unraisablehook)],
        "meta_path": [str(finder) for finder in sys.meta_path],
        "signals": handlers(),
        "gc": [gc.isenabled(), list(gc.get_threshold()), gc.get_debug(), len(gc.callbacks), gc.get_freeze_count()],
        "garbage": len(gc.garbage),
        "warnings": [str(entry) for entry in warnings.filters],
        "main_names": sorted(vars(sys.modules["__main__"])),
        "atexit": atexit._ncallbacks(),
        "python_threads": len(sys._current_frames()),
        "known_threads": sorted(thread.name for thread in threading.enumerate()),
        "recursion_limit": sys.getrecursionlimit(),
        "switch_interval": sys.getswitchinterval(),
        "working_directory": os.getcwd(),
        "extra": extra() if extra else {},
    }


def harm_zombie():
    """Leave a child that nobody waits for."""
    if os.fork() == 0:
        os._exit(0)


def harm_orphan():
    """Leave a grandchild whose parent is gone, and no zombie."""
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    os.waitpid(child, 0)


HARMS = {
    "fd": lambda: KEEP.append(os.open("/dev/null", os.O_RDONLY)),
    "module": lambda: sys.modules.setdefault("left_behind", json),
    "path": lambda: sys.path.append("/left/behind"),
    "dict": lambda: KEEP.append(MARKERS[0].__dict__),
    "thread": lambda: threading.Thread(target=time.sleep, args=(10**6,), daemon=True, name="left-behind").start(),
    "signal": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]),
    "gc": lambda: gc.set_threshold(701, 11, 12),
    "freeze": gc.freeze,
    "zombie": harm_zombie,
    "orphan": harm_orphan,
    "memory": lambda: KEEP.append(b"x" * (16 << 20)),
    "executable": lambda: KEEP.append(mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)),
    "warnings": lambda: warnings.simplefilter("ignore", ResourceWarning),
    "answer": lambda: setattr(MARKERS[5], "number", 0),
    "nice": lambda: os.nice(1),
}


def write_line(value):
    """Send one line to the test."""
    data = (json.dumps(value) + "\n").encode()
    while data:
        data = data[os.write(1, data) :]


def answer(line, extra):
    """Answer one request."""
    request = json.loads(line)
    if request["ask"] == "facts":
        write_line(facts(extra))
    elif request["ask"] == "harm":
        HARMS[request["kind"]]()
        write_line({})
    else:
        write_line({"error": "unknown request"})


class Requests:
    """Read requests from descriptor 0 as bytes: no buffered reader, whose lock would outlive a fork."""

    def __init__(self, extra=None):
        self.extra = extra
        self.pending = b""

    def serve_waiting(self):
        """Answer what has arrived, without waiting; for targets that must not have a second thread."""
        while select.select([0], [], [], 0)[0]:
            if not self.take():
                return

    def serve_for_ever(self):
        """Answer until the test closes its end."""
        while self.take():
            pass

    def take(self):
        """Read once and answer every whole line; False at the end of input."""
        data = os.read(0, 65536)
        if not data:
            return False
        self.pending += data
        while b"\n" in self.pending:
            line, self.pending = self.pending.split(b"\n", 1)
            answer(line, self.extra)
        return True


def ready(extra=None):
    """Tell the test that the situation is set up."""
    gc.collect()
    facts(extra)  # whatever is made lazily is made before the first comparison
    write_line({"ready": True, "pid": os.getpid(), "markers": len(MARKERS), "slotted": len(SLOTTED)})


def start(extra=None):
    """Answer from a side thread, and tell the test that the situation is set up."""
    thread = threading.Thread(target=Requests(extra).serve_for_ever, name="probe", daemon=True)
    thread.start()
    ready(extra)
