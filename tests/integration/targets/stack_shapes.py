"""Threads that wait in stacks of every shape, and the truth about them on request, see stack_truth.py."""

import functools
import sys
import threading

from stack_truth import HELD_ON_STACK, LOCK, STARTED, answer_for_ever, wait


def plain(number, *rest, flag=None, **others):
    """Arguments of all kinds."""
    text = "text %d" % number
    later = None
    del later
    wait()
    return text, rest, flag, others


def deep(depth, payload):
    """Recursion over many chunks of the frame stack."""
    copy = [depth]
    if depth:
        return deep(depth - 1, copy)
    wait()
    return payload


def inner_generator(value):
    """Wait inside a generator."""
    local = {"value": value}
    yield 1
    wait()
    yield local


def outer_generator(value):
    """Delegate to another generator."""
    other = object()
    yield from inner_generator(value)
    yield other


def generators():
    """Generators that run are part of the stack."""
    for item in outer_generator([1, 2]):
        last = item
    return last


async def inner_coroutine(value):
    """Wait inside a coroutine."""
    held = (value,)
    wait()
    return held


async def outer_coroutine(value):
    """Await another coroutine."""
    return await inner_coroutine(value)


async def async_generator():
    """Await in an asynchronous generator."""
    yield await outer_coroutine("x")


def coroutines():
    """Coroutines that run are part of the stack."""
    running = async_generator()
    running.asend(None).send(None)


def class_body():
    """A class body waits."""
    seen = 5

    class Body:
        first = seen
        STARTED.append(1)

        class Inner:
            second = 2
            third = tuple([LOCK.acquire() for _ in (1, 2)])

    return Body


def closures(argument, unset=None):
    """Arguments and locals in cells, an empty cell, and cells of enclosing functions."""
    counter = 0

    def middle(own):
        nonlocal counter
        counter += 1

        def leaf():
            total = (argument, own, counter)
            wait()
            return total, unset

        return leaf()

    if unset is None:
        del unset
    return middle(object())


def comprehensions(values):
    """Comprehensions and generator expressions, nested, one with a closure."""
    callables = [lambda: value for value in values]  # noqa: B023
    return {row: [sum(cell + len(callables) for cell in blocking(row) if cell) for _ in (1,)] for row in values}


def blocking(row):
    """Wait in the middle of an iteration."""
    yield row
    wait()


LONG_SOURCE = (
    "first = object()\n"
    + "\n" * 700
    + "def %s(eins, zwei):\n" % "größe"
    + "    lokal = [eins,\n" + "\n" * 300 + "zwei, (\n\n"
    + "  " + "+".join(["eins"] * 400) + "),\n"
    + "      wait(\n" + "\n" * 5 + "),\n\n\n"
    + "    ]\n"
    + "    return lokal\n"
    + "größe(1,\n\n 2)\n"
)  # fmt: skip


def executed():
    """Code made at run time, with namespaces, lines and a file name of its own."""
    namespace = {"wait": wait, "__name__": "made up"}
    local_names = {"already": 1}
    code = compile(LONG_SOURCE, "<päth → 🐍>", "exec")
    exec(code, namespace, local_names)
    return namespace


class Sorted:
    """Python called from C in several ways."""

    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        return functools.reduce(self.combine, [1, 2, 3]) < other.value

    @property
    def blocked(self):
        """Wait in a property."""
        held = [self.value]
        return list(map(lambda item: (item, held, wait()), [self.value]))  # noqa: C417

    def combine(self, left, right):
        """Wait below reduce(), below a comparison, below sort()."""
        return left + right + max([1, 2], key=lambda number: len(self.blocked))


def called_from_c():
    """Frames with C functions in between."""
    items = [Sorted(2), Sorted(1)]
    return sorted(items, key=functools.partial(key_of, "extra"))


def key_of(extra, item):
    """Return the item itself: comparing it calls Python."""
    return item


def handlers():
    """Wait while an exception is handled."""
    try:
        raise KeyError("lost")
    except KeyError as error:
        known = error.args
        with Manager() as manager:
            manager.append(known)
    finally:
        known = None


class Manager(list):
    """Waits on the way out."""

    def __enter__(self):
        return self

    def __exit__(self, *details):
        wait()


def second(first, later):
    """Return the second one."""
    return first, later


def value_stack():
    """An object that only the value stack holds, while the next argument is made."""
    return second(made(), wait())


def made():
    """Make an object and tell where it is."""
    fresh = ["only on the stack"]
    HELD_ON_STACK["made"] = id(fresh)
    return fresh


def traced():
    """Wait while every line is traced."""

    def trace(frame, event, argument):
        return trace

    sys.settrace(trace)
    plain(3, 4, flag=5, six=6)


class WithCell:
    """Methods with __class__ in a cell."""

    def method(self, 名前, 𝔞=1):  # noqa: N803, PLC2401
        """Wait, below super()."""
        super().__init__()
        wait()
        return 名前


SHAPES = (
    lambda: plain(1),
    lambda: plain(2, 3, object(), flag=[], more={}),
    lambda: deep(4000, None),
    generators,
    coroutines,
    class_body,
    lambda: closures("argument"),
    lambda: comprehensions([1, 2]),
    executed,
    called_from_c,
    handlers,
    value_stack,
    traced,
    lambda: WithCell().method(5),
)


def main():
    """Start everything; the main thread is a shape of its own."""
    sys.setrecursionlimit(20000)
    threading.stack_size(256 << 20)
    for shape in SHAPES:
        threading.Thread(target=shape, daemon=True).start()
    threading.stack_size(1 << 20)
    threading.Thread(target=answer_for_ever, args=(len(SHAPES) + 1,), daemon=True).start()
    local = [main]
    wait()
    return local


class Main:
    """The outermost frame is a module's, and this class body's is on top of it."""

    result = main()
