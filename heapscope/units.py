"""How heapscope writes figures and foreign text for people. Pure functions; no I/O, no state.

Never used for machine formats: JSON and CSV carry plain integers.
"""

from __future__ import annotations

import unicodedata

_UNITS = ("B", "K", "M", "G", "T", "P")

# Controls, formats (joiners, direction changes, tags), lone surrogates, line and paragraph separators.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def format_bytes(size: int) -> str:
    """Write a byte count in powers of 1024 with three significant digits: ``0B``, ``1023B``, ``1.5K``, ``622M``."""
    sign = "-" if size < 0 else ""
    value = float(abs(size))
    unit = _UNITS[0]
    for unit in _UNITS:
        if value < 999.5 or unit == _UNITS[-1]:
            break
        if unit == "B" and value < 1024:
            break
        value /= 1024
    if unit == "B":
        return f"{sign}{int(value)}B"
    text = f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
    return f"{sign}{text}{unit}"


def format_exact(number: int) -> str:
    """Write an integer with thousands separators: ``412,902``."""
    return f"{number:,}"


def format_count(number: int) -> str:
    """Write a count: exact below a million, else ``1.24M`` with three significant digits."""
    if abs(number) < 1_000_000:
        return f"{number:,}"
    value = number / 1e6
    return f"{value:.2f}M" if abs(value) < 9.995 else f"{value:.1f}M" if abs(value) < 99.95 else f"{value:,.0f}M"


def noun_for(count: int, noun: str) -> str:
    """Return a noun as it stands behind a count: ``snapshot``, ``entries``, ``classes``."""
    if count == 1:
        return noun
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def counted(count: int, noun: str) -> str:
    """Write how many there are of something: ``1 snapshot``, ``412,902 entries``, ``1.24M objects``."""
    return f"{format_count(count)} {noun_for(count, noun)}"


def format_delta(size: int) -> str:
    """Write a change in bytes with a sign that does not depend on colour: ``+3.60M``, ``-904K``, ``·`` for none."""
    if size == 0:
        return "·"
    return ("+" if size > 0 else "") + format_bytes(size)


def format_duration_ns(duration_ns: int) -> str:
    """Write a duration: ``850 ns``, ``12.3 µs``, ``8.4 ms``, ``1.25 s``."""
    value = float(duration_ns)
    for unit in ("ns", "µs", "ms"):
        if abs(value) < 999.5:
            return f"{value:.0f} {unit}" if unit == "ns" else f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} s" if value < 100 else f"{value:,.0f} s"


def short_type_name(type_name: str) -> str:
    """Write a type's name for people: ``dict`` for ``builtins.dict``; machine formats keep the module."""
    return type_name.removeprefix("builtins.") or type_name


def clean_text(text: str, limit: int = 200) -> str:
    """Make text from a target safe to show: what is invisible, or changes what stands around it, becomes an escape.

    Text over ``limit`` characters keeps its end, where type names differ, behind ``…``.
    """
    if limit <= 0:
        return ""
    shown = "".join(map(_visible, text[-4 * limit :]))
    if len(text) <= 4 * limit and len(shown) <= limit:
        return shown
    return "…" + shown[len(shown) - limit + 1 :]


def _visible(char: str) -> str:
    if char.isascii() and char.isprintable():
        return char
    code = ord(char)
    is_variation_selector = 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF
    if unicodedata.category(char) not in _UNSAFE_CATEGORIES and not is_variation_selector:
        return char
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
