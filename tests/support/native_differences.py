"""Where the compiled walker and the one written in Python may differ on one frozen state: each difference by name.

Never lets a difference pass because of its size or number: what is not named here is reported.

Native only: members of code that the reference gives as the names inside (3.11+), the dict of a class's subclasses and its
tuple of slots, names of descriptors, members of types without GC, functions and temporaries of executing frames, what C
variables hold; and what only these hold. Python only: what the agent made in its clone, and uses there.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator

from heapscope.snapshot.model import TypeInfo
from heapscope.wire.protocol import DictState, Flag, RootKind
from tests.support.native_comparison import INTERPRETER_LABELS, MADE_BY_AGENT, Comparison
from tests.support.native_references import DESCRIPTORS, compare_edges, compare_frames, compare_rows
from tests.support.native_view import COLUMNS, View

USED_BY_AGENT = (
    MADE_BY_AGENT
    | DESCRIPTORS
    | frozenset(
        f"builtins.{name}" for name in ("type", "NoneType", "builtin_function_or_method", "module", "bool", "ellipsis")
    )
)
FRAME = "builtins.frame"
_VERSION_TAG = 1 << 19


def compare(native: View, python: View) -> list[str]:
    """Return what differs between the views and is no known difference."""
    words = native.snapshot.meta.python_version.split(".")
    found = Comparison(native, python, (int(words[0]), int(words[1])))
    compare_edges(found)
    compare_frames(found)
    compare_rows(found)
    compare_figures(found)
    compare_types(found)
    compare_instances(found)
    compare_codes(found)
    compare_roots(found)
    return found.faults


# ---- figures ----


def compare_figures(found: Comparison) -> None:
    """Compare all columns of the rows in both."""
    for address in found.retyped():
        found.fault(f"types of {found.describe(address)} differ")
    grown = agent_dicts(found)
    for column in COLUMNS:
        for address in found.differing(column):
            if not may_differ(found, column, address, grown):
                mine, other = found.native.column(column, address), found.python.column(column, address)
                found.fault(f"{column} of {found.describe(address)}: native {mine}, python {other}")


def agent_dicts(found: Comparison) -> set[int]:
    """Return the dicts that the agent has put something into, or lives in: each holds an object that it made."""
    grown = {
        source
        for source in found.common()
        if found.native.type_name(source) == "builtins.dict"
        and any(target not in found.native.index for target in found.python.edges.get(source, ()))
    }
    labels = ("sys.modules", "sys", "builtins", "interned strings")
    return grown | found.native.roots_labelled(*labels) | found.python.roots_labelled(*labels)


def may_differ(found: Comparison, column: str, address: int, grown: set[int]) -> bool:
    """Whether a rule allows that a figure differs."""
    name = found.native.type_name(address)
    if name == FRAME:
        return address in found.python.frames
    if column == "refcount":
        return name in USED_BY_AGENT or address in found.agent_uses() or address in grown
    if (
        column == "flags"
        and found.native.column(column, address) ^ found.python.column(column, address) == Flag.IMMORTAL
    ):
        return name == "builtins.str"  # interned by the agent
    if (
        column == "fingerprint" and found.python.column(column, address) == 0
    ):  # of attributes without a dict: native only
        state = (found.native.column("flags", address) & Flag.DICT_STATE_MASK) >> Flag.DICT_STATE_SHIFT
        return state in {DictState.VALUES, DictState.INLINE} or has_slots(found, address)
    return name == "builtins.dict" and address in grown


def has_slots(found: Comparison, address: int) -> bool:
    """Whether a class of an object has slots."""
    types = found.native.types
    return any(types[kind].has_slots for kind in found.native.type_of(address).mro if kind in types)


# ---- types, instances, roots ----


def compare_types(found: Comparison) -> None:
    """Compare the records of types, version tags apart."""
    mine, others = found.native.types, found.python.types
    for address in mine.keys() - others.keys():
        if address in found.python.index:
            found.fault(f"only native describes {mine[address].name}")
    for address in others.keys() - mine.keys():
        found.fault(f"only python describes {others[address].name}")
    for address in mine.keys() & others.keys():
        pair = of_stream(mine[address]), of_stream(others[address])
        for field in dataclasses.fields(TypeInfo):
            left, right = (getattr(each, field.name) for each in pair)
            if left != right:
                found.fault(f"{field.name} of type {mine[address].name}: native {left}, python {right}")


def of_stream(kind: TypeInfo) -> TypeInfo:
    """Leave out what the host counts, and what the interpreter caches in flags."""
    return dataclasses.replace(kind, subclasses=0, tp_flags=kind.tp_flags & ~_VERSION_TAG)


def compare_instances(found: Comparison) -> None:
    """Compare what is said of the instances of each class that has the same rows in both."""
    mine = {each.type_address: each for each in found.native.snapshot.instances}
    others = {each.type_address: each for each in found.python.snapshot.instances}
    uneven = {address for address in mine.keys() | others.keys() if rows_differ(found, address)}
    for address in (mine.keys() | others.keys()) - uneven:
        if mine.get(address) != others.get(address):
            found.fault(f"instances: {mine.get(address)} and {others.get(address)}")


def compare_codes(found: Comparison) -> None:
    """Compare where code was written; each code object must have a place."""
    mine, others = (places_of(view) for view in (found.native, found.python))
    for view, known in ((found.native, mine), (found.python, others)):
        for address in view.index:
            if (view.type_name(address) == "builtins.code") != (address in known):
                found.fault(f"{found.describe(address)} has a place: {address in known}")
    for address in mine.keys() & others.keys():
        if mine[address] != others[address]:
            found.fault(f"{found.describe(address)}: native {mine[address]}, python {others[address]}")


def places_of(view: View) -> dict[int, tuple[str, int, str]]:
    """Return file, line and name of code by address."""
    codes = view.snapshot.codes
    files = [codes.files[number] for number in codes.file.tolist()]
    addresses = view.snapshot.address[codes.objects].tolist()
    return dict(zip(addresses, zip(files, codes.first_line.tolist(), codes.names, strict=True), strict=True))


def rows_differ(found: Comparison, kind: int) -> bool:
    """Whether one has instances of a class that the other has not."""
    return bool(instances_of(found.native, kind) ^ instances_of(found.python, kind))


def instances_of(view: View, kind: int) -> set[int]:
    """Return the addresses of the instances of exactly this class."""
    numbers = [number for number, each in enumerate(view.snapshot.types) if each.address == kind]
    rows = [row for number in numbers for row in (view.snapshot.type_index == number).nonzero()[0]]
    return {int(view.snapshot.address[row]) for row in rows}


def named_roots(view: View) -> Iterator[tuple[int, object, str]]:
    """Yield roots with frames named by their place instead of their address."""
    for root in view.roots():
        yield root.kind, view.frames.get(root.address, root.address), root.label


def compare_roots(found: Comparison) -> None:
    """Compare the roots; frames by thread and depth."""
    mine, others = Counter(named_roots(found.native)), Counter(named_roots(found.python))
    for kind, what, label in mine - others:
        is_state = kind == RootKind.INTERPRETER and label in INTERPRETER_LABELS
        is_new_type = kind == RootKind.STATIC_TYPE and what not in found.python.types
        if not is_state and not is_new_type:
            found.fault(f"only a native root: {kind} {what} {label}")
    for kind, what, label in others - mine:
        found.fault(f"only a python root: {kind} {what} {label}")
