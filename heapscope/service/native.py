"""Starts the compiled walker in a serving clone: what it must know of the target is read from the clone, which is frozen.

Never touches the target. Whatever goes wrong here is a reason to use the walker written in Python.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from heapscope.errors import CaptureInconsistent
from heapscope.inject.native import default_image_path, encode_options, keep_alive, load_image, open_image
from heapscope.inject.server import CloneServer
from heapscope.service.collectors import Orders
from heapscope.service.frames import read_frames
from heapscope.service.surroundings import ClonePipes
from heapscope.target.elf import ElfError
from heapscope.target.info import TargetInfo
from heapscope.target.maps import Mapping, parse_maps
from heapscope.target.symbols import RUNTIME, TYPE_NAMES, PythonImage, data_end, find_symbols

ALARM_MARGIN_S = 5
MAX_OBJECTS = 1 << 31
KNOWN_VERSIONS = tuple((3, minor) for minor in range(8, 16))  # those of choose_offsets() in agent/native/layout.c
_OPTION_COUNTS = 1  # OPTION_COUNTS in agent/native/heapwalk.h
_SPECIAL = ("[vvar]", "[vsyscall]", "[vvar_vclock]")


class NativeUnavailable(CaptureInconsistent):
    """The compiled walker cannot be used in this clone; the message says why."""


def hex_version(version: str) -> int:
    """Return PY_VERSION_HEX without release level and serial for "3.13.1"; those of a pre-release are not told apart.

    Raises:
        ValueError: it is no version.
    """
    numbers = []
    for part in version.split(".")[:3]:
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        numbers.append(int(digits))
    major, minor, micro = (*numbers, 0, 0)[:3]
    return major << 24 | minor << 16 | micro << 8 | 0xF0


def native_orders(target: TargetInfo, clone: ClonePipes, deadline_s: float, *, is_census: bool = False) -> Orders:
    """Lay the walker into a serving clone and start it; return the options that it reads first.

    Raises:
        NativeUnavailable: it cannot be laid in, or the interpreter hides a symbol.
        CaptureInconsistent: the clone does not answer, or has ended.
    """
    try:
        image = open_image(default_image_path())
        server = CloneServer(clone.command_fd, clone.result_fd)
        keep_alive(server, max(1, int(deadline_s)) + ALARM_MARGIN_S)
        mappings = parse_maps(clone.clone_pid)
        found = find_symbols(clone.clone_pid, mappings, (RUNTIME, *TYPE_NAMES, *image.symbols), is_enough=_has_runtime)
        if RUNTIME not in found:
            raise ValueError("the interpreter does not export its state")
        version = hex_version(target.python_version or "")
        start, size = found[RUNTIME]
        runtime = range(start, start + size)
        python = PythonImage(runtime, {name: found[name].value for name in TYPE_NAMES if name in found})
        feature = (version >> 24, version >> 16 & 0xFF)
        if feature not in KNOWN_VERSIONS:
            raise ValueError("this version of CPython is not known")
        frames = read_frames(clone.clone_pid, python, feature)
        addresses = [found[name].value if name in found else 0 for name in image.symbols]
        static = static_data(mappings, runtime.start, data_end(clone.clone_pid, mappings, runtime.start))
        readable = readable_ranges(mappings)
        flags = _OPTION_COUNTS if is_census else 0
        options = _options(version, deadline_s, runtime, flags, addresses, readable, static, frames.seeds)
        server.start(load_image(clone.clone_pid, server, image))
    except (OSError, ElfError, ValueError) as error:
        raise NativeUnavailable(f"the compiled walker cannot be used: {error}") from error
    return Orders((options,), tuple(frames.roots), frames.warnings)


def _has_runtime(names: Container[str]) -> bool:
    return RUNTIME in names


def _options(
    version: int,
    deadline_s: float,
    runtime: range,
    flags: int,
    symbols: list[int],
    readable: list[int],
    static: list[int],
    seeds: list[int],
) -> bytes:
    seconds = max(1, int(deadline_s))
    words = (
        version,
        seconds * 1_000_000_000,
        seconds + ALARM_MARGIN_S,
        MAX_OBJECTS,
        runtime.start,
        len(runtime),
        flags,
    )
    return encode_options(words, symbols, readable, static, seeds)


def readable_ranges(mappings: Sequence[Mapping]) -> list[int]:
    """Return start, end, start, end ... of what can be read, neighbours joined, ascending."""
    joined: list[int] = []
    for mapping in sorted(mappings, key=lambda each: each.start):
        if not mapping.is_readable or mapping.path in _SPECIAL:
            continue
        if joined and joined[-1] == mapping.start:
            joined[-1] = mapping.end
        else:
            joined += [mapping.start, mapping.end]
    return joined


def static_data(mappings: Sequence[Mapping], runtime: int, end: int | None = None) -> list[int]:
    """Return start and end of each writable mapping of the image that holds the interpreter's state, and of its zeroed end.

    ``end`` is where that image says its data ends: what lies behind is memory of somebody else, joined by the kernel.
    """
    ordered = sorted(mappings, key=lambda each: each.start)
    number = next((number for number, each in enumerate(ordered) if each.start <= runtime < each.end), None)
    if number is None:
        return []
    holder = ordered[number]
    if not holder.path and number and ordered[number - 1].end == holder.start:
        holder = ordered[number - 1]  # the state lies in the zeroed end
    ranges: list[int] = []
    for position, mapping in enumerate(ordered):
        previous = ordered[position - 1] if position else None
        is_tail = (
            previous is not None
            and not mapping.path
            and previous.end == mapping.start
            and bool(ranges)
            and ranges[-1] == mapping.start
        )
        belongs = mapping.path == holder.path and bool(mapping.path)
        if "r" in mapping.perms and "w" in mapping.perms and (belongs or is_tail or mapping == holder):
            ranges += [mapping.start, mapping.end]
    pairs = zip(ranges[::2], ranges[1::2], strict=True)
    return [at for start, stop in pairs if end is None or start < end for at in (start, min(stop, end or stop))]
