"""What is copied into an incident channel, written as text, as Markdown and as JSON; also of hostile names."""

from __future__ import annotations

import dataclasses
import json

from heapscope.analysis.suspects.model import (
    Confidence,
    HeapFigures,
    PathStep,
    Report,
    Suspect,
    SuspectKind,
    Verdict,
    VerdictKind,
)
from heapscope.analysis.suspects.summary import incident_summary
from heapscope.cli.report_text import report_markdown, report_text
from heapscope.service.report_json import report_object

FIGURES = HeapFigures(7, "3.12.1", "app", 1.8e9, 1000, 5 << 20, 0, 0, 9 << 20, 1000, 0.99, "native-clone", 1 << 20, 50)
SUSPECT = Suspect(
    kind=SuspectKind.GROWTH,
    holder="app.sessions.REGISTRY.sessions",
    path=(
        PathStep("module app.sessions", "builtins.module", "/srv/app/sessions.py"),
        PathStep(".REGISTRY", "app.sessions.Registry", "/srv/app/sessions.py:5"),
        PathStep(".sessions", "builtins.dict"),
    ),
    retained_bytes=4 << 20,
    share=0.8,
    confidence=Confidence.HIGH,
    evidence=("grew by 1.00M, in 4 of 4 steps",),
    next=("heapscope paths 7 --address 0x10",),
    place="/srv/app/sessions.py:14",
    kinds=(SuspectKind.GROWTH, SuspectKind.ACCUMULATION),
    type_name="builtins.dict",
    growth_bytes=1 << 20,
    rising=4,
    steps=4,
)
REPORT = Report(
    Verdict(VerdictKind.GROWING, "one dict keeps 80% of the heap", Confidence.HIGH, SUSPECT.next),
    (SUSPECT,),
    FIGURES,
    interval_s=600.0,
    snapshot_count=5,
)
HOSTILE = "\x1b[31m" + "evil\u202e[link](x)|`<b>\n# head" + "x" * 10_000


def test_the_summary_says_who_how_much_where_and_what_next() -> None:
    """In a few lines."""
    assert incident_summary(REPORT).splitlines() == [
        "GROWING (confidence high): one dict keeps 80% of the heap",
        "pid 7, CPython 3.12.1; 2027-01-15 08:00:00 UTC; heap 5.00M in 1,000 objects; +1.00M in 10 min; RSS 9.00M; 5 snapshots",
        "1. app.sessions.REGISTRY.sessions (dict): 4.00M, 80%, +1.00M; growth, accumulation, confidence high",
        "   path: module app.sessions ▸ .REGISTRY app.sessions.Registry ▸ .sessions dict",
        "   code: /srv/app/sessions.py:14",
        "   because: grew by 1.00M, in 4 of 4 steps",
        "next: heapscope paths 7 --address 0x10",
    ]


def hostile() -> Report:
    """Give a report in which every text of the target is hostile."""
    step = PathStep(HOSTILE, HOSTILE, HOSTILE)
    changes = {"holder": HOSTILE, "path": (step,) * 3, "evidence": (HOSTILE,), "place": HOSTILE, "doubts": (HOSTILE,)}
    suspect = dataclasses.replace(SUSPECT, **changes, type_name=HOSTILE)  # type: ignore[arg-type]
    verdict = Verdict(VerdictKind.GROWING, HOSTILE, Confidence.HIGH, (HOSTILE,))
    return dataclasses.replace(REPORT, verdict=verdict, suspects=(suspect,), warnings=(HOSTILE,))


def test_nothing_hostile_comes_out() -> None:
    """No escape sequences, no changes of direction, no lines that the target made, nothing endless."""
    report = hostile()
    for text in (incident_summary(report), report_text(report), report_markdown(report)):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert not any(line.startswith("# head") for line in text.splitlines())
        assert len(text) < 20_000
    assert max(map(len, incident_summary(report).splitlines())) <= 300
    written = json.dumps(report_object(report), ensure_ascii=False)
    assert "\x1b" not in written
    assert len(written) < 20_000


def test_markdown_is_no_markup_of_the_target() -> None:
    """What could be markup is escaped, or stands in code that it cannot close."""
    name = "a*b_c|`d`<i>"
    suspect = dataclasses.replace(SUSPECT, holder=name, place=name)
    text = report_markdown(dataclasses.replace(REPORT, suspects=(suspect,)))
    assert "**a\\*b\\_c\\|\\`d\\`\\<i\\>**" in text
    assert "code: ``a*b_c|`d`<i>``" in text


def test_no_verdict_calls_anything_a_leak() -> None:
    """A suspect is for a person to judge."""
    for text in (incident_summary(REPORT), report_text(REPORT), report_markdown(REPORT)):
        assert "leak" not in text.lower()


def test_the_text_names_evidence_and_doubts() -> None:
    """Each behind its word."""
    text = report_text(dataclasses.replace(REPORT, suspects=(dataclasses.replace(SUSPECT, doubts=("it may be",)),)))
    assert "   because  grew by 1.00M" in text
    assert "   but      it may be" in text
    assert "   code     /srv/app/sessions.py:14" in text


def test_json_has_the_documented_keys() -> None:
    """With the path as named steps, and integers for bytes."""
    found = report_object(REPORT)
    assert {"schema_version", "verdict", "memory", "suspects"} <= set(found)
    (suspect,) = found["suspects"]
    assert {"kind", "holder", "path", "retained_bytes", "share", "confidence", "evidence", "next"} <= set(suspect)
    assert [step["name"] for step in suspect["path"]] == ["module app.sessions", ".REGISTRY", ".sessions"]
    assert (suspect["confidence"], suspect["retained_bytes"]) == ("high", 4 << 20)
    assert found["verdict"]["is_alarm"] is True
