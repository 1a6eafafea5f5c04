"""Where the functions are that the stub calls: dynamic symbols, read from the memory of the running process.

Never opens a file: the mapped image is what runs, whatever happened to the file, the mount namespace or its permissions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from heapscope.errors import UnsupportedTarget
from heapscope.inject.block import FUNCTIONS, OPTIONAL_FUNCTIONS
from heapscope.inject.memory import read_memory
from heapscope.target.elf import ElfError, Symbol, SymbolTable, load_bias, read_layout
from heapscope.target.maps import Mapping, mappings_by_file

RUNTIME = "_PyRuntime"
_ALIASES = {"Py_IsFinalizing": "_Py_IsFinalizing"}
_WANTED = (*FUNCTIONS, *_ALIASES, RUNTIME)


@dataclasses.dataclass(frozen=True, slots=True)
class ResolvedSymbols:
    """Addresses in the target. ``runtime`` is the address range of the interpreter's global state."""

    functions: dict[str, int]
    runtime: range


def resolve_symbols(pid: int, mappings: Sequence[Mapping]) -> ResolvedSymbols:
    """Find every function that the stub needs.

    Raises:
        UnsupportedTarget: one is missing: no CPython 3.8 or newer, or one that hides its API.
    """
    found: dict[str, tuple[int, int]] = {}
    for group in _by_likelihood(mappings_by_file(mappings).values()):
        for name, (address, size) in _symbols_of_image(pid, group).items():
            found.setdefault(_ALIASES.get(name, name), (address, size))
        if all(name in found for name in (*FUNCTIONS, RUNTIME)):
            break
    missing = [name for name in (*FUNCTIONS, RUNTIME) if name not in found and name not in OPTIONAL_FUNCTIONS]
    if missing:
        raise UnsupportedTarget(
            f"process {pid} does not export {', '.join(missing)}: no CPython 3.8 or newer, or one that hides its C API",
            hint=f"heapscope doctor {pid}",
        )
    start, size = found[RUNTIME]
    return ResolvedSymbols({name: found[name][0] for name in FUNCTIONS if name in found}, range(start, start + size))


def _by_likelihood(groups: Iterable[list[Mapping]]) -> list[list[Mapping]]:
    """Python and libc first; any other file may still hold a statically linked interpreter."""
    images = [group for group in groups if any(mapping.is_executable for mapping in group)]
    return sorted(images, key=lambda group: 0 if "python" in group[0].path.rpartition("/")[2] else 1)


def _symbols_of_image(pid: int, group: Sequence[Mapping]) -> dict[str, Symbol]:
    header = next((mapping for mapping in group if mapping.offset == 0 and mapping.is_readable), None)
    if header is None:
        return {}
    try:
        layout = read_layout(lambda offset, size: read_memory(pid, header.start + offset, size))
        bias = load_bias(layout.segments, group)
        if bias is None:
            return {}
        table = SymbolTable(layout, lambda address, size: read_memory(pid, address + bias, size), bias=bias)
        return {name: Symbol(symbol.value + bias, symbol.size) for name, symbol in table.find(_WANTED).items()}
    except (ElfError, OSError):
        return {}  # a file that is no ELF image, or is half mapped: the symbols are elsewhere
