"""Foreign text in the languages of pictures: bounded, made harmless, escaped for XML, dot and Mermaid.

Never cuts an escape in two: texts are cut first. Pure.
"""

from __future__ import annotations

import functools
import html
import unicodedata

from heapscope.units import clean_text

MAX_TEXT = 160
_WIDE = frozenset("WF")
# What Mermaid takes as it is inside a quoted label; the rest becomes #number;. A colon or a hash would start other syntax.
_MERMAID_PLAIN = frozenset(" .,-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_MERMAID_LIST = frozenset("-0123456789")  # at the start of a label these make a list of Markdown


def shown(text: str, limit: int = MAX_TEXT) -> str:
    """Make foreign text safe to show: at most ``limit`` characters, its end where it is longer; no noncharacters."""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    # What clean_text would look at, and the sign that there was more before it.
    return _cleaned(text if len(text) <= 4 * limit else text[-4 * limit - 1 :], limit)


@functools.lru_cache(maxsize=1024)
def _cleaned(text: str, limit: int) -> str:
    """Names come again and again in a picture; those that are not plain cost a millisecond."""
    return "".join(map(_character, clean_text(text, limit)))[-limit:]


def _character(char: str) -> str:
    """XML forbids U+FFFE and U+FFFF; the other code points that will never be characters go with them."""
    code = ord(char)
    return "\ufffd" if code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF else char


def escape_xml(text: str, limit: int = MAX_TEXT) -> str:
    """Write foreign text in XML or HTML, as content or inside a quoted attribute."""
    return html.escape(shown(text, limit), quote=True)


def escape_dot(text: str, limit: int = MAX_TEXT) -> str:
    """Write foreign text inside a quoted string of dot: a backslash would be an escape, an ampersand an entity."""
    return shown(text, limit).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")


def escape_mermaid(text: str, limit: int = MAX_TEXT) -> str:
    """Write foreign text inside a quoted label of Mermaid, in which Markdown, HTML and entities are at work."""
    out = [_mermaid(char) for char in shown(text, limit)]
    if out and out[0] in _MERMAID_LIST:
        out[0] = f"#{ord(out[0])};"
    return "".join(out)


def _mermaid(char: str) -> str:
    is_letter = not char.isascii() and char.isalpha()
    return char if char in _MERMAID_PLAIN or is_letter else f"#{ord(char)};"


def text_cells(text: str) -> int:
    """Count the columns that a text takes in a fixed-width font: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in _WIDE else 1 for char in text
    )


def cut_cells(text: str, width: int) -> str:
    """Keep the end of a text, where names differ, in at most ``width`` columns."""
    if text_cells(text) <= width:
        return text
    used, kept = 1, len(text)
    while kept and used + text_cells(text[kept - 1]) <= width:
        kept -= 1
        used += text_cells(text[kept])
    return "…" + text[kept:]
