"""Why objects live: modules, the frames of every thread, the interpreter, static types.

Never keeps what it names alive longer than needed, and reads names only where their type is exactly str.
"""

from heapscope.agent import facts
from heapscope.wire.protocol import MAX_NAME, RootKind

MAX_FRAMES_PER_THREAD = 4096  # deeper frames are still reached through f_back
ROOTS_PER_FRAME = 4096


class Roots:
    """Collects roots as records, and the objects behind them as starting points."""

    def __init__(self, sys, own_frames):
        self._sys = sys
        self._own = set(map(id, own_frames))
        self.records = []
        self.objects = []
        self.executing = set()  # ids of frames on some thread's stack

    def add(self, kind, target, label):
        """Note one root; its object is a starting point of the walk."""
        self.records.append([kind, id(target), label[:MAX_NAME]])
        self.objects.append(target)

    def collect(self):
        """Fill in everything but the static types, which the walk finds."""
        modules = self._sys.modules
        self.add(RootKind.INTERPRETER, modules, "sys.modules")
        if type(modules) is dict:
            for name, module in list(modules.items()):
                self.add(RootKind.MODULE, module, facts.plain_text(name))
            if type(modules.get("builtins")) is type(self._sys):
                self.add(RootKind.INTERPRETER, modules["builtins"].__dict__, "builtins")
        self.add(RootKind.INTERPRETER, self._sys.__dict__, "sys")
        for ident, frame in list(self._sys._current_frames().items()):
            self._add_thread(ident, frame)

    def _add_thread(self, ident, frame):
        first = True
        depth = 0
        while frame is not None:
            if id(frame) not in self._own and not str.startswith(frame.f_code.co_filename, "<heapscope>"):
                if first:
                    self.add(RootKind.THREAD, frame, "thread %d" % ident)
                    first = False
                if depth < MAX_FRAMES_PER_THREAD:
                    code = frame.f_code
                    place = "%s:%s" % (facts.plain_text(code.co_filename), frame.f_lineno)
                    self.add(RootKind.FRAME, frame, facts.plain_text(code.co_name) + " " + place)
                self.executing.add(id(frame))
                depth += 1
            frame = frame.f_back

    def add_static_type(self, kind, name):
        """Note a static type that the walk has met."""
        self.records.append([RootKind.STATIC_TYPE, id(kind), name[:MAX_NAME]])
