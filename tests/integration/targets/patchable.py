"""Classes of several kinds with instances, to be patched: plain, derived, a dataclass, weakly referenced, with defaults.

Started with "hold", it says ready and waits for the end of stdin; imported, it is a module whose text can be patched.
"""

import dataclasses
import sys
import weakref
from functools import cached_property


class Plain:
    """A record."""

    def __init__(self, number):
        self.number = number
        self.__secret = [number]

    def secret(self):
        """Say it."""
        return self.__secret


class Derived(Plain):
    """More."""

    def __init__(self, number):
        super().__init__(number)
        self.more = None

    def show(self):
        """Name the attributes."""
        return sorted(self.__dict__)


@dataclasses.dataclass
class Record:
    """Fields."""

    number: int
    name: str = "nobody"


class Referenced:
    """Weakly referenced."""

    state = "new"

    def __init__(self, number):
        self.number = number

    @cached_property
    def square(self):
        """Compute once."""
        return self.number**2

    def use(self):
        """Set the state."""
        self.state = "used"
        return self.square


def make():
    things = [cls(number) for cls in (Plain, Derived, Record, Referenced) for number in range(200)]
    used = [thing.use() for thing in things if type(thing) is Referenced]
    return things, used, [weakref.ref(thing) for thing in things if type(thing) is Referenced]


if __name__ == "__main__":
    kept = make()
    print("ready", flush=True)
    sys.stdin.read()
