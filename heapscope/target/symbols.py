"""Where exported symbols are in a running process, read from its memory.

Never opens a file: the mapped image is what runs, whatever happened to the file, the mount namespace or its permissions.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass

from heapscope.target.elf import PAGE_SIZE, ElfError, Layout, Symbol, SymbolTable, load_bias, read_layout
from heapscope.target.maps import Mapping, mappings_by_file
from heapscope.target.memory import read_memory

RUNTIME = "_PyRuntime"
TYPE_NAMES = (
    "PyBytes_Type",
    "PyCode_Type",
    "PyDict_Type",
    "PyFrame_Type",
    "PyFunction_Type",
    "PyTuple_Type",
    "PyUnicode_Type",
)
"""Types by which a pointer is known to lead where it should."""

_MAX_RUNTIME_SIZE = 16 << 20
_WRITABLE = 2  # PF_W


@dataclass(frozen=True, slots=True)
class PythonImage:
    """Addresses in a process: the range of the interpreter's global state, and TYPE_NAMES that are exported."""

    runtime: range
    types: dict[str, int]


def find_symbols(
    pid: int,
    mappings: Sequence[Mapping],
    wanted: Iterable[str],
    *,
    is_enough: Callable[[Container[str]], bool] | None = None,
) -> dict[str, Symbol]:
    """Return address and size of those of the wanted symbols that any mapped image exports; the likeliest image first.

    Args:
        pid: the process.
        mappings: its mappings.
        wanted: names.
        is_enough: asked with the names found after each image whether to stop; by default when all are found.
    """
    names = tuple(dict.fromkeys(wanted))
    found: dict[str, Symbol] = {}
    for group in _by_likelihood(mappings_by_file(mappings).values()):
        for name, symbol in _symbols_of_image(pid, group, names).items():
            found.setdefault(name, symbol)
        if is_enough(found) if is_enough else len(found) == len(names):
            break
    return found


def find_python(pid: int, mappings: Sequence[Mapping]) -> PythonImage | None:
    """Return where the global state and the basic types of a process's CPython are; None if it exports no _PyRuntime."""
    found = find_symbols(pid, mappings, (RUNTIME, *TYPE_NAMES))
    if RUNTIME not in found:
        return None
    start, size = found[RUNTIME]
    types = {name: found[name].value for name in TYPE_NAMES if name in found}
    return PythonImage(range(start, start + min(size, _MAX_RUNTIME_SIZE)), types)


def data_end(pid: int, mappings: Sequence[Mapping], address: int) -> int | None:
    """Return where the writable data of the image ends in which an address is, zeroed end included; None if it is in no image.

    That is what the image says: the kernel joins anonymous memory to the zeroed end that happens to lie behind it.
    """
    for group in _by_likelihood(mappings_by_file(mappings).values()):
        image = _image_of(pid, group)
        layout, bias = image or (None, 0)
        segments = [segment for segment in layout.segments if segment.flags & _WRITABLE] if layout is not None else []
        bounds = [(bias + each.address, bias + each.address + each.memory_size) for each in segments]
        if any(start <= address < end for start, end in bounds):
            return (max(end for _, end in bounds) + PAGE_SIZE - 1) & -PAGE_SIZE
    return None


def _by_likelihood(groups: Iterable[list[Mapping]]) -> list[list[Mapping]]:
    """Python and libc first; any other file may still hold a statically linked interpreter."""
    images = [group for group in groups if any(mapping.is_executable for mapping in group)]
    return sorted(images, key=lambda group: 0 if "python" in group[0].path.rpartition("/")[2] else 1)


def _image_of(pid: int, group: Sequence[Mapping]) -> tuple[Layout, int] | None:
    """Read the headers of an image from its first mapping, and find where it was loaded to; None where it is no image."""
    header = next((mapping for mapping in group if mapping.offset == 0 and mapping.is_readable), None)
    if header is None:
        return None
    try:
        layout = read_layout(lambda offset, size: read_memory(pid, header.start + offset, size))
    except (ElfError, OSError):
        return None  # a file that is no ELF image, or is half mapped
    bias = load_bias(layout.segments, group)
    return None if bias is None else (layout, bias)


def _symbols_of_image(pid: int, group: Sequence[Mapping], names: tuple[str, ...]) -> dict[str, Symbol]:
    image = _image_of(pid, group)
    if image is None:
        return {}
    layout, bias = image
    try:
        table = SymbolTable(layout, lambda address, size: read_memory(pid, address + bias, size), bias=bias)
        return {name: Symbol(symbol.value + bias, symbol.size) for name, symbol in table.find(names).items()}
    except (ElfError, OSError):
        return {}  # its tables make no sense: the symbols are elsewhere
