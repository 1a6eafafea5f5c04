"""types, dominators, paths and object on a heap small enough to be worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heapscope.errors import ExitCode
from heapscope.snapshot.file import save_snapshot
from heapscope.snapshot.opening import SnapshotFile
from tests.support.heap import Heap
from tests.support.shop import SESSION, Shop, hexed

SHOP = Shop()
HEAP_BYTES = sum(item.size for item in SHOP.heap.objects)
SESSIONS_BYTES = 96 + 97 + 98
REGISTRY_RETAINS = 1000 + 96 + 97 + 56 + 70
MODULE_RETAINS = 72 + 200 + 160 + REGISTRY_RETAINS
THREAD_RETAINS = 300 + 64 + 98


def keyed(rows: list[dict[str, Any]], key: str = "type") -> dict[str, dict[str, Any]]:
    """Index rows."""
    found = {row[key]: row for row in rows}
    assert len(found) == len(rows)
    return found


def test_types_say_what_all_objects_of_a_type_retain(ask: Any, path: str) -> None:
    """Two sessions hold a cart and a string together; the third is held by a frame."""
    rows = keyed(ask("types", path))
    assert rows[SESSION]["retained_bytes"] == SESSIONS_BYTES + 56 + 70
    assert rows[SESSION]["retained_is_minimum"] is False
    assert rows["builtins.dict"]["retained_bytes"] == 200 + 160 + REGISTRY_RETAINS
    assert rows["app.Lost"]["retained_bytes"] == 0
    assert rows["builtins.str"]["recursive_bytes"] == 70


def test_the_expensive_columns_can_be_left_out(ask: Any, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one they are null; without both, a file is not loaded, and says the same of the rest."""
    full = ask("types", path)
    assert {row["retained_bytes"] for row in ask("types", path, "--no-retained")} == {None}
    assert {row["recursive_bytes"] for row in ask("types", path, "--no-recursive")} == {None}
    monkeypatch.delattr(SnapshotFile, "load")
    monkeypatch.delattr(SnapshotFile, "column")
    for words in (("--quick",), ("--no-recursive", "--no-retained")):
        nothing = {"recursive_bytes": None, "retained_bytes": None, "retained_is_minimum": False}
        assert ask("types", path, *words) == [{**row, **nothing} for row in full]
    assert "RETAINED" not in ask("types", path, "--quick", text=True)
    assert ask("types", path, "--quick", "--filter", "Lost")[0]["count"] == 2


