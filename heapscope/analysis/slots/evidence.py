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
from heapscope.analysis.slots.source_model import ModuleSource, Receiver, Use, UseKind
from heapscope.snapshot.model import Snapshot, TypeInfo
from heapscope.units import clean_text

PICKLERS = ("pickle", "cPickle", "_pickle", "shelve", "dill", "cloudpickle", "joblib", "Pickler", "Unpickler")
COPIERS = ("copy", "deepcopy")

Read = Callable[[str], ModuleSource | None]


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

    def module(self, path: str) -> ModuleSource | None:
        """Give the source of a file; None where it is not known."""
        return self._read(path) if path.startswith("/") else None

    def is_ours(self, path: str) -> bool:
        """Tell whether a file is the application's."""
        return path.startswith("/") and (self.all_is_ours or origin_of_path(path) is Origin.APPLICATION)

    @cached_property
    def subclasses(self) -> dict[int, list[TypeInfo]]:
        """All classes behind each class, by its address."""
        found: dict[int, list[TypeInfo]] = {}
        for info in self.snapshot.types:
            for address in info.mro:
                if address != info.address:
                    found.setdefault(address, []).append(info)
        return found

    @cached_property
    def type_names(self) -> frozenset[str]:
        """The names of all types."""
        return frozenset(info.name for info in self.snapshot.types)

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

    def _spots(self, kinds: tuple[UseKind, ...], names: tuple[str, ...]) -> list[Spot]:
        """Find uses in the application: by source where it can be trusted, else all code with these names."""
        result: list[Spot] = []
        read: set[str] = set()
        for _, spot in self.spots_using(*names, constants=True):
            module = self.module(spot.file)
            if module is None or module.is_newer:
                result.append(spot)
            elif spot.file not in read:
                read.add(spot.file)
                result.extend(spot_of(use, spot.file) for use in module.uses if use.kind in kinds)
        return result

    @cached_property
    def dict_uses(self) -> list[Spot]:
        """Places that read or write the ``__dict__`` of objects; those of classes are left out."""
        kinds = (UseKind.DICT_READ, UseKind.DICT_WRITE, UseKind.DICT_REPLACE)
        return [
            spot
            for spot in self._spots(kinds, ("__dict__", "vars"))
            if spot.use is None or spot.use.receiver is not Receiver.CLASS
        ]

    @cached_property
    def class_assignments(self) -> list[Spot]:
        """Places that assign to ``__class__``, as far as sources could be read."""
        return [spot for spot in self._spots((UseKind.CLASS_ASSIGN,), ("__class__",)) if spot.use is not None]

    @cached_property
    def picklers(self) -> list[Spot]:
        """The application's code that pickles."""
        return [spot for _, spot in self.spots_using(*PICKLERS)]

    @cached_property
    def old_picklers(self) -> list[Spot]:
        """Places that pickle with protocol 0 or 1, as far as sources could be read."""
        names = ("dumps", "dump", "Pickler")
        return [spot for spot in self._spots((UseKind.PICKLE_OLD,), names) if spot.use is not None]

    @cached_property
    def copiers(self) -> list[Spot]:
        """The application's code that copies objects, or dicts and lists: names do not tell."""
        return [spot for _, spot in self.spots_using(*COPIERS)]


def spot_of(use: Use, file: str) -> Spot:
    """Name the place of a use."""
    place = f"{clean_text(file, 200)}:{use.line}"
    return Spot(file, f"{clean_text(use.function, 100)} {place}" if use.function else place, use)
