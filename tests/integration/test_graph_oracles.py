"""Dominators of real heaps are those that networkx and igraph find, for every node.

The graph compared is the one that the engine goes by: references to a namespace lead to its module, frames hang below
their thread, and everything below one root.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from heapscope.analysis.dominators import DominatorTree, build_dominator_tree
from heapscope.analysis.retained import retained_set
from heapscope.graph.library import NONE
from heapscope.service.capture import capture
from tests.support import oracle
from tests.support.examples import is_thorough
from tests.support.pythons import Python, found_pythons
from tests.support.roots import roots_of_lists
from tests.support.targets import clean_environment

pytestmark = [pytest.mark.integration, pytest.mark.apart]

SAMPLES = 40

PROGRAM = """
import ast, collections, email.message, functools, gc, json, threading, typing, weakref
gc.disable()
class Node:
    def __init__(self, number, parent):
        self.number, self.parent, self.parts = number, parent, [parent, str(number)]
nodes = [None]
for number in range(3000):
    nodes.append(Node(number, nodes[number // 2]))
chain = None
for number in range(30_000):
    chain = (number, chain)
tree = ast.parse(open(threading.__file__).read())
records = json.loads(json.dumps([{"id": number, "tags": ["a", str(number)]} for number in range(3000)]))
@functools.lru_cache(None)
def cached(number):
    return Node(number, None)
for number in range(200):
    cached(number)
loop = []
loop.append(loop)
del loop
weak = weakref.WeakValueDictionary({number: node for number, node in enumerate(nodes[1:])})
def work():
    local = [object() for _ in range(1000)]
    print("ready", flush=True)
    threading.Event().wait()
for number in range(3):
    threading.Thread(target=work, daemon=True).start()
threading.Event().wait()
"""


@contextmanager
def running(python: Python) -> Iterator[int]:
    """Run the program; give its pid."""
    with subprocess.Popen(
        [python.path, "-c", PROGRAM], stdout=subprocess.PIPE, env=clean_environment(), text=True
    ) as process:
        try:
            assert process.stdout is not None
            for _ in range(3):
                assert process.stdout.readline() == "ready\n"
            yield process.pid
        finally:
            process.kill()


def oldest_and_newest() -> list[Python]:
    """Give the two interpreters that differ most; the newest alone in every run, as graphs know no version."""
    found = found_pythons()
    return [*(found[:-1][:1] if is_thorough() else ()), found[-1]]


@pytest.fixture(scope="module", params=oldest_and_newest(), ids=lambda python: python.label)
def tree(request: pytest.FixtureRequest) -> DominatorTree:
    """Capture the program."""
    with running(request.param) as pid:
        return build_dominator_tree(capture(pid))


def edges_of(tree: DominatorTree) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Give every reference of the graph that was solved, with those of threads and of the root."""
    references, roots = tree.roots.references, tree.roots.graph()
    holders = np.repeat(np.arange(references.object_count), references.counts().astype(np.int64))
    parts = [np.stack([holders, references.targets.astype(np.int64)], axis=1)]
    for number, group in enumerate(roots.groups):
        node = tree.thread_node(number)
        parts.append(np.stack([np.full(group.size, node), group.astype(np.int64)], axis=1))
    below = np.concatenate([roots.tops.astype(np.int64), [tree.thread_node(at) for at in range(len(roots.groups))]])
    parts.append(np.stack([np.full(below.size, tree.root), below.astype(np.int64)], axis=1))
    return np.concatenate(parts)


def test_dominators_equal_those_of_igraph(tree: DominatorTree) -> None:
    """Node by node, garbage included."""
    igraph = pytest.importorskip("igraph")
    graph = igraph.Graph(n=tree.root + 1, edges=edges_of(tree), directed=True)
    theirs = np.nan_to_num(np.array(graph.dominator(tree.root), dtype=np.float64), nan=-2)  # nan: not reached
    ours = tree.dominators.immediate.astype(np.int64)
    ours[ours == NONE] = -2
    ours[tree.root] = -1
    assert theirs.size == ours.size > 40_000
    assert np.flatnonzero(theirs != ours).tolist() == []


@pytest.mark.matrix  # half a minute
def test_dominators_equal_those_of_networkx(tree: DominatorTree) -> None:
    """The same with another algorithm in another language."""
    networkx = pytest.importorskip("networkx")
    graph = networkx.DiGraph()
    graph.add_edges_from(edges_of(tree).tolist())
    theirs = networkx.immediate_dominators(graph, tree.root)
    theirs.pop(tree.root, None)
    ours = {node: int(above) for node, above in enumerate(tree.dominators.immediate) if above != NONE}
    assert ours == theirs


def test_retained_sizes_equal_what_a_walk_without_the_object_misses(tree: DominatorTree) -> None:
    """For a sample of all objects, and for those that retain most."""
    snapshot, roots = tree.snapshot, tree.roots
    lists, seeds = roots_of_lists(snapshot), roots.seeds().tolist()
    owned = dict(zip(roots.modules.tolist(), roots.namespaces.tolist(), strict=True))
    reached = oracle.reach(lists, seeds)
    assert int(roots.reached.sum()) == len(reached)
    generator = np.random.default_rng(7)
    largest = np.argsort(-tree.retained[: snapshot.object_count].astype(np.int64))[: SAMPLES // 2]
    for one in [*largest.tolist(), *generator.integers(0, snapshot.object_count, SAMPLES // 2).tolist()]:
        taken = [one, *([owned[one]] if one in owned else [])]
        lost = reached - oracle.reach(lists, seeds, taken)
        assert int(tree.retained[one]) == sum(int(snapshot.shallow[other]) for other in lost)
        assert retained_set(snapshot, roots, [one]).count == len(lost)


def test_what_the_program_made_is_where_it_put_it(tree: DominatorTree) -> None:
    """Its module holds its chain, its records and its cache; each thread its locals; the lost loop is garbage."""
    names = tree.type_names
    modules = {row.label: row for row in tree.modules()}
    main = modules["__main__"]
    assert tree.modules()[0] == main
    # What a lru_cache holds is counted by C code, too: still nothing but the module holds it.
    alive = [one for one in names.instances("__main__.Node").tolist() if tree.roots.reached[one]]
    assert len(alive) == 3200
    assert all(main.node in tree.dominators.chain(one) for one in alive)
    threads = sorted((row.retained_bytes for row in tree.threads()), reverse=True)
    assert len(threads) == 4
    assert min(threads[:3]) >= 1000 * 16
    assert tree.roots.garbage_count >= 1
