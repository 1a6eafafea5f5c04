"""Where the functions are that the stub calls.

Never opens a file, and calls nothing: heapscope.target.symbols reads the images of the running process.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Sequence

from heapscope.errors import UnsupportedTarget
from heapscope.inject.block import FREE_THREADED_FUNCTIONS, FUNCTIONS, OPTIONAL_FUNCTIONS
from heapscope.target.maps import Mapping
from heapscope.target.memory import read_memory
from heapscope.target.runtime import FREE_THREADED_HEAD, is_free_threaded_state
from heapscope.target.symbols import RUNTIME, find_symbols

_ALIASES = {"Py_IsFinalizing": "_Py_IsFinalizing"}
_WANTED = (*FUNCTIONS, *_ALIASES, RUNTIME)


@dataclasses.dataclass(frozen=True, slots=True)
class ResolvedSymbols:
    """Addresses in the target. ``runtime`` is the address range of the interpreter's global state.

    ``functions`` hold those that stop and start all threads in a free-threaded build only.
    """

    functions: dict[str, int]
    runtime: range
    is_free_threaded: bool = False


def resolve_symbols(pid: int, mappings: Sequence[Mapping]) -> ResolvedSymbols:
    """Find every function that the stub needs.

    Raises:
        UnsupportedTarget: one is missing: no CPython 3.8 or newer, or one that hides its API, or a free-threaded one whose
            threads cannot be stopped.
    """
    exported = find_symbols(pid, mappings, _WANTED, is_enough=_has_all)
    found = {_ALIASES.get(name, name): symbol for name, symbol in exported.items()}
    missing = [name for name in (*FUNCTIONS, RUNTIME) if name not in found and name not in OPTIONAL_FUNCTIONS]
    if missing:
        raise UnsupportedTarget(
            f"process {pid} does not export {', '.join(missing)}: no CPython 3.8 or newer, or one that hides its C API",
            hint=f"heapscope doctor {pid}",
        )
    start, size = found[RUNTIME]
    functions = {name: found[name][0] for name in FUNCTIONS if name in found}
    is_free_threaded = is_free_threaded_state(read_memory(pid, start, FREE_THREADED_HEAD))
    for name in FREE_THREADED_FUNCTIONS:
        if not is_free_threaded:
            functions.pop(name, None)
        elif name not in functions:
            raise UnsupportedTarget(
                f"process {pid} runs a free-threaded build that does not export {name}: its threads cannot be stopped together",
                hint="run the service on free-threaded Python 3.14 or newer, or on the ordinary build",
            )
    return ResolvedSymbols(functions, range(start, start + size), is_free_threaded)


def _has_all(names: Container[str]) -> bool:
    other_names = {old: new for new, old in _ALIASES.items()}
    return all(name in names or other_names.get(name) in names for name in (*FUNCTIONS, RUNTIME))
