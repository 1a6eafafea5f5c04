"""How a holder is called, and where its code is: ``app.sessions.REGISTRY.sessions``, ``app/sessions.py:14``.

Never guesses a name that was not recorded: a step without one shows its type. Texts are as recorded, to be cleaned by whoever
shows them. No I/O.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from heapscope.analysis.code_names import Place
from heapscope.analysis.origins import Origin, origin_of_path
from heapscope.analysis.suspects.model import PathStep
from heapscope.analysis.suspects.scene import Scene
from heapscope.graph.references import referents
from heapscope.snapshot.model import U32Array
from heapscope.units import short_type_name

MAX_STEPS = 40  # of a way that is shown; of longer ones the middle is left out
MAX_USERS = 3
NATIVE = "held by C code only"
_SLOTS = {
    ("builtins.cell", ""): ".cell_contents",
    ("builtins.traceback", "builtins.frame"): ".tb_frame",
    ("builtins.traceback", "builtins.traceback"): ".tb_next",
    ("builtins.frame", "builtins.frame"): ".f_back",
    ("builtins.method", ""): ".__self__",
    ("builtins.function", "builtins.tuple"): ".__closure__",
    ("collections.deque", ""): "[]",
    ("builtins.set", ""): "[]",
    ("builtins.frozenset", ""): "[]",
    ("builtins.list", ""): "[]",
    ("builtins.tuple", ""): "[]",
    ("builtins.dict", ""): "[]",
    ("collections.OrderedDict", ""): "[]",
    ("collections.defaultdict", ""): "[]",
    ("", "builtins.traceback"): ".__traceback__",
}
_NAME = re.compile(r"\.?([^\W\d]\w*)\Z|\['([^\W\d]\w*)'\]\Z")


class Naming:
    """Names of one scene. A name is O(length of its way)."""

    def __init__(self, scene: Scene) -> None:
        """Look nothing up yet."""
        self._scene = scene

    def way_to(self, index: int) -> list[int]:
        """Give the objects on a way that a person wants to read: a shortest one, by the module that it belongs to.

        Frames, and modules that import a global, lead to it as well: its own module is where its class, or its code, is.
        """
        way = self._scene.paths.ways.to(index)
        skip = 1
        if len(way) > 2 and way[0] in self._namespace_of:
            skip = 2 if way[1] == self._namespace_of[way[0]] else 1
        elif len(way) < 2 or not self._is_frame(way[0]):
            return way
        if len(way) <= skip:
            return way
        home = self._home_of(way[skip])
        return way if home is None else [home, self._namespace_of[home], *way[skip:]]

    def _is_frame(self, index: int) -> bool:
        info = self._scene.tree.roots.info(index)
        return info is not None and info.kind in {"frame", "thread"}

    @cached_property
    def _namespace_of(self) -> dict[int, int]:
        roots = self._scene.tree.roots
        return dict(zip(roots.modules.tolist(), roots.namespaces.tolist(), strict=True))

    @cached_property
    def _globals(self) -> tuple[U32Array, U32Array]:
        """What all namespaces refer to, and whose each is."""
        roots, offsets = self._scene.tree.roots, self._scene.snapshot.reference_offsets
        counts = (offsets[roots.namespaces.astype(np.int64) + 1] - offsets[roots.namespaces]).astype(np.int64)
        held = referents(self._scene.snapshot).of_all(roots.namespaces)
        return held, np.repeat(roots.modules, counts)

    def _home_of(self, held: int) -> int | None:
        """Find the module that a global was made in: that of its class if several have it; None for what is no global."""
        targets, owners = self._globals
        modules = owners[targets == np.uint32(held)].tolist()
        wanted = self._scene.info(held).module
        return next((one for one in modules if self._label(one) == wanted), modules[0] if modules else None)

    def _label(self, module: int) -> str:
        root = self._scene.tree.roots.by_object.get(module)
        return root.label if root is not None else ""

    def steps_to(self, index: int) -> tuple[PathStep, ...]:
        """Name the way to an object; none where no root leads there."""
        return self.steps_along(self.way_to(index))

    def steps_along(self, way: Sequence[int]) -> tuple[PathStep, ...]:
        """Name the steps of a way. Namespaces are left out: they are their owner's."""
        if not way:
            return ()
        names = self._scene.edge_names.along(way)
        steps = [PathStep(self._root_name(way[0]), self._scene.type_name(way[0]), self.place_of(way[0]), way[0])]
        for at in range(1, len(way)):
            if at + 1 < len(way) and self._scene.edge_names.is_namespace(way[at - 1], way[at]):
                continue
            name = names[at] or self._slot_name(way[at - 1], way[at])
            steps.append(PathStep(name, self._scene.type_name(way[at]), self.place_of(way[at]), way[at]))
        if len(steps) > MAX_STEPS:
            half = MAX_STEPS // 2
            steps = [*steps[:half], PathStep(f"… {len(steps) - 2 * half} steps …", "", ""), *steps[-half:]]
        return tuple(steps)

    def _slot_name(self, holder: int, held: int) -> str:
        first, second = self._scene.type_name(holder), self._scene.type_name(held)
        for key in ((first, second), (first, ""), ("", second)):
            if key in _SLOTS:
                return _SLOTS[key]
        return ""

    def _root_name(self, index: int) -> str:
        info = self._scene.tree.roots.info(index)
        if info is None:
            return ""
        if info.kind == "native":
            return NATIVE
        return info.label if info.label.startswith(f"{info.kind} ") else f"{info.kind} {info.label}".strip()

    def holder(self, steps: Sequence[PathStep]) -> str:
        """Write a way as code would: ``app.sessions.REGISTRY.sessions``."""
        if not steps:
            return ""
        first = steps[0]
        text = first.name.removeprefix("module ") or short_type_name(first.type_name)
        if first.name.startswith("frame "):
            text = f"{first.name.split()[1]}()"
        elif first.name == NATIVE:
            text = f"{short_type_name(first.type_name)} {NATIVE}"
        for step in steps[1:]:
            if step.name.startswith((".", "[")):
                text += step.name
            else:
                text += f" > {step.name or short_type_name(step.type_name)}"
        return text

    def place_of(self, index: int) -> str:
        """Say where a module, class, function, frame, or the class of an instance was written; "" where that is not known."""
        return self._scene.places.of(index)

    def code_of(self, index: int) -> Place:
        """Give the place of the code of a function, frame or code object."""
        return self._scene.places.code_of(index)

    def users_of(self, steps: Sequence[PathStep]) -> tuple[Place, ...]:
        """Find the code that uses the last name on a way: in the file of what has that name, where there is such code.

        A way to ``app.sessions.REGISTRY.sessions`` gives the functions of ``app/sessions.py`` that use ``sessions``. Making a thing is
        less telling than filling it, so ``__init__`` and whole modules come last.
        """
        for at in range(len(steps) - 1, 0, -1):
            match = _NAME.match(steps[at].name)
            name = match and (match[1] or match[2])
            if not name:
                continue
            home = next((step.place for step in reversed(steps[:at]) if step.place), "").partition(":")[0]
            places = [self._scene.codes.place_of(int(code)) for code in self._scene.codes.using(name, constants=True)]
            found = [place for place in places if place.file and place.file == home]
            if not found and self._is_rare(name):
                found = [place for place in places if origin_of_path(place.file) is Origin.APPLICATION]
            if found:
                return tuple(sorted(found, key=_telling)[:MAX_USERS])
        return ()

    def _is_rare(self, name: str) -> bool:
        return len(name) > 3 and self._scene.codes.using(name).size <= MAX_USERS

    def types_in(self, objects: U32Array) -> list[tuple[str, int]]:
        """Count some objects by type name, most first."""
        numbers = self._scene.tree.type_names.of_objects(objects)
        counts = np.bincount(numbers)
        order = np.argsort(-counts, kind="stable")[:5]
        return [(self._scene.tree.type_names.names[at], int(counts[at])) for at in order.tolist() if counts[at]]


def _telling(place: Place) -> tuple[bool, str, int]:
    last = place.name.rpartition(".")[2]
    return last in {"__init__", "<module>", ""}, place.file, place.line
