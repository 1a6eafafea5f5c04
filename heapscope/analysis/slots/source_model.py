"""What source text says of classes, as records: class statements, and places where code uses attributes of an object.

Never reads or parses text; class_source.py does. No I/O.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping


class UseKind(enum.Enum):
    """What a place in code does to the attributes of an object."""

    SET = "sets"  # obj.name = ...
    AUGMENT = "augments"  # obj.name += ...
    DELETE = "deletes"  # del obj.name
    DICT_READ = "reads __dict__"
    DICT_WRITE = "writes __dict__"
    DICT_REPLACE = "replaces __dict__"
    SETATTR = "setattr"  # with a name that is computed
    CLASS_ASSIGN = "assigns __class__"
    WEAK = "refers weakly"
    PICKLE_OLD = "pickles with protocol 0 or 1"
    CLASS_ATTRIBUTE = "reads on the class"  # Name.attribute, cls.attribute: a default that is moved is missed there


class Receiver(enum.Enum):
    """Whose attributes."""

    SELF = "self"
    CLASS = "class"
    OTHER = "other"


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """One place in code. ``owner`` is the class whose method it is in, ``function`` the qualified name of that.

    ``name`` is the attribute; of CLASS_ASSIGN and CLASS_ATTRIBUTE, ``other`` is the class as it is written.
    """

    kind: UseKind
    receiver: Receiver
    line: int
    owner: str = ""
    function: str = ""
    name: str = ""
    other: str = ""
    always: bool = False
    """Whether it is a statement of the function's body itself, so that it runs whenever the function does."""

    @property
    def method(self) -> str:
        """The method of ``owner`` that it is in."""
        behind = self.function[len(self.owner) + 1 :] if self.owner else self.function
        return behind.partition(".")[0]


@dataclasses.dataclass(frozen=True, slots=True)
class Decorator:
    """A decorator as written: its name, and what is said in its parentheses."""

    name: str
    arguments: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class ClassSource:
    """One class statement. ``names`` are bound in its body, ``slots`` the names in ``__slots__``, None where it has none.

    ``state_sizes`` has, per method named ``__reduce__`` or ``__reduce_ex__``, the longest tuple that it returns, 0 where that
    cannot be told.
    """

    qualname: str
    line: int
    end_line: int
    bases: tuple[str, ...]
    decorators: tuple[Decorator, ...]
    annotations: tuple[str, ...]
    names: frozenset[str]
    methods: tuple[str, ...]
    slots: tuple[str, ...] | None
    supers: tuple[str, ...]
    reduces: Mapping[str, int]
    uses: tuple[Use, ...]

    def of_kind(self, *kinds: UseKind) -> tuple[Use, ...]:
        """Give the uses of some kinds on ``self``, in the order of the text."""
        return tuple(use for use in self.uses if use.kind in kinds and use.receiver is Receiver.SELF)

    @property
    def stored(self) -> tuple[str, ...]:
        """The attributes that its methods set on ``self``, each once, as they are spelled."""
        return tuple(dict.fromkeys(use.name for use in self.of_kind(UseKind.SET, UseKind.AUGMENT)))

    def sets_always(self, name: str) -> bool:
        """Tell whether ``__init__`` sets an attribute whatever happens."""
        return any(
            use.name == name and use.always and use.method == "__init__" for use in self.of_kind(UseKind.SET)
        ) or ("dataclass" in {one.name.rpartition(".")[2] for one in self.decorators} and name in self.annotations)


@dataclasses.dataclass(frozen=True, slots=True)
class ModuleSource:
    """One parsed text. ``is_newer``: the file changed after the process had started, so the process may run another one."""

    classes: tuple[ClassSource, ...]
    uses: tuple[Use, ...]
    imports: frozenset[str]
    is_newer: bool = False

    def find(self, qualname: str, line: int = 0) -> ClassSource | None:
        """Find a class by its qualified name; of several, the one that ``line`` lies in, else None: it is not clear which."""
        wanted = qualname.replace(".<locals>", "")
        found = [one for one in self.classes if one.qualname == wanted]
        if len(found) > 1:
            found = [one for one in found if one.line <= line <= one.end_line]
        return found[0] if len(found) == 1 else None
