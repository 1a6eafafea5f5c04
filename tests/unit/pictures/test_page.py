"""The page of a report: complete, self-contained, and inert and small whatever the names in it."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import pytest

from heapscope.analysis.suspects.model import Report
from heapscope.pictures.html import style
from heapscope.pictures.html.page import MAX_PAGE, html_page
from heapscope.pictures.html.tables import PageTables
from heapscope.pictures.text import shown
from tests.support import reports
from tests.unit.pictures.test_text import HOSTILE

_VOID = {"meta"}
_TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "footer",
        "section",
        "article",
        "div",
        "span",
    ),
    *("h1", "h2", "h3", "p", "dl", "dt", "dd", "ul", "ol", "li", "pre", "code", "strong", "details", "summary"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "g", "rect", "path", "text"),
}


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that ends at once."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Check the order."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        """All text."""
        return "".join(self.words)


def assert_inert(page: Page) -> None:
    """Nothing loads, runs, links or refers to anything outside."""
    assert {tag for tag, _ in page.elements} <= _TAGS
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in {"href", "src", "srcset", "action", "data", "xlink:href", "formaction", "background"}
            assert name != "style" or re.fullmatch(r"width:[\d.]+%", value or ""), (tag, value)


def test_the_page_has_every_section_and_needs_nothing_else() -> None:
    """Verdict, split, suspects with ways, treemap, types, slots."""
    written = html_page(reports.report(), reports.tables())
    page = Page(written)
    assert_inert(page)
    titles = ["Where the memory is", "Suspects", "Who holds it", "Types", "Smaller with __slots__"]
    assert [title for title in titles if title in page.text] == titles
    for expected in ("▲ Look here", "app.sessions.REGISTRY.sessions", "module app", "412,902 entries", "7 in 31 min"):
        assert expected in page.text
    assert "url(" not in written
    assert "@import" not in written
    assert re.findall(r"https?:[^\"'\s<]+", written) == ["http://www.w3.org/2000/svg"]
    policy = next(one["content"] for tag, one in page.elements if tag == "meta" and "http-equiv" in one)
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_tables_have_captions_and_headings_for_those_who_cannot_see_them() -> None:
    """So do pictures have words, and what scrolls can be reached by key."""
    page = Page(html_page(reports.report(), reports.tables()))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("caption") == tags.count("table") >= 4
    assert all(one.get("scope") in {"row", "col"} for tag, one in page.elements if tag == "th")
    assert all(one.get("role") == "img" and one.get("aria-label") for tag, one in page.elements if tag == "svg")
    scrolled = [one for _, one in page.elements if one.get("class") == "scroll graph"]
    assert scrolled
    assert all(one.get("tabindex") == "0" and one.get("aria-label") for one in scrolled)
    assert next(one for tag, one in page.elements if tag == "html")["lang"] == "en"


@pytest.mark.parametrize("name", HOSTILE[:-1], ids=range(len(HOSTILE) - 1))
def test_hostile_names_in_every_field_stay_text(name: str) -> None:
    """Markup, quotes, escapes, direction changes, ten thousand characters."""
    page = Page(html_page(reports.report(name), reports.tables(name, types=3, blocks=2)))
    assert_inert(page)
    assert shown(name, 300) in page.text
    assert not {"\u202e", "\u2066", "\x1b", "\x00"} & set(page.text)


def test_the_page_is_small_whatever_the_heap() -> None:
    """Everything at its longest, and more of it than is ever shown."""
    name = "<&'\"日" * 200
    report = reports.report(name, suspects=14, steps=30, sentences=10)
    report = dataclasses.replace(report, warnings=(name,) * 100)
    written = html_page(report, reports.tables(name, types=50, blocks=200))
    assert len(written.encode()) < MAX_PAGE
    assert "Suspects" in written


def test_what_is_not_known_is_left_out() -> None:
    """No split, no suspects, no tables."""
    full = reports.report()
    page = Page(html_page(Report(full.verdict, (), full.figures), PageTables()))
    assert_inert(page)
    assert "Where the memory is" not in page.text
    assert "Suspects" not in page.text
    assert "<table" not in html_page(Report(full.verdict, (), full.figures), PageTables())


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * one for one in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Give the contrast of two colours as WCAG defines it."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [style.LIGHT, style.DARK])
def test_text_has_contrast_in_both_schemes(scheme: str) -> None:
    """At least 7 : 1 on paper and on cards."""
    colours = dict(pair.split(":") for pair in scheme.removeprefix("--").replace(";--", ";").split(";"))
    for ink in ("ink", "soft", "alarm", "calm"):
        for ground in ("paper", "card"):
            assert contrast(colours[ink], colours[ground]) >= 7, (ink, ground)
    assert contrast(colours["bar"], colours["paper"]) >= 3


def test_contrast_is_measured_as_defined() -> None:
    """Black on white is 21, and grey #767676 just passes 4.5."""
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
