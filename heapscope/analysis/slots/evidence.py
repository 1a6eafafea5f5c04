"""What a snapshot and the sources behind it show of all code: who reads ``__dict__``, pickles, or changes classes of objects.

Never judges a class, and never reads a file: sources come from the function that it was given. Evidence that is absent makes
advice more careful.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np

from heapscope.analysis.code_names import CodeNames
from heapscope.analysis.namespaces import Namespaces
from heapscope.analysis.origins import Origin, origin_of_path
from heapscope.analysis.slots.source_model import ClassSource, ModuleSource, Receiver, Use, UseKind
from heapscope.snapshot.model import Snapshot, TypeInfo
from heapscope.units import clean_text

PICKLERS = ("pickle", "cPickle", "_pickle", "shelve", "dill", "cloudpickle", "joblib", "Pickler", "Unpickler")
COPIERS = ("copy", "deepcopy")

DESCRIPTOR_METHODS = frozenset({"__get__", "__set__", "__delete__", "__set_name__"})
MAX_CANDIDATES = 8  # files that are looked at for one class

Read = Callable[[str], ModuleSource | None]
Files = frozenset[str] | None
"""Files that are looked at; None for all of the application."""


def no_source(path: str) -> ModuleSource | None:
    """Know no file."""
    del path
    return None


@dataclasses.dataclass(frozen=True, slots=True)
class Spot:
    """A place in code. ``use`` tells more where the source was read."""

    file: str
    text: str
    use: Use | None = None


class Evidence:
    """Evidence about one snapshot. Nothing is computed before it is asked for; then O(objects) at most, once.

    ``read`` gives the parsed source of a file, by the path that code objects name. With ``all_is_ours``, classes of
    libraries are judged as if they could be changed. Not safe to share between threads.
    """

    def __init__(self, snapshot: Snapshot, read: Read = no_source, *, all_is_ours: bool = False) -> None:
        self.snapshot = snapshot
        self.all_is_ours = all_is_ours
        self.namespaces = Namespaces(snapshot)
        self.codes = CodeNames(snapshot)
        self._read = read
        self.names_used: dict[
            tuple[int, str], frozenset[str] | None
        ] = {}  # by class and name; what views have asked for
        self._users: dict[tuple[str, ...], list[Spot]] = {}
        self._sources: dict[int, tuple[str, ModuleSource | None, ClassSource | None]] = {}

    def module(self, path: str) -> ModuleSource | None:
        """Give the source of a file; None where it is not known."""
        return self._read(path) if path.startswith("/") else None

    def is_ours(self, path: str) -> bool:
        """Tell whether a file is the application's."""
        return path.startswith("/") and (self.all_is_ours or origin_of_path(path) is Origin.APPLICATION)

    def source_of(self, info: TypeInfo) -> tuple[str, ModuleSource | None, ClassSource | None]:
        """Find the class statement of a class: the file, what it says, and what it says of the class.

        The functions of a class tell where it was written, unless it has none, or a library made them.
        """
        known = self._sources.get(info.address)
        if known is None:
            known = self._sources[info.address] = self._find_source(info)
        return known

    def _find_source(self, info: TypeInfo) -> tuple[str, ModuleSource | None, ClassSource | None]:
        qualname = info.name.removeprefix(f"{info.module}.") if info.module else info.name
        for path in dict.fromkeys([info.file, *self._files_of_module(info.module)]):
            module = self.module(path)
            found = module.find(qualname, info.line if path == info.file else 0) if module is not None else None
            if found is not None:
                return path, module, found
        # Readable, and the class is not in it: a library's, unless the application makes classes without a class statement.
        is_certain = self.is_ours(info.file) or self.module(info.file) is None
        return (info.file if is_certain else ""), None, None

    def _files_of_module(self, module: str) -> list[str]:
        """List files that a module may be: those of its other classes, and those that are called as it is."""
        ends = (f"/{module.replace('.', '/')}.py", f"/{module.replace('.', '/')}/__init__.py")
        named = [path for path in self.snapshot.codes.files if path.endswith(ends)] if module else []
        return [*self._files_by_module.get(module, ()), *named][:MAX_CANDIDATES]

    @cached_property
    def _files_by_module(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for info in self.snapshot.types:
            files = found.setdefault(info.module, [])
            if info.file.startswith("/") and info.file not in files:
                files.append(info.file)
        return found

    @cached_property
    def subclasses(self) -> dict[int, list[TypeInfo]]:
        """All classes behind each class, by its address."""
        found: dict[int, list[TypeInfo]] = {}
        for info in self.snapshot.types:
            for address in info.mro:
                if address != info.address:
                    found.setdefault(address, []).append(info)
        return found

    def spots_using(self, *names: str, constants: bool = False) -> Iterator[tuple[int, Spot]]:
        """Find the application's code that uses any of the names: the code object, and where it was written."""
        table = self.snapshot.codes
        found = self.codes.using(*names, constants=constants)
        at = np.searchsorted(table.objects, found)
        at, found = at[at < table.objects.size], found[at < table.objects.size]
        ours = np.array([self.is_ours(path) for path in table.files], dtype=np.bool_)
        known = table.objects[at] == found
        known[known] = ours[table.file[at[known]]] if ours.size else False
        for code in found[known].tolist():
            place = self.codes.place_of(code)
            yield code, Spot(place.file, str(place))

    @property
    def knows_code(self) -> bool:
        """Whether it is known which code uses which names, and where that was written."""
        return self.codes.is_known and bool(self.snapshot.codes.objects.size)

    @cached_property
    def our_files(self) -> list[str]:
        """The application's files, of code and of classes."""
        files = [*self.snapshot.codes.files, *(info.file for info in self.snapshot.types)]
        return [path for path in dict.fromkeys(files) if self.is_ours(path)]

    def _candidates(self, names: tuple[str, ...]) -> list[Spot]:
        """Give the code that uses names; where that is not known, every file of the application."""
        known = self._users.get(names)
        if known is None:
            if self.knows_code:
                known = [spot for _, spot in self.spots_using(*names, constants=True)]
            else:
                known = [Spot(path, clean_text(path, 200)) for path in self.our_files]
            self._users[names] = known
        return known

    def _spots(self, kinds: tuple[UseKind, ...], names: tuple[str, ...], files: Files) -> list[Spot]:
        """Find uses: by source where it can be trusted, else all code with these names. Reads no file that it need not."""
        result: list[Spot] = []
        candidates = self._candidates(names)
        wanted = files if files is not None else frozenset(spot.file for spot in candidates)
        for path in sorted(wanted):
            module = self.module(path)
            if module is None or module.is_newer:
                result.extend(spot for spot in candidates if spot.file == path)
            else:
                result.extend(spot_of(use, path) for use in module.uses if use.kind in kinds)
        return result

    def dict_uses(self, files: Files) -> list[Spot]:
        """Find places that read or write the ``__dict__`` of objects. Those of classes are left out, and those of descriptors.

        What a descriptor does concerns the classes that have it.
        """
        kinds = (UseKind.DICT_READ, UseKind.DICT_WRITE, UseKind.DICT_REPLACE)
        return [
            spot
            for spot in self._spots(kinds, ("__dict__", "vars"), files)
            if spot.use is None
            or (spot.use.receiver is not Receiver.CLASS and spot.use.method not in DESCRIPTOR_METHODS)
        ]

    def class_assignments(self, files: frozenset[str], name: str) -> list[Spot]:
        """Find places in some files, or in code that names a class, that assign to ``__class__``.

        Where no source could be read, code that names ``__class__``.
        """
        elsewhere: set[str] = set()
        if self.knows_code:
            both = np.intersect1d(self.codes.using("__class__"), self.codes.using(name))
            elsewhere = {self.codes.place_of(code).file for code in both.tolist()}
        wanted = files.union(path for path in elsewhere if self.is_ours(path))
        return self._spots((UseKind.CLASS_ASSIGN,), ("__class__",), wanted)

    def old_picklers(self, files: Files) -> list[Spot]:
        """Find places that pickle with protocol 0 or 1, as far as sources could be read."""
        found = self._spots((UseKind.PICKLE_OLD,), PICKLERS, files)
        return [spot for spot in found if spot.use is not None]

    @cached_property
    def picklers(self) -> list[Spot]:
        """The application's code that pickles."""
        return self._using(PICKLERS)

    @cached_property
    def copiers(self) -> list[Spot]:
        """The application's code that copies objects, or dicts and lists: names do not tell."""
        return self._using(COPIERS)

    def _using(self, names: tuple[str, ...]) -> list[Spot]:
        if self.knows_code:
            return self._candidates(names)
        modules = {path: self.module(path) for path in self.our_files}
        wanted = set(names)
        return [Spot(path, clean_text(path, 200)) for path, one in modules.items() if one and one.imports & wanted]


def spot_of(use: Use, file: str) -> Spot:
    """Name the place of a use."""
    place = f"{clean_text(file, 200)}:{use.line}"
    return Spot(file, f"{clean_text(use.function, 100)} {place}" if use.function else place, use)
