"""Two views of one frozen state side by side: what both rule modules share.

Never judges a difference: native_references.py and native_differences.py do.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from heapscope.wire.protocol import Flag
from tests.support.native_view import View

MADE_BY_AGENT = frozenset(
    f"builtins.{name}" for name in ("int", "str", "bytes", "tuple", "list", "weakref", "function", "code", "frame")
) | {"weakref.ReferenceType"}
INTERPRETER_LABELS = ("static data", "interned strings")


@dataclasses.dataclass(slots=True)
class Comparison:
    """Two views of one state; ``faults`` are sentences about what differs and should not."""

    native: View
    python: View
    version: tuple[int, int]
    faults: list[str] = dataclasses.field(default_factory=list)
    native_extra: set[int] = dataclasses.field(default_factory=set)
    """What the edges that only native shows lead to."""
    _uses: set[int] | None = None
    _common: list[int] | None = None
    _rows: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def fault(self, text: str) -> None:
        """Note a difference that no rule allows."""
        self.faults.append(text)

    def common(self) -> list[int]:
        """Return the addresses in both."""
        if self._common is None:
            self._common = [address for address in self.native.index if address in self.python.index]
        return self._common

    def common_rows(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of those, in both."""
        if self._rows is None:
            views = self.native, self.python
            mine, others = (np.array([view.index[each] for each in self.common()], dtype=np.int64) for view in views)
            self._rows = mine, others
        return self._rows

    def differing(self, column: str) -> list[int]:
        """Return the addresses in both whose figures differ."""
        mine, others = self.common_rows()
        left, right = getattr(self.native.snapshot, column)[mine], getattr(self.python.snapshot, column)[others]
        return [self.common()[place] for place in np.nonzero(left != right)[0]]

    def retyped(self) -> list[int]:
        """Return the addresses in both whose types differ."""
        mine, others = self.common_rows()
        left, right = types_of_rows(self.native)[mine], types_of_rows(self.python)[others]
        return [self.common()[place] for place in np.nonzero(left != right)[0]]

    def agent_uses(self) -> set[int]:
        """Return what the agent holds while it walks: types and their dicts, what is built in, what frame objects show."""
        if self._uses is None:
            types = {address for address in self.python.index if self.python.column("flags", address) & Flag.IS_TYPE}
            holders = types | self.python.roots_labelled("builtins") | self.python.frames.keys()
            held = {target for holder in holders for target in self.python.edges.get(holder, ())}
            self._uses = types | held
        return self._uses

    def describe(self, address: int) -> str:
        """Name an object in a fault."""
        view = self.native if address in self.native.index else self.python
        return f"{view.type_name(address)} {address:#x}" if address in view.index else f"unknown {address:#x}"


def types_of_rows(view: View) -> NDArray[np.uint64]:
    """Return the address of the type of each row."""
    addresses = np.array([kind.address for kind in view.snapshot.types], dtype=np.uint64)
    return addresses[view.snapshot.type_index]
