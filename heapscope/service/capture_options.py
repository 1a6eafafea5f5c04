"""How to capture, and where a capture stands: the values that callers give and get.

Decides nothing but whether options make sense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from heapscope.errors import UsageError
from heapscope.service.collectors import CHOICES
from heapscope.units import clean_text

INJECTORS = ("auto", "remote_exec", "ptrace", "pyrasite")
SILENCE_S = 20.0  # the walker reports at least every few ten thousand objects, also on a loaded machine


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """How to capture. ``timeout_s`` covers everything until the last record; ``memory_budget`` is in bytes, see watch.py."""

    via: str = "auto"
    collector: str = "auto"
    timeout_s: float = 60.0
    ignore_head_room: bool = False
    memory_budget: int | None = None
    silence_s: float = SILENCE_S
    is_urgent: bool = False  # the clone competes with everybody else, also with the target: evidence before the end

    def __post_init__(self) -> None:
        if self.via not in INJECTORS:
            raise UsageError(f"there is no injector {clean_text(self.via)}", hint=f"--via {'|'.join(INJECTORS)}")
        if self.collector not in CHOICES:
            raise UsageError(
                f"there is no collector {clean_text(self.collector)}", hint=f"--collector {'|'.join(CHOICES)}"
            )
        if not self.timeout_s > 0:
            raise UsageError("the timeout must be more than 0 seconds", hint="--timeout 60")


@dataclass(frozen=True, slots=True)
class CaptureProgress:
    """Where a capture stands. Phases in order: find, headroom, inject, clone, walk, build."""

    phase: str
    objects: int = 0
    message: str = ""
    pause_ns: int | None = None


Report = Callable[[CaptureProgress], None]
