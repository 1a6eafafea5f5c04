"""How often a test tries what chance decides: less in every run, as there are many of those; all of it with --matrix and --all.

Never decides what is tried: Hypothesis does, or the test.
"""

from __future__ import annotations

import os

VARIABLE = "HEAPSCOPE_TEST_EXAMPLES"
USUAL_SHARE = 4


def is_thorough() -> bool:
    """Whether the environment asks for all."""
    return os.environ.get(VARIABLE) == "all"


def rounds(usual: int, thorough: int) -> int:
    """Return how many rounds to make: the greater number where the environment asks for all."""
    return thorough if is_thorough() else usual


def examples(thorough: int) -> int:
    """Return how many examples to make up: a quarter of them in every run."""
    return rounds(-(-thorough // USUAL_SHARE), thorough)
