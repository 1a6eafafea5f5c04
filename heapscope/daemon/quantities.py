"""Durations, sizes and shares as people write them in the configuration: ``15m``, ``20GiB``, ``1%``.

Pure; never guesses a unit for a duration, and never accepts a negative figure.
"""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z%]*)\s*")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_BINARY = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_DECIMAL = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
MAX_SECONDS = 10 * 366 * 86400.0  # what the kernel's and Python's clocks can count without surprises
MAX_BYTES = 1 << 60


class Seconds(float):
    """A duration in seconds."""


class ByteSize(int):
    """A size in bytes."""


class Ratio(float):
    """A share, 0...1."""


class Amount:
    """A part of something whose size is not known yet: bytes, or a share of it. No dataclass: msgspec would want a table for it."""

    __slots__ = ("share", "size")

    def __init__(self, size: int = 0, share: float = 0.0) -> None:
        self.size = size
        self.share = share

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Amount) and (self.size, self.share) == (other.size, other.share)

    def __hash__(self) -> int:
        return hash((self.size, self.share))

    def of(self, total: int) -> int:
        """Return the bytes that are meant of a whole."""
        return self.size or int(total * self.share)


def parse_duration(value: object) -> Seconds:
    """Read ``90s``, ``15m``, ``2h``, ``14d``; 0 alone needs no unit. Raises ValueError."""
    number, unit = _split(value, "a duration such as 90s, 15m or 2h")
    if unit not in _SECONDS and number != 0:
        raise ValueError(f"{value!r} is no duration: write a unit, such as 90s, 15m, 2h or 14d")
    seconds = number * _SECONDS.get(unit, 1.0)
    if seconds > MAX_SECONDS:
        raise ValueError(f"{value!r} is longer than ten years")
    return Seconds(seconds)


def parse_size(value: object) -> ByteSize:
    """Read ``512MiB``, ``20GiB``, ``1G`` (powers of 1024), ``20GB`` (powers of 1000), or plain bytes. Raises ValueError."""
    number, unit = _split(value, "a size such as 512MiB or 20GiB")
    lowered = unit.lower()
    if lowered in ("", "b"):
        factor = 1
    elif lowered in _DECIMAL:
        factor = _DECIMAL[lowered]
    elif lowered.removesuffix("ib") in _BINARY:
        factor = _BINARY[lowered.removesuffix("ib")]
    else:
        raise ValueError(f"{value!r} is no size: write it as 512MiB or 20GiB")
    size = int(number * factor)
    if size > MAX_BYTES:
        raise ValueError(f"{value!r} is more than any machine has")
    return ByteSize(size)


def parse_ratio(value: object) -> Ratio:
    """Read ``1%`` or ``0.01``. Raises ValueError."""
    number, unit = _split(value, "a share such as 1% or 0.75")
    if unit not in ("", "%"):
        raise ValueError(f"{value!r} is no share: write it as 1% or 0.75")
    ratio = number / 100 if unit == "%" else number
    if ratio > 1:
        raise ValueError(f"{value!r} is more than the whole: write a share as 75% or 0.75")
    return Ratio(ratio)


def parse_amount(value: object) -> Amount:
    """Read ``10%`` or ``5GiB``. Raises ValueError."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return Amount(share=parse_ratio(value))
    return Amount(size=parse_size(value))


def _split(value: object, wanted: str) -> tuple[float, str]:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"{value!r} is not {wanted}")  # noqa: TRY004 - msgspec reports ValueError with the key's path
    if not isinstance(value, str):
        if not math.isfinite(value) or value < 0:
            raise ValueError(f"{value!r} is not {wanted}")
        return float(value), ""
    found = _NUMBER.fullmatch(value) if len(value) < 40 else None
    if found is None:
        raise ValueError(f"{value[:40]!r} is not {wanted}")
    return float(found[1]), found[2]
