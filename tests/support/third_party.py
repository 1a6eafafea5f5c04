"""The interpreter that has third-party servers and pandas. Never installs anything: scripts/server_environment.py does."""

from __future__ import annotations

import os

import pytest


def third_party_python() -> str:
    """Return its path in its virtual environment; without one, the test is skipped."""
    path = os.environ.get("HEAPSCOPE_SERVERS_PYTHON", "")
    if not path:
        pytest.skip("HEAPSCOPE_SERVERS_PYTHON is not set: scripts/test --matrix sets it")
    return path
