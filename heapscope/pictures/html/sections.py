"""The sections of the page, each from its own values. What is empty gives nothing.

Never computes a figure.
"""

from __future__ import annotations

from datetime import UTC, datetime

from heapscope.analysis.memory import MemorySplit
from heapscope.analysis.suspects.model import Confidence, HeapFigures, Report, Suspect, VerdictKind
from heapscope.pictures.graph import Graph
from heapscope.pictures.html.parts import Html, bar, element, join, listed, number, row, table, text
from heapscope.pictures.html.tables import PageTables
from heapscope.pictures.svg import write_svg
from heapscope.pictures.treemap_svg import write_treemap
from heapscope.units import format_bytes, format_count, format_delta, format_duration_ns, format_exact, short_type_name

MAX_SUSPECTS = 12
MAX_STEPS = 24
MAX_TEXTS = 8  # sentences of one kind in a suspect
MAX_NAME = 160
MAX_PARTS = 16  # of the memory
MAX_TYPES = 40
MAX_SLOTS = 20
MAX_GRAPHS = 5
_WIDE, _NARROW = (1040, 520), (420, 640)
_NOTHING = Html("")
_SIGNS = {VerdictKind.NOT_ENOUGH_DATA: "? Undecided"}
_TREEMAP_WORDS = "Shares are of all that lives. Dashed: what is too small for a rectangle of its own; without a tint: what a holder takes itself."


def verdict_section(report: Report) -> Html:
    """Give the answer, and what to do next."""
    verdict = report.verdict
    sign = _SIGNS.get(verdict.kind, "▲ Look here" if verdict.kind.is_alarm else "✔ No alarm")
    lines = [
        element("p", element("strong", text(sign)), Html(" "), _tag(f"{verdict.confidence.label} confidence")),
        element("p", element("strong", text(_sentence(verdict.headline)))),
    ]
    if verdict.next:
        lines += [element("p", text("Next:")), _commands(verdict.next)]
    return element("section", *lines, of="verdict alarm" if verdict.kind.is_alarm else "verdict", aria_label="Verdict")


def figures_section(report: Report) -> Html:
    """Give the figures of the process and its newest snapshot."""
    found = _figures(report.figures)
    if report.snapshot_count > 1:
        found.append(("Snapshots", f"{report.snapshot_count} in {report.interval_s / 60:.0f} min"))
        if report.figures.growth_bytes is not None:
            found.append(("Heap growth", format_delta(report.figures.growth_bytes)))
    return element(
        "dl",
        *(element("div", element("dt", text(name)), element("dd", text(value, 200))) for name, value in found),
        of="facts",
    )


