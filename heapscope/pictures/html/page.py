"""The page of a report: one file that needs nothing else, and runs nothing. At most MAX_PAGE bytes, whatever the heap.

Never holds a script, and forbids any: names come from the target, and one that escaped its escape would still do nothing.
"""

from __future__ import annotations

import dataclasses

from heapscope.analysis.suspects.model import Report
from heapscope.pictures.html.parts import Html, element, listed, text
from heapscope.pictures.html.sections import (
    figures_section,
    memory_section,
    slots_section,
    suspects_section,
    treemap_section,
    types_section,
    verdict_section,
)
from heapscope.pictures.html.style import STYLE
from heapscope.pictures.html.tables import PageTables

MAX_PAGE = 1 << 20
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html_page(report: Report, tables: PageTables) -> str:
    """Write the page; where it would be too large, pictures are left out, then all but the first few suspects."""
    few = dataclasses.replace(report, suspects=report.suspects[:3])
    plain = dataclasses.replace(tables, graphs=())
    bare = dataclasses.replace(plain, blocks=())
    for said, shown in ((report, tables), (report, plain), (few, plain), (few, bare)):
        page = _page(said, shown)
        if len(page.encode()) <= MAX_PAGE:
            break
    return page


def _page(report: Report, tables: PageTables) -> str:
    figures = report.figures
    name = f"pid {figures.pid}" if figures.pid else "heap"
    head = element(
        "head",
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Html('<meta name="referrer" content="no-referrer">'),
        element("title", text(f"heapscope report, {name}", 100)),
        element("style", Html(STYLE)),
    )
    warnings = [text(one) for one in report.warnings[:10]]
    body = element(
        "body",
        element(
            "header",
            element("h1", text(f"Memory of {name}", 100)),
            element("p", element("code", text(figures.command, 300)), of="soft"),
        ),
        element(
            "main",
            verdict_section(report),
            figures_section(report),
            memory_section(report.memory),
            suspects_section(report, tables),
            treemap_section(tables),
            types_section(tables),
            slots_section(tables),
            listed("ul", warnings) if warnings else Html(""),
        ),
        element("footer", element("p", text(_origin(report, tables)), of="soft")),
    )
    return f'<!DOCTYPE html>\n<html lang="en">{head}{body}</html>\n'


def _origin(report: Report, tables: PageTables) -> str:
    version = f" {tables.heapscope_version}" if tables.heapscope_version else ""
    return f"Written by heapscope{version}; walked by {report.figures.collector or 'an unknown collector'}. Sizes are in powers of 1024."
