"""Where the code behind an object was written: a module, a class, a function, a frame, code, or the class of an instance.

Never opens a file: places are as the target reported them. No I/O.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from heapscope.analysis.code_names import CodeNames
from heapscope.analysis.roots import Roots
from heapscope.graph.references import referents
from heapscope.snapshot.model import Snapshot, TypeInfo
from heapscope.wire.protocol import Flag

MAX_MEMBERS = 1 << 12  # of a module that are asked for their file
_CODE = "builtins.code"
_WITH_CODE = frozenset({"builtins.function", "builtins.frame", "builtins.generator", "builtins.coroutine"})


class Places:
    """Places of objects of one snapshot. Building is O(modules); a place O(references of the object)."""

    def __init__(self, snapshot: Snapshot, roots: Roots) -> None:
        """Look nothing up yet."""
        self._snapshot = snapshot
        self._roots = roots
        self._codes = CodeNames(snapshot)
        self._namespaces = dict(zip(roots.modules.tolist(), roots.namespaces.tolist(), strict=True))

    def of(self, index: int) -> str:
        """Write ``file:line``, the file alone where no line is known, or ""."""
        kind = self._type(index)
        flags = int(self._snapshot.flags[index])
        if kind.name == "builtins.module":
            return self._file_of_module(index)
        if flags & Flag.IS_TYPE:
            info = self._snapshot.type_at(int(self._snapshot.address[index]))
            return _text(info.file, info.line) if info is not None else ""
        if kind.name == _CODE or kind.name in _WITH_CODE or flags & Flag.SYNTHETIC:
            return self._code_place(index)
        return _text(kind.file, kind.line)

    def _type(self, index: int) -> TypeInfo:
        return self._snapshot.types[int(self._snapshot.type_index[index])]

    def _code_place(self, index: int) -> str:
        held = referents(self._snapshot).of(index)[:64].tolist()
        code = next((one for one in (index, *held) if self._type(one).name == _CODE), None)
        place = self._codes.place_of(code) if code is not None else None
        return _text(place.file, place.line) if place is not None else ""

    def _file_of_module(self, module: int) -> str:
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
        for held in referents(self._snapshot).of(namespace)[:MAX_MEMBERS].tolist():
            info = self._snapshot.type_at(int(self._snapshot.address[held]))
            if info is not None and info.module == label and info.file:
                yield info.file
            elif info is None and self._type(held).name == "builtins.function":
                file = self._code_place(held).rpartition(":")[0]
                if file:
                    yield file


def _text(file: str, line: int) -> str:
    return f"{file}:{line}" if file and line else file
