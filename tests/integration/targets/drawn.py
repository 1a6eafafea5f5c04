"""Objects to be drawn, among them some whose every method of Python code ends the process that runs it."""

import os
import threading

import probe


class Deadly:
    """Whoever asks it for anything dies at once; where it is made, attributes are set without asking it."""

    def _die(self, *_arguments):
        os._exit(99)

    __repr__ = __str__ = __len__ = __bool__ = __eq__ = __hash__ = __iter__ = __format__ = __dir__ = __getattr__ = _die
    __getattribute__ = _die

    @property
    def __class__(self):
        os._exit(99)


class DeadlyType(type):
    """A class that answers nothing about itself either."""

    __repr__ = __str__ = __hash__ = __eq__ = __instancecheck__ = __subclasscheck__ = Deadly._die


class DeadlyClass(metaclass=DeadlyType):
    """Its type is the trap."""


class DeadlyDict(dict):
    """Asked for its items, it dies; nobody needs to ask."""

    items = keys = values = __iter__ = __getitem__ = __len__ = __contains__ = Deadly._die


class DeadlyText(str):  # noqa: SLOT000
    """A name that must not be compared."""

    __eq__ = __hash__ = __str__ = __repr__ = __len__ = Deadly._die


class Session:
    """What is drawn."""

    def __init__(self, number):
        self.number = number
        self.user = "a secret %d" % number
        self.trap = None


class Slotted:
    """Holds in a slot."""

    __slots__ = ("child",)


class Finalized:
    """Has a finalizer, which must not run either."""

    def __del__(self):
        os._exit(98)


REGISTRY = {"sessions": [Session(number) for number in range(1000)]}
ASKED = REGISTRY["sessions"][3]
TRAP = Deadly()
ASKED.trap = [TRAP, DeadlyClass(), DeadlyText("x"), Finalized()]
SLOTTED = Slotted()
SLOTTED.child = ASKED
NAMES = DeadlyDict()
dict.__setitem__(NAMES, "held", ASKED)
STARTED = threading.Event()


def work(session):
    """Hold the session in a local variable."""
    local = (session,)
    STARTED.set()
    threading.Event().wait()
    return local


def close_over():
    """Hold the session in a cell."""
    cell_name = ASKED
    return lambda: cell_name


CLOSURE = close_over()
threading.Thread(target=work, args=(ASKED,), daemon=True).start()
STARTED.wait()
probe.make_markers()
probe.start(
    lambda: {
        "session": id(ASKED),
        "sessions": id(REGISTRY["sessions"]),
        "text": id(ASKED.user),
        "module": id(threading),
        "trap": id(TRAP),
    }
)
threading.Event().wait()