def test_a_lower_bound_is_marked(ask: Any, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A type that is too small to be computed exactly says so; one with a single object needs no marking."""
    monkeypatch.setattr("heapscope.service.queries.EXACT_TYPES", 0)
    rows = keyed(ask("types", path))
    assert rows[SESSION]["retained_is_minimum"] is True
    assert rows[SESSION]["retained_bytes"] == SESSIONS_BYTES + 56
    assert rows["builtins.frame"]["retained_is_minimum"] is False
    assert rows["app.Lost"]["retained_is_minimum"] is False
    assert ">=347B" in ask("types", path, text=True)


def test_dominators_are_a_tree_from_the_roots_with_garbage_last(ask: Any, path: str) -> None:
    """A module retains its namespace; a thread its frames; what no root reaches has a bucket of its own."""
    rows = ask("dominators", path, "--depth", "9")
    assert [(row["depth"], row["label"], row["retained_bytes"]) for row in rows] == [
        (1, "module app", MODULE_RETAINS),
        (2, "dict", 200 + 160 + REGISTRY_RETAINS),
        (3, "dict", REGISTRY_RETAINS),
        (4, f"2 × {SESSION}", 96 + 97 + 56),
        (5, "list", 56),
        (4, "str", 70),
        (3, "function", 160),
        (1, "thread 7", THREAD_RETAINS),
        (2, "frame work app.py:9 (thread 7)", THREAD_RETAINS),
        (3, "list", 64 + 98),
        (4, SESSION, 98),
        (1, "garbage awaiting collection", 1000),
        (2, "2 × app.Lost", None),
    ]
    assert [row["root_kind"] for row in rows if row["root_kind"]] == ["module", "thread", "frame", "garbage"]
    assert rows[0]["address"] == hexed(SHOP.module)
    assert rows[3]["address"] is None
    assert rows[3]["count"] == 2
    assert rows[0]["share"] == round(MODULE_RETAINS / HEAP_BYTES, 6)
    tops = [row for row in rows if row["depth"] == 1]
    assert sum(row["retained_bytes"] for row in tops) == HEAP_BYTES


def test_the_tree_can_show_objects_and_start_anywhere(ask: Any, path: str) -> None:
    """Without merging every object has its row and address; below an object only what it holds alone."""
    rows = ask("dominators", path, "--under", hexed(SHOP.registry), "--by", "object", "--depth", "1")
    expected = [SHOP.sessions[0], SHOP.sessions[1], SHOP.shared]
    assert [row["address"] for row in rows] == [hexed(item) for item in expected]
    assert [row["retained_bytes"] for row in rows] == [96 + 56, 97, 70]


def test_a_limit_keeps_the_rows_that_retain_most_and_the_garbage(ask: Any, path: str) -> None:
    """What is left is a tree; a table shows it indented."""
    rows = ask("dominators", path, "--depth", "1", "-n", "2")
    assert [row["label"] for row in rows] == ["module app", "garbage awaiting collection"]
    rows = ask("dominators", path, "-n", "5")
    assert [row["depth"] for row in rows] == [1, 2, 3, 1, 2]
    text = ask("dominators", path, "-n", "5", text=True)
    assert [len(line) - len(line.lstrip()) for line in text.splitlines()] == [0, 0, 2, 4, 0, 2]
    assert "the 5 rows that retain most" in ask.said


def test_a_filter_chooses_among_all_rows_of_the_tree(ask: Any, path: str) -> None:
    """Also small ones, which a limit would have left out."""
    rows = ask("dominators", path, "--depth", "9", "--filter", "list", "-n", "1")
    assert [row["retained_bytes"] for row in rows] == [56]
    rows = ask("dominators", path, "--sort", "retained:asc", "--depth", "9", "-n", "1")
    assert rows[0]["label"] == "list"


def test_owners_are_modules_or_threads(ask: Any, path: str) -> None:
    """What each retains."""
    (module,) = ask("dominators", path, "--modules")
    assert (module["label"], module["retained_bytes"], module["root_kind"]) == ("module app", MODULE_RETAINS, "module")
    (thread,) = ask("dominators", path, "--threads")
    assert (thread["label"], thread["retained_bytes"], thread["address"]) == ("thread 7", THREAD_RETAINS, None)


def test_tasks_are_named_by_their_coroutines(ask: Any, path: str, tmp_path: Path) -> None:
    """A hostile name is shown, not obeyed; a heap without asyncio has no rows."""
    heap = Heap()
    loop, named, ended = (heap.object(kind, size=90) for kind in ("app.Loop", "_asyncio.Task", "_asyncio.Task"))
    named.refers_to(heap.object("builtins.coroutine", size=50).refers_to(heap.text("evil\x1b[31m")))
    heap.root(loop.refers_to(named, ended))
    save_snapshot(heap.snapshot(), tmp_path / "tasks.heapscope")
    rows = ask("dominators", str(tmp_path / "tasks.heapscope"), "--tasks")
    assert [(row["label"], row["type"], row["retained_bytes"]) for row in rows] == [
        ("task evil\\x1b[31m", "_asyncio.Task", 90 + 50 + 59),
        ("_asyncio.Task", "_asyncio.Task", 90),
    ]
    assert ask("dominators", path, "--tasks") == []


def test_an_object_says_everything(ask: Any, path: str) -> None:
    """Sizes, counts, neighbours, the way to it and who holds it."""
    facts = ask("object", path, hexed(SHOP.sessions[0]))
    assert facts["type"] == SESSION
    assert (facts["shallow_bytes"], facts["allocated_bytes"]) == (96, 96)
    assert (facts["recursive_bytes"], facts["retained_bytes"], facts["retained_count"]) == (96 + 56 + 70, 96 + 56, 2)
    assert facts["refcount"] == {"count": 1, "references_seen": 1, "held_by_c": 0}
    assert (facts["dict_state"], facts["generation"], facts["flags"]) == ("inline", 2, ["tracked"])
    assert facts["path"] == f"module app > dict > dict > {SESSION}"
    assert [one["address"] for one in facts["dominators"]] == [
        *(hexed(one) for one in (SHOP.registry, SHOP.namespace, SHOP.module)),
        None,
    ]
    assert facts["referrers"]["first"] == [{"type": "builtins.dict", "address": hexed(SHOP.registry)}]
    assert facts["referents"]["types"] == [{"type": "builtins.list", "count": 1}, {"type": "builtins.str", "count": 1}]
    assert facts["heap"] == {"held_by_c": 0, "negative": 0, "immortal": 0, "garbage_count": 2, "garbage_bytes": 1000}
    text = ask("object", path, hexed(SHOP.sessions[0]), text=True)
    assert "reference count 1: 1 references seen, all accounted for" in text


def test_an_object_that_is_garbage_says_so(ask: Any, path: str) -> None:
    """It retains nothing, and no way leads to it."""
    facts = ask("object", path, hexed(SHOP.lost[0]))
    assert (facts["is_reachable"], facts["path"], facts["retained_count"]) == (False, None, 0)
    assert "garbage that awaits collection" in ask("object", path, hexed(SHOP.lost[0]), text=True)
    ask("dominators", path, "--under", hexed(SHOP.lost[0]), code=ExitCode.USAGE)


def test_counts_that_c_code_holds_are_told(ask: Any, tmp_path: Path) -> None:
    """One more count than references."""
    shop = Shop()
    shop.cart.length = 1  # see snapshot_with_counts
    file = tmp_path / "held.heapscope"
    save_snapshot(shop.snapshot(), file)
    facts = ask("object", str(file), hexed(shop.cart))
    assert facts["refcount"] == {"count": 2, "references_seen": 1, "held_by_c": 1}
    assert facts["heap"]["held_by_c"] == 1
    assert "others held by C code" in ask("object", str(file), hexed(shop.cart), text=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("object", "0x10"), "no object starts at 0x10"),
        (("object", "1234"), "is no address"),
        (("object", "0x" + "1" * 17), "more than 64 bits"),
        (("paths",), "--type NAME, or --address"),
        (("paths", "--type", "a", "--address", "0x10"), "--type NAME, or --address"),
        (("paths", "--type", "Session"), SESSION),
        (("paths", "--type", "\x1b[31m"), "\\x1b[31m"),
        (("paths", "--type", SESSION, "--exclude", "nothing"), "no type is called nothing"),
        (("paths", "--type", SESSION, "--exclude", f"{hexed(SHOP.cart)}:{hexed(SHOP.shared)}"), "does not refer to"),
        (("paths", "--type", SESSION, "--exclude", f"{hexed(SHOP.cart)}:app.Cart"), "is no address"),
        (("dominators", "--under", "0x10"), "no object starts at 0x10"),
        (("dominators", "--under", "0x10", "--threads"), "only one of"),
        (("dominators", "--tasks", "--modules"), "only one of"),
        (("dominators", "--filter", "bogus>1"), "is no column"),
        (("dominators", "--depth", "0"), "--depth"),
    ],
)
def test_words_that_make_no_sense_are_usage_errors(ask: Any, path: str, words: tuple[str, ...], said: str) -> None:
    """With a hint, and nothing on stdout."""
    assert ask(words[0], path, *words[1:], code=ExitCode.USAGE, text=True) == ""
    assert said in ask.said


@pytest.mark.parametrize(
    "words", [("types", "--quick"), ("dominators",), ("paths", "--type", "dict"), ("object", "0x1")]
)
def test_a_file_that_is_none_is_a_file_error(ask: Any, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Missing, or something else."""
    other = tmp_path / "other"
    other.write_bytes(b"no snapshot" * 100)
    for file in (str(tmp_path / "missing"), str(other)):
        ask(words[0], file, *words[1:], code=ExitCode.SNAPSHOT_FILE, text=True)


def test_hostile_names_do_no_harm(ask: Any, tmp_path: Path) -> None:
    """Escape sequences in names of types, modules and functions become visible text in every format."""
    shop = Shop()
    evil = shop.heap.object("=\x1b[31mevil\u202e", size=10)
    shop.registry.refers_to(evil)
    shop.heap.roots = [(kind, address, "\x1b]0;x\x07" + label) for kind, address, label in shop.heap.roots]
    file = str(tmp_path / "evil.heapscope")
    save_snapshot(shop.snapshot(), file)
    for words in (("types",), ("dominators", "--depth", "9"), ("paths", "--type", "=\x1b[31mevil\u202e")):
        for form in ("table", "csv", "json"):
            text = ask(words[0], file, *words[1:], "--format", form, text=True)
            assert "evil" in text
            assert not set("\x1b\x07\u202e").intersection(text)
    assert "\x1b" not in ask("object", file, hexed(evil), text=True)


def test_drawing_with_objgraph_needs_a_live_process_and_a_name_that_says_what_to_write(ask: Any, path: str) -> None:
    """Nothing is attached to."""
    ask("object", path, "0x10", "--draw", "refs", code=2, text=True)
    assert "draws in a live process" in ask.said
    ask("object", "1", "0x10", "--draw", "refs", "-o", "picture.png", code=2, text=True)
    assert "neither .svg nor .dot" in ask.said
    ask("object", "1", "0x10", "--draw", "refs", code=2)
    assert "exclude each other" in ask.said
