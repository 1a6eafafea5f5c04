"""heapscope report on files: order, formats, checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heapscope.cli.fail_if import parse_condition
from heapscope.cli.main import main
from heapscope.errors import TargetGone
from heapscope.service.report import ReportSeries
from heapscope.service.series import Ended, Plan
from heapscope.snapshot.file import load_snapshot, save_snapshot
from tests.support.growing_heap import Service

SCALE = 40_000


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Give snapshot files of a registry that grows, oldest first."""
    folder = tmp_path_factory.mktemp("series")
    files = []
    for minute, count in enumerate((61, 71, 83)):
        service = Service()
        table = service.table([service.blob(SCALE, "app.Session") for _ in range(count)])
        service.module("app.sessions", SESSIONS=table)
        for number in range(20):
            service.module(f"lib{number}", data=service.blob(2 * SCALE))
        files.append(str(folder / f"{minute}.heapscope"))
        save_snapshot(service.snapshot(minute), files[-1])
    return files


def test_a_series_is_reported_in_any_order(ask: Any, paths: list[str]) -> None:
    """The newest one is what commands go on with."""
    found = ask("report", paths[2], paths[0], "--baseline", paths[1])
    assert (found["verdict"]["kind"], found["snapshots"], found["interval_s"]) == ("growing", 3, 120)
    first = found["suspects"][0]
    assert (first["holder"], first["rising"], first["steps"]) == ("app.sessions.SESSIONS", 2, 2)
    assert first["next"][0] == f"heapscope paths {paths[2]} --address {first['address']}"
    assert found["memory"] is None


def test_the_next_command_works(ask: Any, paths: list[str]) -> None:
    """As it stands there."""
    found = ask("report", paths[0])
    for command in found["suspects"][0]["next"]:
        program, *words = command.split()
        assert program == "heapscope"
        assert ask(*words)


def test_a_page_for_a_browser_is_one_file(ask: Any, paths: list[str], tmp_path: Path) -> None:
    """With the suspect, the way to it, and the treemap."""
    file = tmp_path / "report.html"
    ask("report", *paths, "--format", "html", "-o", str(file), text=True)
    page = file.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "Ways from roots to app.sessions.SESSIONS" in page
    assert "module app.sessions" in page
    assert "<script" not in page


def test_one_file_is_not_enough(ask: Any, paths: list[str]) -> None:
    """And says what to do."""
    found = ask("report", paths[0])
    assert found["verdict"]["kind"] == "not_enough_data"
    assert found["verdict"]["next"][0] == "heapscope report 7 --for 10m --every 2m"


def test_checks_end_with_3(ask: Any, paths: list[str]) -> None:
    """The report is written all the same."""
    assert "GROWING" in ask("report", *paths, "--fail-if", "suspects.medium > 0", code=3, text=True)
    assert "suspects.medium is 1" in ask.said
    assert "GROWING" in ask("report", *paths, "--fail-if", "suspects.high > 0", code=0, text=True)
    ask("report", paths[0], "--fail-if", "growth.bytes > 1M", code=2, text=True)
    assert "growth.bytes is not known here" in ask.said


def test_a_check_is_read_before_a_file_is(ask: Any) -> None:
    """Exit code 2, not 9."""
    ask("report", "/no/such/file", "--fail-if", "heap.byte > 1", code=2, text=True)
    assert "did you mean heap.bytes" in ask.said


def test_markdown_into_a_file(paths: list[str], tmp_path: Path) -> None:
    """Which is not overwritten."""
    output = tmp_path / "report.md"
    words = ["-q", "report", *paths, "--format", "md", "-o", str(output)]
    assert main(words) == 0
    assert output.read_text(encoding="utf-8").startswith("## GROWING\n")
    assert main(words) == 9


def test_watching_takes_one_process(ask: Any, paths: list[str]) -> None:
    """Not files, and an interval alone means nothing."""
    for words in ([paths[0], "--for", "1m"], [paths[0], "--every", "1m"], ["1", "2", "--for", "1m"]):
        ask("report", *words, code=2, text=True)


def test_a_process_is_watched_until_it_ends(ask: Any, paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With what there is, the report is written; the exit code says that it ended early."""

    def watch(pid: int, plan: Plan, series: ReportSeries, _options: object, **_: object) -> Ended:
        assert (pid, plan.for_s, plan.every_s) == (7, 600, 60)
        for path in paths:
            series.add(load_snapshot(path))
        return Ended(TargetGone("there is no process 7 any more"), ("no head-room",))

    monkeypatch.setattr("heapscope.service.series.watch", watch)
    found = ask("report", "7", "--for", "10m", code=4)
    assert (found["snapshots"], found["verdict"]["kind"]) == (3, "growing")
    assert found["suspects"][0]["next"][0].startswith("heapscope paths 7 --address 0x")
    assert "no process 7 any more" in ask.said
    assert "no head-room" in ask.said


@pytest.mark.parametrize("module", ["types", "growth", "dominators", "paths", "object", "slots", "rss", "report"])
def test_every_documented_name_is_one(module: str) -> None:
    """docs/cli.md and the vocabularies say the same."""
    from heapscope.cli import command_report, fail_if_facts

    vocabulary = command_report.VOCABULARY if module == "report" else getattr(fail_if_facts, module.upper())
    text = (Path(__file__).resolve().parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
    for name in vocabulary.names:
        parse_condition(f"{name} > 0", vocabulary)
        part = name.partition(".")[0]
        assert f"`{name}`" in text or (module == "rss" and part in text), name
    for table, columns in vocabulary.tables.items():
        assert f'`{table}["..."]`' in text
        assert all(f"`{column}`" in text for column in columns)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["types", "--quick", "--fail-if", 'type["app.Session"].count > 60'], 3),
        (["types", "--quick", "--fail-if", 'type["app.Session"].count > 61'], 0),
        (["types", "--quick", "--fail-if", 'type["app.Session"].retained_bytes > 1'], 2),
        (["dominators", "--fail-if", "largest.share > 50%"], 3),
        (["paths", "--type", "app.Session", "--fail-if", "objects.count >= 61"], 3),
        (["slots", "--fail-if", "classes.count > 100"], 0),
    ],
)
def test_other_commands_check_as_well(ask: Any, paths: list[str], words: list[str], code: int) -> None:
    """With the figures that they show."""
    ask(words[0], paths[0], *words[1:], code=code, text=True)


def test_growth_checks_holders_by_name(ask: Any, paths: list[str]) -> None:
    """As they are written."""
    check = f'holder["app.sessions.SESSIONS"].held_delta_bytes > {20 * SCALE}'
    ask("growth", *paths, "--fail-if", check, code=3, text=True)
    ask("growth", *paths, "--fail-if", "growth.bytes > 1G", text=True)
