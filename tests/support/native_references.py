"""Known differences between the walkers in what objects refer to, and in what only one of them shows: each by name.

Never lets a difference pass because of its size or number: what is not named here is reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from heapscope.wire.protocol import Flag
from tests.support.native_comparison import INTERPRETER_LABELS, MADE_BY_AGENT, Comparison
from tests.support.native_view import View

DESCRIPTORS = frozenset(
    f"builtins.{name}_descriptor" for name in ("wrapper", "method", "getset", "member", "classmethod")
)
MEMBER_TYPES = frozenset({"re.Pattern", "re.Match", "_sre.SRE_Pattern", "_sre.SRE_Match", "_sre.SRE_Scanner"})
"""Types without GC whose members only native shows; the reference names ranges alone."""
MAX_MADE_BY_AGENT = 800
_NONE: Counter[int] = Counter()


def compare_edges(found: Comparison) -> None:
    """Compare the references of every object in both, frames apart."""
    interned = found.native.roots_labelled("interned strings")
    threads = threads_generators(found)
    for source in found.common():
        mine = found.native.edges.get(source, _NONE)
        others = found.python.edges.get(source, _NONE)
        if dict.__eq__(mine, others):  # neither has counts of zero: what Counter compares in Python would be the same
            continue
        if found.version >= (3, 11) and (source in found.native.frames or source in found.python.frames):
            continue  # compare_frames
        only_native, only_python = mine - others, others - mine
        if source in interned and not mine:
            continue
        explain(found, source, only_native, only_python, threads)


def compare_frames(found: Comparison) -> None:
    """Compare what executing frames hold: native gives cells and what lies on the stack too, the reference what cells hold."""
    rows = {place: address for address, place in found.native.frames.items()}
    for address, place in found.python.frames.items():
        if place not in rows:
            found.fault(f"only python has the frame {place}")
            continue
        held = targets_of(found.native, rows[place])
        cells = [target for target in held if isinstance(target, int) and is_cell(found.native, target)]
        held |= {target for cell in cells for target in found.native.edges.get(cell, ())}
        for target in targets_of(found.python, address) - held:
            if not isinstance(target, int) or not is_of_agent(found, target):
                found.fault(f"the frame {place} lacks {target}: {isinstance(target, int) and found.describe(target)}")


def targets_of(view: View, frame: int) -> set[object]:
    """Return what a frame refers to, other frames by their place."""
    return {view.frames.get(target, target) for target in view.edges.get(frame, ())}


def is_cell(view: View, address: int) -> bool:
    """Whether an address is that of a cell."""
    return view.type_name(address) == "builtins.cell"


def is_of_agent(found: Comparison, address: int) -> bool:
    """Whether the agent made an object: the target has none of that address."""
    return address not in found.native.index and found.python.type_name(address) in MADE_BY_AGENT


def threads_generators(found: Comparison) -> set[int]:
    """Return the generators whose frames run: the reference's frame objects hang on them, and the agent's exceptions."""
    frames = {frame for frame in found.python.frames if frame not in found.native.index}
    return {
        source
        for source, targets in found.python.edges.items()
        if found.python.type_name(source) in {"builtins.generator", "builtins.coroutine", "builtins.async_generator"}
        and (targets.keys() & frames or found.version < (3, 11))
    }


def explain(
    found: Comparison, source: int, only_native: Counter[int], only_python: Counter[int], running: set[int]
) -> None:
    """Strike out what a rule names; report the rest."""
    name = found.native.type_name(source)
    if name == "builtins.code" and found.version >= (3, 11):
        explain_code(found, only_native, only_python)
    allowed = native_rule(found.native, source)
    for target, count in list(only_native.items()):
        if count <= allowed(target):
            found.native_extra.add(target)
            del only_native[target]
    room = 2 * (found.python.column("length", source) - found.native.column("length", source))
    for target in list(only_python):
        is_new = target not in found.native.index and found.python.type_name(target) in MADE_BY_AGENT
        is_none = source in running and found.python.type_name(target) == "builtins.NoneType"
        is_entry = is_new and name == "builtins.dict" and room > 0
        if is_none or is_entry or (is_new and target in found.python.frames):
            room -= is_entry
            del only_python[target]
    for who, left in (("native", only_native), ("python", only_python)):
        for target, count in left.items():
            found.fault(f"only {who}: {found.describe(source)} -> {count} x {found.describe(target)}")


def explain_code(found: Comparison, only_native: Counter[int], only_python: Counter[int]) -> None:
    """Native gives the tuples of names, and what was made on demand; the reference the names inside the tuples."""
    inside: set[int] = set()
    for target in list(only_native):
        if found.native.type_name(target) in {"builtins.tuple", "builtins.bytes"}:
            inside.update(found.native.edges.get(target, ()))
            found.native_extra.add(target)
            del only_native[target]
    for target in list(only_python):
        if target in inside:
            del only_python[target]


def native_rule(view: View, source: int) -> Callable[[int], int]:
    """Return how many more references of a source to a target native may show."""
    kind = view.type_of(source)
    if int(view.column("flags", source)) & Flag.IS_TYPE:
        has_slots = view.types[source].has_slots
        return lambda target: int(is_hidden_in_type(view.type_name(target), has_slots=has_slots))
    if kind.name in DESCRIPTORS:
        return lambda target: 2 * (view.type_name(target) == "builtins.str")
    if kind.name in MEMBER_TYPES:
        return lambda target: 1
    return lambda target: 0


def is_hidden_in_type(target: str, *, has_slots: bool) -> bool:
    """The dict of subclasses, and the tuple of slots where the class has some."""
    return target == "builtins.dict" or (has_slots and target == "builtins.tuple")


# ---- rows ----


def compare_rows(found: Comparison) -> None:
    """What only one has is held by what only that one shows."""
    native, python = found.native, found.python
    only_native = native.index.keys() - python.index.keys()
    starts = found.native_extra | native.roots_labelled(*INTERPRETER_LABELS) | native.frames.keys()
    starts |= {target for frame in native.frames for target in native.edges.get(frame, ())}
    explained = native.closure(starts)
    for address in only_native:
        if address not in explained:
            found.fault(f"only native: {found.describe(address)}")
        if native.column("flags", address) & Flag.TRACKED and address not in native.frames:
            found.fault(f"only native, although tracked: {found.describe(address)}")
    only_python = python.index.keys() - native.index.keys()
    for address in only_python:
        if python.type_name(address) not in MADE_BY_AGENT:
            found.fault(f"only python: {found.describe(address)}")
    made = only_python - python.frames.keys() - immortal_texts(found)
    if len(made) > MAX_MADE_BY_AGENT:
        found.fault(f"the agent is said to have made {len(made)} objects")


def immortal_texts(found: Comparison) -> set[int]:
    """Return interned strings that nobody but the table of interned strings names, which owns no references."""
    table = found.native.roots_labelled("interned strings")
    texts = {target for source in table for target in found.python.edges.get(source, ())}
    return {address for address in texts if found.python.column("flags", address) & Flag.IMMORTAL}
