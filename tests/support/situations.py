"""The situations as pytest parameters, so that each test file spells out the product the same way.

Never starts anything.
"""

from __future__ import annotations

import pytest
from _pytest.mark.structures import ParameterSet

from tests.support.targets import SITUATIONS


def situation_params(*names: str) -> list[ParameterSet]:
    """Return all situations, or the named ones, each with the markers that it needs."""
    chosen = [situation for situation in SITUATIONS if not names or situation.name in names]
    return [
        pytest.param(
            situation, id=situation.name.replace(" ", "-"), marks=[pytest.mark.root] if situation.needs_root else []
        )
        for situation in chosen
    ]
