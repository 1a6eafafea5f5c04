"""Where the code behind an object was written: a module, a class, a function, a frame, code, or the class of an instance.

Never opens a file: places are as the target reported them. No I/O.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property

from heapscope.analysis.code_names import CodeNames, Place
from heapscope.analysis.roots import Roots
from heapscope.graph.references import referents
from heapscope.snapshot.model import Snapshot, TypeInfo
from heapscope.wire.protocol import Flag

MAX_HELD = 1 << 12  # references of a module, or of a frame, that are looked at
_CODE, _FUNCTION = "builtins.code", "builtins.function"
_WITH_CODE = frozenset({_FUNCTION, "builtins.frame", "builtins.generator", "builtins.coroutine"})


class Places:
    """Places of objects of one snapshot. A place is O(references of the object); files of modules are looked up once."""

    def __init__(self, snapshot: Snapshot, roots: Roots, codes: CodeNames | None = None) -> None:
        """Look nothing up yet. ``codes`` is what others know of the code of this snapshot."""
        self._snapshot = snapshot
        self._roots = roots
        self._codes = codes if codes is not None else CodeNames(snapshot)
        self._files: dict[int, str] = {}

    @cached_property
    def _namespaces(self) -> dict[int, int]:
        return dict(zip(self._roots.modules.tolist(), self._roots.namespaces.tolist(), strict=True))

    def of(self, index: int) -> str:
        """Write ``file:line``, the file alone where no line is known, or ""."""
        kind = self._type(index)
        flags = int(self._snapshot.flags[index])
        if kind.name == "builtins.module":
            return self._file_of_module(index)
        if flags & Flag.IS_TYPE:
            info = self._snapshot.type_at(int(self._snapshot.address[index]))
            return place_text(info.file, info.line) if info is not None else ""
        if kind.name == _CODE or kind.name in _WITH_CODE or flags & Flag.SYNTHETIC:
            place = self.code_of(index)
            return place_text(place.file, place.line)
        return place_text(kind.file, kind.line)

    def code_of(self, index: int) -> Place:
        """Give the place of a code object, or of the code of a function or frame; the empty place where there is none."""
        held = self._held(index)
        code = next((one for one in (index, *held) if self._type(one).name == _CODE), None)
        return self._codes.place_of(code) if code is not None else Place()

    def _type(self, index: int) -> TypeInfo:
        return self._snapshot.types[int(self._snapshot.type_index[index])]

    def _held(self, index: int) -> list[int]:
        held: list[int] = referents(self._snapshot).of(index)[:MAX_HELD].tolist()
        return held

    def _file_of_module(self, module: int) -> str:
        known = self._files.get(module)
        if known is None:
            known = self._files[module] = self._find_file(module)
        return known

    def _find_file(self, module: int) -> str:
        """Find the file by the classes and functions of the module: the one that ends like its name, else that of most."""
        info = self._roots.info(module)
        label = info.label if info is not None else ""
        ending = "/" + label.replace(".", "/")
        votes: Counter[str] = Counter()
        for file in self._files_in(module, label):
            if file.endswith((f"{ending}.py", f"{ending}/__init__.py")):
                return file
            votes[file] += 1
        return votes.most_common(1)[0][0] if votes else ""

    def _files_in(self, module: int, label: str) -> Iterator[str]:
        namespace = self._namespaces.get(module)
        if namespace is None:
            return
        for held in self._held(namespace):
            file = self._file_of_member(held, namespace, label)
            if file:
                yield file

    def _file_of_member(self, held: int, namespace: int, label: str) -> str:
        """Give the file of a class or function that was made in the module; "" for what it imported, and for all else."""
        if int(self._snapshot.flags[held]) & Flag.IS_TYPE:
            info = self._snapshot.type_at(int(self._snapshot.address[held]))
            return info.file if info is not None and info.module == label else ""
        is_function = self._type(held).name == _FUNCTION
        return self.code_of(held).file if is_function and namespace in self._held(held) else ""


def place_text(file: str, line: int) -> str:
    """Write ``file:line``; "" for an unknown file."""
    return f"{file}:{line}" if file and line else file
