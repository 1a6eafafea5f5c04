"""Draws what an object refers to, or what refers to it, with objgraph, in the clone: one picture, then the end.

Never runs code of the target (guard.py), and is bounded in boxes, bytes and time; what is left out is said. The picture is
objgraph's dot, sent in PICTURE frames between HELLO and END.
"""

from heapscope.agent import facts, references
from heapscope.agent.guard import Describer, builtins_for, modules_for, namespace_of_module
from heapscope.agent.holding import Holding
from heapscope.agent.layout import FREE_THREADED
from heapscope.agent.locks import forget_locks
from heapscope.agent.main import describe_error, hello, open_layout, read_options, set_alarm
from heapscope.agent.stream import Stream
from heapscope.wire.protocol import Kind

MAX_BOXES = 250
MAX_BYTES = 1 << 22
BREADTH = 12  # neighbours of one object; objgraph counts the others
CHUNK = 4096
ALARM_MARGIN_S = 5


class Search:
    """Stands in for the module gc: the same answers, without our own objects, in one pass over the heap per level."""

    def __init__(self, gc, referents, clock, deadline, early, young, own):
        self._gc = gc
        self._young = young
        self._referents = referents
        self._clock = clock
        self._deadline = deadline
        self._early = early
        self.own = own
        self.executing = []  # (frame, ids of its variables)
        self.namespaces = {}  # id of the namespace of a module that is loaded -> that module
        self._waiting = {}  # id -> object whose referrers nobody has asked for yet
        self._found = {}  # id -> referrers
        self.accepted = set()
        self._beside = 0  # neighbours that were drawn of the object that was asked about last
        self.cut = ""

    def collect(self):
        """Stand in for a collection, which would run finalizers."""
        return 0

    def accept(self, item):
        """Decide whether a neighbour is drawn: not ours, and there is room. Remembers it for the next pass."""
        if id(item) in self.own or is_ours(item):
            return False
        if self._beside >= BREADTH:
            return True  # objgraph counts it, and draws it not
        if id(item) not in self.accepted:
            if len(self.accepted) >= MAX_BOXES:
                self.cut = self.cut or "boxes"
                return False
            self.accepted.add(id(item))
            self._waiting[id(item)] = item
        self._beside += 1
        return True

    def _is_late(self):
        if self._clock()[4] > self._deadline:
            self.cut = "time"
        return self.cut == "time"

    def get_referents(self, item):
        """Return what an object refers to."""
        self._beside = 0
        return [] if self._is_late() else self._referents(item)

    def get_referrers(self, item):
        """Return what refers to an object."""
        self._beside = 0
        if id(item) in self.namespaces:
            return [self.namespaces[id(item)]]  # every function of the module refers to it, which says nothing
        if id(item) not in self._found and not self._is_late():
            self._waiting[id(item)] = item
            self._pass()
        return self._found.pop(id(item), [])

    def _pass(self):
        """Find the referrers of all that wait, with one look at the heap."""
        waiting, self._waiting = self._waiting, {}
        for number in waiting:
            self._found[number] = []
        items = list(waiting.values())
        holders = self._gc.get_referrers(*items)
        self._note_ours()
        for holder in holders:
            if holder is items or holder is waiting or id(holder) in self.own or is_ours(holder):
                continue
            for number in waiting.keys() & set(map(id, self._referents(holder))):
                self._found[number].append(holder)
        for frame, held in self.executing:
            for number in waiting.keys() & held:
                if not any(frame is one for one in self._found[number]):
                    self._found[number].append(frame)

    def _note_ours(self):
        """Exclude what was made since the clone was: the collector is off, so that it stays in the youngest generation."""
        self.own.update(map(id, self._found.values()))
        if not FREE_THREADED:
            ours = set(map(id, self._gc.get_objects(generation=0))) - self._young
            self.own |= ours.difference([id(frame) for frame, _ in self.executing])

    def find(self, address):
        """Return [object] at an address that the collector knows, or that something it knows refers to; [] if there is none."""
        for item in self._early:
            if id(item) == address:
                return [item]
        for start in range(0, len(self._early), CHUNK):
            if self._is_late():
                break
            part = self._early[start : start + CHUNK]
            for item in self._gc.get_referents(*part) if self._is_plain() else self._each(part):
                if id(item) == address:
                    return [item]
        return []

    def _is_plain(self):
        return self._referents is self._gc.get_referents

    def _each(self, part):
        for item in part:
            for held in self._referents(item):
                yield held


def is_ours(item):
    """Whether an object is a frame of ours, or code that we brought along."""
    return id(type(item)) == facts.FRAME and item.f_code.co_filename.startswith("<heapscope>")


