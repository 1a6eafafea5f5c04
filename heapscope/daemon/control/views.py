"""The daemon's values as JSON: keys are a contract (docs/cli.md), text is cleaned and bounded.

Never does I/O and never decides who may see what.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

from heapscope.daemon.model import Details, InstanceStatus, Outcome, Record, TargetStatus
from heapscope.units import clean_text

MAX_TEXT = 1000
MAX_DEPTH = 12


def plain(value: object, depth: int = 0) -> Any:  # noqa: ANN401 - JSON values of any kind
    """Turn values of the model into plain ones."""
    if isinstance(value, enum.Enum):
        return plain(value.value, depth)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str) or depth > MAX_DEPTH:
        return clean_text(str(value), MAX_TEXT)
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name), depth + 1) for field in fields}
    if isinstance(value, Mapping):
        return {clean_text(str(key), MAX_TEXT): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, depth + 1) for item in value]
    return clean_text(str(value), MAX_TEXT)


def record_view(record: Record, details: Details | None = None) -> dict[str, Any]:
    """Show a record, with its details where they are given."""
    view: dict[str, Any] = plain(record)
    if details is not None:
        view["details"] = plain(details)
    return view


def target_view(status: TargetStatus, instances: tuple[InstanceStatus, ...]) -> dict[str, Any]:
    """Show a target with those of its instances that may be seen."""
    return {
        "name": clean_text(status.name, MAX_TEXT),
        "matched": status.matched,
        "families": status.families,
        "instances": [instance_view(each) for each in instances],
    }


def instance_view(status: InstanceStatus) -> dict[str, Any]:
    """Show an instance: what process it is, its last reading, its last capture."""
    instance = status.instance
    return {
        "slot": instance.slot,
        "process": plain(instance.process),
        "family": instance.family,
        "reading": plain(status.reading),
        "last": None if status.last is None else outcome_view(status.last),
        "next_in_s": status.next_in_s,
        "held_s": status.held_s,
        "held_why": clean_text(status.held_why, MAX_TEXT),
        "rules": plain(status.rules),
    }


def outcome_view(outcome: Outcome) -> dict[str, Any]:
    """Show how a capture ended."""
    view: dict[str, Any] = plain(outcome)
    return view
