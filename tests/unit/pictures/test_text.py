"""Foreign text stays text in every language of pictures, and stays short."""

from __future__ import annotations

import html
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapscope.pictures.text import cut_cells, escape_dot, escape_mermaid, escape_xml, shown, text_cells
from tests.support.examples import examples

HOSTILE = [
    "</script><script>alert(1)</script>",
    '"quoted" \\ \\n \\N & &lt;b&gt; <b>',
    "`code` **bold** _em_ [x](y) #35; #quot; end; style a fill:#f00; %%{init}%% | ]] }} -->",
    "\x1b[31mred\x1b[0m \x00 \u202etxet\u202c \u2066 \ud800",
    "\ufffe\uffff\U0001ffff\ufdd0",
    "- item",
    "1. item",
    "x" * 10_000,
    "日本語" * 100,
    "",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_escaped_text_means_the_shown_text(text: str) -> None:
    """Undoing the escape of each language gives what was to be shown."""
    expected = shown(text)
    assert html.unescape(escape_xml(text)) == expected
    assert re.sub(r"\\(.)", r"\1", escape_dot(text)).replace("&amp;", "&") == expected
    assert re.sub(r"#(\d+);", lambda found: chr(int(found[1])), escape_mermaid(text)) == expected


@settings(max_examples=examples(60), deadline=None)
@given(st.text(max_size=300))
def test_no_text_leaves_its_quotes(text: str) -> None:
    """Nothing that ends a string, a tag or a line; nothing invisible; bounded."""
    xml, dot, mermaid = escape_xml(text), escape_dot(text), escape_mermaid(text)
    assert not set("<>\"'") & set(xml)
    assert not re.search(r'(?<!\\)(\\\\)*"', dot)
    assert re.fullmatch(r"(#\d+;|[ .,\-a-zA-Z0-9]|[^\x00-\x7f])*", mermaid)
    assert not re.match(r"[-0-9]", mermaid)
    for written in (xml, dot, mermaid):
        assert not {unicodedata.category(char) for char in written} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert len(shown(text)) <= 160


def test_cells_count_wide_characters_twice_and_cutting_keeps_the_end() -> None:
    """As a fixed-width font draws them."""
    assert [text_cells(text) for text in ("abc", "日本", "e\u0301")] == [3, 4, 1]
    assert cut_cells("app.sessions.Session", 9) == "….Session"
    assert cut_cells("日本語", 5) == "…本語"
    assert cut_cells("short", 9) == "short"
