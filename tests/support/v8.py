"""Reads ``.heapsnapshot`` files and computes their retained sizes by brute force.

Never shares code with what writes them.
"""

from __future__ import annotations

import json
from typing import Any

from tests.support.oracle import immediate_dominators


class V8Heap:
    """Nodes and edges as the developer tools see them."""

    def __init__(self, data: bytes) -> None:
        self.document: dict[str, Any] = json.loads(data)
        head, texts = self.document["snapshot"], self.document["strings"]
        fields, edge_fields = head["meta"]["node_fields"], head["meta"]["edge_fields"]
        self.nodes = _records(self.document["nodes"], fields)
        assert len(self.nodes) == head["node_count"]
        edges = _records(self.document["edges"], edge_fields)
        assert len(edges) == head["edge_count"] == sum(node["edge_count"] for node in self.nodes)
        assert len({node["id"] for node in self.nodes}) == len(self.nodes)
        kinds = head["meta"]["edge_types"][0]
        self.names = [texts[node["name"]] for node in self.nodes]
        self.held: list[list[int]] = []
        self.labels: list[list[str]] = []
        rest = iter(edges)
        for node in self.nodes:
            own = [next(rest) for _ in range(node["edge_count"])]
            assert all(edge["to_node"] % len(fields) == 0 for edge in own)
            self.held.append([edge["to_node"] // len(fields) for edge in own])
            is_index = [kinds[edge["type"]] == "element" for edge in own]
            values = [edge["name_or_index"] for edge in own]
            self.labels.append(
                [str(value) if plain else texts[value] for plain, value in zip(is_index, values, strict=True)]
            )

    def retained(self) -> list[int]:
        """Give the retained size of every node."""
        above = immediate_dominators(self.held, 0)
        sizes = [node["self_size"] for node in self.nodes]
        sums = list(sizes)
        for node in range(1, len(sizes)):
            at = node
            while at != 0:
                at = above[at]
                sums[at] += sizes[node]
        return sums


def _records(numbers: list[int], fields: list[str]) -> list[dict[str, int]]:
    assert len(numbers) % len(fields) == 0
    assert all(0 <= number < 1 << 32 for number in numbers)
    width = len(fields)
    return [dict(zip(fields, numbers[at : at + width], strict=True)) for at in range(0, len(numbers), width)]
