"""Code of every kind; what stands behind the first line of each says its qualified name: ``code: NAME``.

``code before 3.12: NAME`` where newer compilers make no code of its own. ODD holds code whose texts have to be cut or escaped.
"""

import functools
import sys
import threading

import probe

HELD = []


def plain():  # code: plain
    def nested(value):  # code: plain.<locals>.nested
        return lambda: (value, nested)  # code: plain.<locals>.nested.<locals>.<lambda>

    return nested


def comprehensions(values):  # code: comprehensions
    made = [value + 1 for value in values]  # code before 3.12: comprehensions.<locals>.<listcomp>
    keys = {value: value for value in made if value}  # code before 3.12: comprehensions.<locals>.<dictcomp>
    some = {value + 1 for value in keys}  # code before 3.12: comprehensions.<locals>.<setcomp>
    return (value for value in some)  # code: comprehensions.<locals>.<genexpr>


def same(function):  # code: same
    return function


@functools.lru_cache(maxsize=None)  # code: decorated
@same
def decorated():
    return 1


class Outer:
    """Code of methods and of classes."""

    def method(self):  # code: Outer.method
        """Hold a class."""

        class Local:  # code: Outer.method.<locals>.Local
            def inner(self):  # code: Outer.method.<locals>.Local.inner
                return 1

        return Local

    @staticmethod  # code: Outer.static
    def static():
        """Take no instance."""
        return [1]

    @property  # code: Outer.size
    def size(self):
        """Be decorated."""
        return 1

    class Inner:
        """A class in a class."""

        async def wait(self):  # code: Outer.Inner.wait
            """Be a generator."""
            yield self

    by_name = ("shortest", lambda self: self)  # code: Outer.<lambda>


def changed(number, **changes):  # code: changed
    """Code of which only the texts are odd; the name is the qualified one where there is one."""
    code = eval("lambda: %d" % number).__code__
    if sys.version_info >= (3, 11):
        changes["co_qualname"] = changes["co_name"]
    return code.replace(**changes)


WIDE = "\u0416" * 4000
ODD = [
    changed(1, co_name="odd one", co_filename=WIDE),
    changed(2, co_name=WIDE, co_filename="odd.py"),
    changed(3, co_name="odd \udc80", co_filename="odd-\udcff.py"),
    changed(4, co_name="", co_filename=""),
    changed(5, co_name="odd four", co_filename=str(b"odd.py", "ascii")),
]
HELD.append((plain(), plain()(1), comprehensions([1]), Outer().method()))
probe.make_markers()
probe.start()
threading.Event().wait()
