"""Heap profiles: merged dominator paths as pprof, folded stacks and dot."""

from __future__ import annotations

import pytest

from heapscope.analysis.dominators import DominatorTree, build_dominator_tree
from heapscope.exports.holder_paths import merge_paths
from heapscope.exports.pprof import write_dot, write_folded, write_pprof
from heapscope.exports.protobuf import chunk, number, packed, varint
from heapscope.snapshot.model import Snapshot
from heapscope.wire.protocol import RootKind
from tests.support.heap import Heap
from tests.support.profile_proto import read_profile
from tests.support.roots import snapshot_with_counts
from tests.support.shop import Shop

SHOP = {
    ("module app",): (1, 72),
    ("module app", "dict"): (2, 1200),
    ("module app", "dict", "function"): (1, 160),
    ("module app", "dict", "app.Session"): (2, 96 + 97),
    ("module app", "dict", "app.Session", "list"): (1, 56),
    ("module app", "dict", "str"): (1, 70),
    ("thread 7", "frame"): (1, 300),
    ("thread 7", "frame", "list"): (1, 64),
    ("thread 7", "frame", "list", "app.Session"): (1, 98),
    ("awaiting collection", "app.Lost"): (2, 1000),
}


def tree_of(snapshot: Snapshot) -> DominatorTree:
    """Build the tree."""
    return build_dominator_tree(snapshot)


def stacks_of(snapshot: Snapshot, **limits: float) -> dict[tuple[str, ...], tuple[int, ...]]:
    """Write a profile and read it with the reference."""
    data = bytearray()
    write_pprof(merge_paths(tree_of(snapshot), **limits), data.extend)  # type: ignore[arg-type]
    return read_profile(bytes(data))[1]


def totals(stacks: dict[tuple[str, ...], tuple[int, ...]]) -> tuple[int, int]:
    """Add the values up."""
    return sum(count for count, _ in stacks.values()), sum(size for _, size in stacks.values())


def test_a_profile_has_the_paths_of_the_dominator_tree_and_adds_up_to_the_heap() -> None:
    """The dict below a dict of the same kind is the same frame; garbage has a stack of its own."""
    snapshot = Shop().snapshot()
    stacks = stacks_of(snapshot)
    assert stacks == SHOP
    assert totals(stacks) == (snapshot.object_count, snapshot.heap_bytes)


def test_a_profile_says_what_its_values_are() -> None:
    """As Go's heap profiles: the last one is what is shown."""
    data = bytearray()
    write_pprof(merge_paths(tree_of(Shop().snapshot())), data.extend, captured_at=12.5, comment="shop")
    profile, _ = read_profile(bytes(data))
    texts = profile.string_table
    kinds = [(texts[each.type], texts[each.unit]) for each in profile.sample_type]
    assert kinds == [("inuse_objects", "count"), ("inuse_space", "bytes")]
    assert texts[profile.default_sample_type] == "inuse_space"
    assert profile.time_nanos == 12_500_000_000
    assert [texts[each] for each in profile.comment] == ["shop"]


@pytest.mark.parametrize("limits", [{"max_levels": 2}, {"max_paths": 3}, {"least_share": 0.5}, {"max_levels": 0}])
def test_what_is_not_divided_counts_for_the_frame_above(limits: dict[str, float]) -> None:
    """Whatever the limits, nothing is lost."""
    snapshot = Shop().snapshot()
    stacks = stacks_of(snapshot, **limits)
    assert totals(stacks) == (snapshot.object_count, snapshot.heap_bytes)
    assert len(stacks) < len(SHOP)


def test_a_linked_list_is_one_frame() -> None:
    """However long it is; what it holds stands below that frame."""
    heap = Heap()
    module = heap.object("builtins.module")
    nodes = [heap.object("app.Node", size=48) for _ in range(2000)]
    for here, there in zip([module, *nodes], nodes, strict=False):
        here.refers_to(there)
    nodes[-1].refers_to(heap.object("app.Last", size=7))
    heap.root(module, RootKind.MODULE, "app")
    stacks = stacks_of(snapshot_with_counts(heap))
    assert stacks[("module app", "app.Node")][0] >= 2000
    assert totals(stacks) == (2002, 16 + 2000 * 48 + 7)