def _figures(figures: HeapFigures) -> list[tuple[str, str]]:
    found = [
        ("Captured", datetime.fromtimestamp(figures.captured_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")),
        ("Python", figures.python_version),
        ("Objects", format_count(figures.object_count)),
        ("Python heap", format_bytes(figures.heap_bytes)),
        ("Resident memory", format_bytes(figures.rss_bytes)),
        ("Paused for", format_duration_ns(figures.pause_ns)),
    ]
    if figures.garbage_count:
        garbage = f"{format_bytes(figures.garbage_bytes)} in {format_count(figures.garbage_count)} objects"
        found.append(("Awaits collection", garbage))
    if figures.coverage is not None:
        found.append(("Heap accounted for", f"{figures.coverage:.1%}"))
    return found


def memory_section(memory: MemorySplit | None) -> Html:
    """Give where the resident memory is."""
    if memory is None:
        return _NOTHING
    total = max(1, memory.rss_bytes)
    limit = f" of a limit of {format_bytes(memory.limit_bytes)}" if memory.limit_bytes else ""
    rows = [
        row(
            join(text(str(one.part).replace("_", " ").capitalize()), _soft("; ".join(one.notes[:MAX_TEXTS]))),
            number(format_bytes(one.bytes)),
            number(f"{one.bytes / total:.1%}"),
            bar(one.bytes / total),
        )
        for one in memory.components[:MAX_PARTS]
    ]
    heads = (("Part", ""), ("Bytes", "num"), ("Share", "num"), ("", "bar"))
    caption = f"{format_bytes(memory.rss_bytes)} resident{limit}"
    said = element("p", text(_sentence(memory.verdict))) if memory.verdict else _NOTHING
    return _section("memory", "Where the memory is", said, table(caption, heads, rows))


def suspects_section(report: Report, tables: PageTables) -> Html:
    """Give the suspects, best first, each with its evidence."""
    if not report.suspects:
        return _NOTHING
    graphs = dict(tables.graphs[:MAX_GRAPHS])
    shown = report.suspects[:MAX_SUSPECTS]
    cards = [_suspect(place, suspect, graphs.get(place)) for place, suspect in enumerate(shown)]
    left = len(report.suspects) - len(shown)
    more = element("p", text(f"{left} more are in heapscope report --format json")) if left else _NOTHING
    title = "Suspects" if report.verdict.kind.is_alarm else "Largest holders"
    return _section("suspects", title, *cards, more)


def _suspect(place: int, suspect: Suspect, graph: Graph | None) -> Html:
    growth = (
        f", {format_delta(suspect.growth_bytes)}, grew {suspect.rising} of {suspect.steps} times"
        if suspect.growth_bytes is not None and suspect.steps
        else ""
    )
    entries = f", {format_exact(suspect.entries)} entries" if suspect.entries is not None else ""
    kind = short_type_name(suspect.type_name)
    lines = [
        element("h3", text(f"{place + 1}. "), element("code", text(suspect.holder, 300))),
        element(
            "p",
            element("strong", text(f"{format_bytes(suspect.retained_bytes)}, {suspect.share:.0%}")),
            text(f" {kind}{entries}{growth}  "),
            _tag(str(suspect.kind).replace("_", " ")),
            Html(" "),
            _tag(_confidence(suspect.confidence)),
        ),
    ]
    if suspect.place:
        lines.append(element("p", text("Written at "), element("code", text(suspect.place, 300))))
    lines += _sentences("Evidence", suspect.evidence)
    lines += _sentences("But", getattr(suspect, "doubts", ()))
    if suspect.path:
        lines += [element("p", text("Held by way of")), listed("ol", map(_step, suspect.path[:MAX_STEPS]), of="way")]
        left = len(suspect.path) - MAX_STEPS
        lines += [_soft(f"and {left} more steps")] if left > 0 else []
    if graph is not None:
        lines.append(_graph(graph))
    if suspect.next:
        lines += [element("p", text("Next")), _commands(suspect.next)]
    return element("article", *lines, of="card")


def _step(step: object) -> Html:
    name, kind = str(getattr(step, "name", "")), short_type_name(str(getattr(step, "type_name", "")))
    place = str(getattr(step, "place", ""))
    return join(element("code", text(name, MAX_NAME)), Html(" "), text(kind, MAX_NAME), _soft(place))


def _graph(graph: Graph) -> Html:
    drawn = Html(write_svg(graph, is_fragment=True))
    return element("div", drawn, of="scroll graph", tabindex="0", role="region", aria_label=graph.title)


def treemap_section(tables: PageTables) -> Html:
    """Give the picture of who holds what, for wide and for narrow screens, and its cells as a table."""
    if not tables.blocks:
        return _NOTHING
    title = "Retained size by holder: each rectangle would be freed with what it stands for"
    pictures = [
        element("div", Html(write_treemap(tables.blocks, *size, title)), of=name)
        for name, size in (("wide", _WIDE), ("narrow", _NARROW))
    ]
    rows = [
        row(
            element("code", text(block.cell.label)),
            number(format_bytes(block.cell.retained_bytes)),
            number(f"{block.cell.share:.1%}"),
        )
        for block in tables.blocks
    ]
    heads = (("Holder", ""), ("Retained", "num"), ("Share", "num"))
    same = element(
        "details", element("summary", text("The same as a table")), table("What lives, by holder", heads, rows)
    )
    said = element("p", text(f"{title}. {_TREEMAP_WORDS}"))
    return _section("treemap", "Who holds it", said, element("div", *pictures, of="treemap"), same)


def types_section(tables: PageTables) -> Html:
    """Give the largest types."""
    if not tables.types:
        return _NOTHING
    rows = []
    for one in tables.types[:MAX_TYPES]:
        least = "≥" if one.is_minimum else ""
        retained = "–" if one.retained_bytes is None else f"{least}{format_bytes(one.retained_bytes)}"
        cells = (number(format_count(one.count)), number(format_bytes(one.shallow_bytes), "rank2"), number(retained))
        rows.append(
            row(
                element("code", text(short_type_name(one.type_name))),
                *cells,
                number(f"{one.share:.1%}"),
                bar(one.share),
            )
        )
    heads = (
        ("Type", ""),
        ("Count", "num"),
        ("Shallow", "num rank2"),
        ("Retained", "num"),
        ("Heap", "num"),
        ("", "bar"),
    )
    count = max(tables.type_count, len(tables.types))
    caption = f"{format_count(min(MAX_TYPES, len(tables.types)))} of {format_count(count)} types; share of the heap by shallow size"
    return _section("types", "Types", table(caption, heads, rows))


def slots_section(tables: PageTables) -> Html:
    """Give the classes that __slots__ would make smaller."""
    if not tables.slots:
        return _NOTHING
    rows = []
    for one in tables.slots[:MAX_SLOTS]:
        line = element("p", element("code", text(one.slots_line, 400))) if one.slots_line else _NOTHING
        place = f"{one.file}:{one.line}" if one.file else ""
        name = join(element("code", text(one.type_name)), _soft(place), line)
        rows.append(
            row(
                name,
                number(format_count(one.instances)),
                number(format_bytes(one.saves_bytes)),
                element("td", text(one.verdict)),
            )
        )
    heads = (("Class", ""), ("Instances", "num"), ("Saves", "num"), ("Verdict", ""))
    count = max(tables.slots_count, len(tables.slots))
    caption = f"{len(rows)} of {format_count(count)} classes; a verdict other than safe says that something has to change first"
    return _section("slots", "Smaller with __slots__", table(caption, heads, rows))


def _section(name: str, title: str, *content: Html) -> Html:
    return element("section", element("h2", text(title), id=name), *content, aria_labelledby=name)


def _sentences(title: str, sentences: tuple[str, ...]) -> list[Html]:
    if not sentences:
        return []
    return [element("p", text(title)), listed("ul", (text(_sentence(one)) for one in sentences[:MAX_TEXTS]))]


def _commands(commands: tuple[str, ...]) -> Html:
    return join(*(element("pre", element("code", text(one))) for one in commands[:MAX_TEXTS]))


def _tag(words: str) -> Html:
    return element("span", text(words, 60), of="tag")


def _soft(words: str) -> Html:
    return element("div", text(words, MAX_NAME), of="soft") if words else _NOTHING


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"


def _confidence(confidence: Confidence) -> str:
    return f"{confidence.label} confidence"
