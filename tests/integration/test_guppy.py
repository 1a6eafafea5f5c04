"""Retained sizes are guppy3's ``domisize``, which asks live objects from inside the target.

Inside its safe domain only: instances with slots, tuples, bytes. It does not see the keys of dicts that are all text, nor what
numpy holds. It makes the ``__dict__`` of whatever it looks at, so it gets a process of its own.
"""

from __future__ import annotations

import json
import subprocess

import pytest

import heapscope
from scripts.benching.environments import environment_with, packages_for
from tests.support.pythons import Python, found_pythons

pytestmark = pytest.mark.thirdparty

GUPPY = "guppy3==3.1.7"
OLDEST, NEWEST = (3, 11), (3, 13)  # of those that it has wheels for, where instances have no dict

# Asked about one by one, by place: a list of them would hold all of them.
PROGRAM = """
import gc, json, random, sys
from guppy import hpy
class Node:
    __slots__ = ("first", "second", "third", "data")
def build(chance):
    nodes = [Node() for _ in range(400)]
    for number, node in enumerate(nodes):
        near = [nodes[max(0, min(399, number + chance.randrange(-3, 9)))] for _ in range(3)]
        node.first, node.data = near[0], bytes(chance.randrange(100, 1000))
        node.second = chance.choice([near[1], chance.choice(nodes), (near[1], near[2]), None])
        node.third = chance.choice([near[2], None, None])
    return nodes[0], nodes[200], nodes[333]
TOP = build(random.Random(1))
def node_at(place):
    seen, waiting = {}, list(TOP)
    while waiting:
        node = waiting.pop()
        if id(node) in seen or node is None:
            continue
        if type(node) is tuple:
            waiting.extend(node)
            continue
        seen[id(node)] = node
        if len(seen) > place:
            return node
        waiting.extend((node.first, node.second, node.third))
    return None
heap = hpy()
gc.collect()
facts = []
for place in range(0, 400, 3):
    if node_at(place) is not None:
        facts.append([id(node_at(place)), heap.iso(node_at(place)).domisize])
print(json.dumps(facts), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    "python",
    [one for one in found_pythons() if OLDEST <= one.minor <= NEWEST and one.shared and not one.free_threaded],
    ids=lambda python: python.label,
)
def test_retained_sizes_equal_domisize(python: Python) -> None:
    """Of a hundred objects that hold each other in every way."""
    packages = packages_for(str(python.path), (GUPPY,))
    if packages is None:
        pytest.skip(f"{GUPPY} is not to be had for {python.label}")
    with subprocess.Popen(
        [python.path, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment_with(packages),
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            facts = json.loads(process.stdout.readline())
            heap = heapscope.capture(process.pid)
        finally:
            process.kill()
    assert len(facts) >= 100
    assert len({size for _, size in facts}) > 50
    assert [[address, heap.object(address).retained_size] for address, _ in facts] == facts