def test_globals_have_their_names() -> None:
    """Below the namespace of a module."""
    heap = Heap()
    module, space = heap.object("builtins.module"), heap.object("builtins.dict", length=1)
    held = heap.object("app.Registry", size=80)
    module.refers_to(space)
    space.refers_to(heap.text("REGISTRY"), held)
    heap.root(module, RootKind.MODULE, "app")
    assert stacks_of(snapshot_with_counts(heap))["module app", "dict", "REGISTRY (app.Registry)"] == (1, 80)


def test_what_reads_alike_is_one_stack() -> None:
    """Modules of one name, types of one name: the reader of a profile cannot tell them apart."""
    heap = Heap()
    for turn in range(2):
        top, held = heap.object("builtins.module", size=72), heap.object("m.T" + "\u202e" * turn, size=5)
        top.refers_to(held)
        heap.root(top, RootKind.MODULE, "app")
    for shown in ("m.T\\u202e", "m.T\u202e"):
        heap.root(heap.object(shown, size=3), RootKind.NATIVE, "same")
    stacks = stacks_of(snapshot_with_counts(heap))
    assert stacks["module app",] == (2, 144)
    assert totals(stacks) == (6, 160)


def test_hostile_names_break_no_stack() -> None:
    """Separators and newlines of the formats are no part of a frame."""
    heap = Heap()
    top = heap.object('ev;il"\\\n\x1b[31m name' + "x" * 400, size=10)
    heap.root(top, RootKind.NATIVE, "a;b\n1")
    paths = merge_paths(tree_of(snapshot_with_counts(heap)))
    folded, dot = bytearray(), bytearray()
    write_folded(paths, folded.extend)
    write_dot(paths, dot.extend)
    assert folded.count(b"\n") == 1
    assert folded.count(b";") == 0
    assert folded.endswith(b" 10\n")
    assert b"\x1b" not in dot + folded
    assert max(map(len, dot.splitlines())) < 600


def test_folded_stacks_add_up() -> None:
    """In bytes, or in objects."""
    snapshot = Shop().snapshot()
    paths = merge_paths(tree_of(snapshot))
    for of_objects, whole in ((False, snapshot.heap_bytes), (True, snapshot.object_count)):
        out = bytearray()
        write_folded(paths, out.extend, of_objects=of_objects)
        lines = out.decode().splitlines()
        assert sum(int(line.rpartition(" ")[2]) for line in lines) == whole
        assert len(lines) == len(SHOP)
    assert "module app;dict;function 1" in lines


def test_a_graph_shows_what_holds_most_with_all_below() -> None:
    """Every edge joins two nodes that are there."""
    out = bytearray()
    write_dot(merge_paths(tree_of(Shop().snapshot())), out.extend, max_nodes=4)
    text = out.decode()
    assert text.count("label=") == 4
    assert 'label="module app\\n1.71K (' in text
    for line in text.splitlines():
        if "->" in line:
            assert all(f"{word.strip(' ;')} [" in text for word in line.split("->"))


@pytest.mark.parametrize(
    ("encoded", "bytes_"),
    [
        (varint(0), b"\0"),
        (varint(300), b"\xac\x02"),
        (varint(-1), b"\xff" * 9 + b"\x01"),
        (number(1, 0), b""),
        (number(1, 150), b"\x08\x96\x01"),
        (chunk(2, b"testing"), b"\x12\x07testing"),
        (packed(4, [3, 270, 86942]), b"\x22\x06\x03\x8e\x02\x9e\xa7\x05"),
    ],
)
def test_the_encoding_is_that_of_the_published_examples(encoded: bytes, bytes_: bytes) -> None:
    """Those of the protocol buffers documentation."""
    assert encoded == bytes_
