"""Waste in texts: copies, wide characters, UTF-8 kept beside them."""

from __future__ import annotations

from heapscope.analysis.waste.model import Pattern, Precision
from heapscope.analysis.waste.owners import owner_text
from heapscope.wire.protocol import Flag
from tests.support.waste_heap import TEXT_TABLES, WasteHeap, block, report_of, row_of, rows_of


def test_copies_of_a_text_cost_all_but_one() -> None:
    """Equal are those with equal fingerprint and length; contents are never shown."""
    heap = WasteHeap()
    heap.put("NAMES", heap.list([*[heap.string(20, 7) for _ in range(10)], *[heap.string(30, 8) for _ in range(5)]]))
    heap.put("OTHER", heap.list([heap.string(21, 7), heap.string(40, 9)]))
    row = row_of(heap, Pattern.DUPLICATES)
    assert row.count == 15
    assert row.saves_bytes == 9 * block(61) + 4 * block(71)
    assert row.details == (
        "15 objects of 2 contents",
        "10 × one of 20 characters: 640B",
        "5 × one of 30 characters: 400B",
    )
    assert "sys.intern" in row.fix


def test_a_copy_that_is_a_name_is_shown_and_what_is_never_freed_stays() -> None:
    """An immortal copy is the one that stays, so all others go."""
    heap = WasteHeap()
    copies = [heap.string(5, 7) for _ in range(4)]
    immortal = heap.string(5, 7, flags=Flag.IMMORTAL)
    heap.names.append((immortal, "hello"))
    heap.put("NAMES", heap.list([*copies, immortal]))
    row = row_of(heap, Pattern.DUPLICATES)
    assert row.saves_bytes == 4 * block(46)
    assert row.details[1] == "5 × 'hello': 240B"


def test_texts_and_bytes_of_one_fingerprint_are_different_and_lonely_ones_are_no_copies() -> None:
    """Types differ, so contents do."""
    heap = WasteHeap()
    heap.put(
        "ALL",
        heap.list([heap.string(5, 7), heap.string(5, 7, kind="builtins.bytes"), heap.string(9, 0), heap.string(9, 0)]),
    )
    assert rows_of(heap, Pattern.DUPLICATES) == []


def test_copies_are_told_apart_by_key() -> None:
    """The way to them is the same but for its last step."""
    heap = WasteHeap()
    keys = heap.text("city"), heap.text("land")
    rows = [
        heap.dict({keys[0]: heap.string(20, 7), keys[1]: heap.string(40, 8)}, shape=5, table=TEXT_TABLES[5])
        for _ in range(30)
    ]
    heap.put("ROWS", heap.list(rows))
    assert {owner_text(row.owner): row.saves_bytes for row in rows_of(heap, Pattern.DUPLICATES)} == {
        "module app > .ROWS list > [] dict > ['city'] str": 29 * block(61),
        "module app > .ROWS list > [] dict > ['land'] str": 29 * block(81),
    }


def width(code: int) -> int:
    """Give the flag of a text of so wide characters."""
    return code << Flag.TEXT_WIDTH_SHIFT


def test_wide_texts_and_cached_utf8() -> None:
    """At most, for the first: contents are not recorded. To the byte, for the second."""
    heap = WasteHeap()
    wide = heap.string(0, 1, flags=width(2), head=56 + 2 * 101)
    wide.length = 100
    cached = heap.string(0, 2, flags=width(1) | Flag.TEXT_CACHES_UTF8, head=56 + 101 + 131)
    cached.length = 100
    heap.put("TEXTS", heap.list([wide, cached, heap.string(10, 3, flags=width(1))]))
    found = row_of(heap, Pattern.WIDE_TEXT)
    assert (found.count, found.precision) == (1, Precision.AT_MOST)
    assert found.saves_bytes == block(56 + 202) - block(33 + 101)
    utf8 = row_of(heap, Pattern.CACHED_UTF8)
    assert (utf8.count, utf8.saves_bytes, utf8.precision) == (1, block(131), Precision.EXACT)


def test_a_capture_that_did_not_record_widths_says_so() -> None:
    """Absence of a row must not read as absence of waste."""
    heap = WasteHeap()
    heap.put("TEXTS", heap.list([heap.string(100, 1)]))
    assert any("how wide texts are was not recorded" in note for note in report_of(heap).not_recorded)
    heap.put("MORE", heap.string(5, 2, flags=width(1)))
    assert not any("wide" in note for note in report_of(heap).not_recorded)