class Picture:
    """What objgraph writes into: frames to the host, so many bytes at most."""

    def __init__(self, stream):
        self._stream = stream
        self._size = 0
        self._parts = []

    def write(self, text):
        """Take a piece of dot."""
        data = text.encode("utf-8", "backslashreplace")
        self._size += len(data)
        if self._size > MAX_BYTES:
            raise ValueError("the picture is too large")
        self._parts.append(data)

    def send(self):
        """Send what was written."""
        self._stream.send(Kind.PICTURE, b"".join(self._parts))


def run(sys, posix, gc, early, own_frames, namespace, source):
    """Do everything; sends ERROR and raises on failure. ``source`` is that of objgraph."""
    stream = Stream(posix.write)
    try:
        draw(sys, posix, gc, early, own_frames, namespace, source, stream)
    except BaseException as error:
        stream.send_value(Kind.ERROR, {"code": "internal", "message": describe_error(error)})
        raise


def draw(sys, posix, gc, early, own_frames, namespace, source, stream):
    """Send everything from HELLO to END."""
    options = read_options(posix)
    seconds = max(1, int(options.get("deadline_s") or 60))
    set_alarm(sys, seconds + ALARM_MARGIN_S)
    stream.send_value(Kind.HELLO, hello(sys, posix))
    memory, layout = open_layout(sys, posix, [])
    if FREE_THREADED and memory is not None:
        forget_locks(memory, posix, early)
    referents = _safe_referents(sys, gc)
    deadline = posix.times()[4] + 0.7 * seconds
    young = namespace["young"]
    own = set(map(id, (early, namespace, own_frames, *own_frames, young, namespace["middle"])))
    search = Search(gc, referents, posix.times, deadline, early, young, own)
    found = search.find(int(options.get("address") or 0))
    end = {"found": bool(found), "type": "", "cut": "", "objgraph": ""}
    if found:
        own.update(map(id, (found, search, search.__dict__)))
        end["type"] = facts.type_name(type(found[0])) or "?"
        holding = Holding(sys, referents, memory if layout.verified else None, layout)
        search.executing = _executing(sys, holding, own_frames)
        search.namespaces.update(_namespaces(sys))
        own.add(id(search.namespaces))
        picture = Picture(stream)
        end["objgraph"] = _draw(sys, search, holding, found, options, picture, source)
        picture.send()
        end["cut"] = search.cut
    stream.send_value(Kind.END, end)


def _safe_referents(sys, gc):
    """gc.get_referents, but for the modules of some versions that must not be visited twice."""
    module_references = references.make_module(gc.get_referents, sys.version_info)
    if module_references is None:
        return gc.get_referents
    module_type = type(sys)
    plain = gc.get_referents
    return lambda item: module_references(item) if type(item) is module_type else plain(item)


def _namespaces(sys):
    if type(sys.modules) is not dict:
        return {}
    modules = [module for module in dict.values(sys.modules) if type(module) is type(sys)]
    return {id(namespace_of_module(module)): module for module in modules}


def _executing(sys, holding, own_frames):
    """List the frames that run, with what their variables hold: since 3.11 the collector does not see it."""
    own = set(map(id, own_frames))
    found = []
    for top in list(sys._current_frames().values()):
        frame = top
        while frame is not None and len(found) < 4096:
            if id(frame) not in own and not is_ours(frame):
                found.append((frame, {id(value) for _, value in holding.variables(frame)}))
            frame = frame.f_back
    return found


def _draw(sys, search, holding, found, options, picture, source):
    """Load objgraph, put what is safe in the place of what is not, and have it draw; return its version."""
    real = sys.modules["builtins"].__dict__
    modules = modules_for(sys, search)
    describer = Describer(sys, search.namespaces)
    loaded = {"__name__": "objgraph", "__builtins__": builtins_for(real, modules, search.get_referents)}
    search.own.update(map(id, (loaded, modules, loaded["__builtins__"], search.executing, *search.executing)))
    exec(compile(source, "<heapscope>/objgraph", "exec", dont_inherit=True), loaded)
    quote = loaded["_quote"]
    module_ids = set(map(id, search.namespaces.values()))

    def edge_label(held_by, target, _shortnames=None):
        name = holding.name(held_by, target)
        return ' [label="%s"]' % quote(name[:200]) if name else ""

    loaded["_edge_label"] = edge_label
    loaded["_short_typename"] = loaded["_long_typename"] = describer.type_words
    loaded["_safe_repr"] = loaded["_short_repr"] = loaded["_name_or_repr"] = describer.words
    loaded["is_proper_module"] = lambda item: id(item) in module_ids
    search.accepted.add(id(found[0]))
    show = loaded["show_refs" if options.get("direction") == "refs" else "show_backrefs"]
    depth = min(20, max(1, int(options.get("depth") or 3)))
    show(found, max_depth=depth, too_many=BREADTH, output=picture, filter=search.accept, extra_ignore=search.own)
    return str(loaded.get("__version__", ""))[:40]
