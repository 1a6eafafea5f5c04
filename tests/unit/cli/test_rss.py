"""``heapscope rss`` on a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from heapscope.cli.command_rss import LABELS
from heapscope.errors import ExitCode
from heapscope.snapshot.file import save_snapshot
from tests.support.memory import FACTS
from tests.support.shop import Shop


@pytest.fixture
def split(tmp_path: Path) -> str:
    """Give a file that says where the memory was."""
    file = tmp_path / "split.heapscope"
    save_snapshot(replace(Shop().snapshot(), memory=FACTS), file)
    return str(file)


def test_the_parts_of_a_file_add_up(ask: Any, split: str) -> None:
    """All parts are there, also those of no bytes."""
    row = ask("rss", split)
    assert sum(part["bytes"] for part in row["components"]) == row["rss_bytes"] == FACTS.rss_bytes
    assert [part["part"] for part in row["components"]] == list(LABELS)
    assert (row["heap_walked"], row["frozen"], row["allocator"]) == (True, True, "glibc")
    assert (row["limit_bytes"], row["limit_source"]) == (512 << 20, "memory.max of control group /app")
    assert row["malloc"]["free_bytes"] == 6 << 20
    assert row["pymalloc"]["sparse_pools"] == 12
    assert "mappings" not in row
    assert "size_classes" not in row


def test_mappings_and_size_classes_are_listed_on_request(ask: Any, split: str) -> None:
    """A limit counts for mappings."""
    row = ask("rss", split, "--mappings", "--size-classes")
    assert [each["kind"] for each in row["mappings"]] == ["heap", "file", "private"]
    assert row["mappings"][0] | {"start": "0x7f0000000000", "size_bytes": 64 << 20} == row["mappings"][0]
    assert [each["block_bytes"] for each in row["size_classes"]] == [48, 512]
    assert row["size_classes"][0]["used_share"] == round(30_000 * 48 / (30_000 * 48 + 200_000), 6)
    assert len(ask("rss", split, "--mappings", "-n", "1")["mappings"]) == 1
    assert "1 of 3 mappings" in ask.said


def test_people_read_figures_parts_and_a_verdict(ask: Any, split: str) -> None:
    """In that order."""
    lines = ask("rss", split, "--mappings", text=True).splitlines()
    assert lines[0].startswith("RSS 109M of 512M (memory.max of control group /app)   PSS 99.0M, USS 98.0M")
    assert "unexplained" in lines[0]
    assert any(line.startswith("malloc free") and "malloc_trim would return up to 4.00M" in line for line in lines)
    assert any("libc.so.6" in line and line.startswith("0x7f1000000000") for line in lines)


def test_what_cannot_be_answered_is_said(ask: Any, path: str, split: str) -> None:
    """An older file has no figures; a file does not run."""
    ask("rss", path, code=ExitCode.SNAPSHOT_FILE)
    assert "does not say where the memory was" in ask.said
    ask("rss", split, "--quick", code=ExitCode.USAGE)
