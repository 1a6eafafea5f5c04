"""Small pieces of HTML: every text that goes into the page goes through here, and is escaped and bounded on its way.

Never takes HTML from a caller as text, nor text as HTML: pieces are of the type Html.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NewType

from heapscope.pictures.text import escape_xml

Html = NewType("Html", str)

MAX_SENTENCE = 400


def text(value: object, limit: int = MAX_SENTENCE) -> Html:
    """Write text, foreign or not."""
    return Html(escape_xml(str(value), limit))


def join(*pieces: Html) -> Html:
    """Put pieces behind each other."""
    return Html("".join(pieces))


def element(tag: str, *content: Html, of: str = "", **attributes: str) -> Html:
    """Write an element; ``of`` is its class. Names are ours; values of attributes may be foreign."""
    words = {"class": of, **attributes} if of else attributes
    written = "".join(f' {name.replace("_", "-")}="{escape_xml(value)}"' for name, value in words.items())
    return Html(f"<{tag}{written}>{''.join(content)}</{tag}>")


def listed(tag: str, items: Iterable[Html], of: str = "") -> Html:
    """Write a list."""
    return element(tag, *(element("li", item) for item in items), of=of)


def bar(share: float) -> Html:
    """Draw a share of 0...1; the figure stands beside it, so that it says nothing to a screen reader."""
    width = f"{100 * min(1.0, max(0.0, share)):.1f}%"
    return Html(f'<td class="bar" aria-hidden="true"><span style="width:{width}"></span></td>')


def table(caption: str, heads: Sequence[tuple[str, str]], rows: Iterable[Html]) -> Html:
    """Write a table with a caption and a heading: (title, class) of each column; a title "" is of a column of bars."""
    titles = [
        element("th", text(title), of=of, scope="col") if title else Html('<td class="bar" aria-hidden="true"></td>')
        for title, of in heads
    ]
    head = element("thead", element("tr", *titles))
    return element("table", element("caption", text(caption)), head, element("tbody", *rows))


def row(name: Html, *cells: Html) -> Html:
    """Write a row; its first cell names it."""
    return element("tr", element("th", name, scope="row"), *cells)


def number(value: str, of: str = "") -> Html:
    """Write a cell with a figure."""
    return element("td", text(value, 40), of=f"num {of}".strip())
