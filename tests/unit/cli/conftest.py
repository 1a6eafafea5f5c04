"""A snapshot file of the shop, and a way to run a command on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heapscope.cli.main import main
from heapscope.snapshot.file import save_snapshot
from tests.support.shop import Shop


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Give a snapshot file of the shop."""
    file = tmp_path / "shop.heapscope"
    save_snapshot(Shop().snapshot(), file)
    return str(file)


@pytest.fixture
def ask(capfdbinary: pytest.CaptureFixture[bytes]) -> Any:
    """Give a function that runs a command with ``--format json``, or as it is, and returns what it wrote."""

    def run(*arguments: str, code: int = 0, text: bool = False) -> Any:
        given = arguments if text else (*arguments, "--format", "json")
        assert main(list(given)) == code
        out, err = capfdbinary.readouterr()
        run.said = err.decode()  # type: ignore[attr-defined]
        return out.decode() if text else json.loads(out) if out else None

    return run
