"""Counts of requests at the control socket, for the metrics. Never anything else."""

from __future__ import annotations

from collections import Counter


class RequestCounts:
    """How often each verb ended how; both come from lists of ours, so that there are few."""

    def __init__(self) -> None:
        self.by_verb_and_result: Counter[tuple[str, str]] = Counter()

    def add(self, verb: str, result: str) -> None:
        """Count one."""
        self.by_verb_and_result[verb, result] += 1
