"""The ways that ``heapscope paths`` shows, on a heap small enough to be worked out by hand."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import SESSION, Shop, hexed

SHOP = Shop()


def test_paths_of_a_type_are_merged_with_their_shares(ask: Any, path: str) -> None:
    """Two of three sessions are held by the registry."""
    rows = ask("paths", path, "--type", SESSION)
    assert [(row["count"], row["path"]) for row in rows] == [
        (2, f"module app > dict > dict > {SESSION}"),
        (1, f"frame work app.py:9 (thread 7) > list > [0] {SESSION}"),
    ]
    assert [step["name"] for step in rows[1]["steps"]] == [None, None, "[0]"]
    assert rows[0]["share"] == pytest.approx(2 / 3, abs=1e-6)
    assert rows[0]["root"] == {"kind": "module", "label": "app", "thread": None}
    steps = rows[0]["steps"]
    assert [step["address"] for step in steps[:3]] == [
        hexed(one) for one in (SHOP.module, SHOP.namespace, SHOP.registry)
    ]
    assert [step["is_shared"] for step in steps] == [True, True, True, False]
    assert ask("paths", path, "--type", "str")[0]["steps"][-1]["type"] == "builtins.str"


def test_paths_of_an_object_come_shortest_first_and_can_avoid_others(ask: Any, path: str) -> None:
    """The shared string has two holders; without one of them, or its type, there is one way less, or none."""
    rows = ask("paths", path, "--address", hexed(SHOP.shared), "-k", "9")
    holders = [row["steps"][-2]["address"] for row in rows]
    assert sorted(holders) == sorted(hexed(one) for one in SHOP.sessions[:2])
    (row,) = ask("paths", path, "--address", hexed(SHOP.shared), "--exclude", hexed(SHOP.sessions[0]))
    assert row["steps"][-2]["address"] == hexed(SHOP.sessions[1])
    assert ask("paths", path, "--address", hexed(SHOP.shared), "--exclude", SESSION) == []
    assert "1 of 1 objects are reached only through what is excluded" in ask.said
    assert ask("paths", path, "--type", "app.Lost") == []
    assert "2 of 2 objects are garbage" in ask.said


def test_a_single_reference_can_be_excluded(ask: Any, path: str) -> None:
    """The way over the other session is left; then none."""
    over_first, over_second = (f"{hexed(session)}:{hexed(SHOP.shared)}" for session in SHOP.sessions[:2])
    (row,) = ask("paths", path, "--address", hexed(SHOP.shared), "--exclude", over_first)
    assert row["steps"][-2]["address"] == hexed(SHOP.sessions[1])
    assert len(ask("paths", path, "--address", hexed(SHOP.cart), "--exclude", over_first)) == 1
    both = ("--exclude", over_first, "--exclude", over_second)
    assert ask("paths", path, "--type", "str", *both) == []
    assert "1 of 1 objects are reached only through what is excluded" in ask.said


def test_paths_as_csv_have_one_line_each(ask: Any, path: str) -> None:
    """The way in words, the addresses beside it."""
    text = ask("paths", path, "--type", SESSION, "--format", "csv", text=True)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 2
    assert rows[0]["root_label"] == "app"
    assert len(rows[0]["addresses"].split("; ")) == 4


def test_paths_as_a_table_end_with_the_steps_of_the_first(ask: Any, path: str) -> None:
    """Every step with its address."""
    text = ask("paths", path, "--type", SESSION, text=True)
    assert "66.7%" in text
    assert hexed(SHOP.registry) in text
    assert "one of several" in text


def test_ways_can_be_drawn(ask: Any, path: str, tmp_path: Path) -> None:
    """In three languages, to stdout or a file; what is shared is one box."""
    dot = ask("paths", path, "--type", SESSION, "--to", "dot", text=True)
    assert dot.startswith("digraph")
    assert 'label="module app\\n' in dot
    assert dot.count(f"3 × {SESSION}") == 2  # the heading and one box
    assert ask("paths", path, "--type", SESSION, "--to", "mermaid", text=True).startswith("flowchart TB\n")
    file = tmp_path / "ways.svg"
    ask("paths", path, "--address", hexed(SHOP.shared), "--to", "svg", "-o", str(file), text=True)
    root = ET.fromstring(file.read_text(encoding="utf-8"))
    words = "".join(root.itertext())
    assert words.count("app.Session") >= 2
    assert f"{SHOP.shared.address:#x}" in words
    ask("paths", path, "--type", SESSION, "--to", "svg", code=2)
    assert "exclude each other" in ask.said
