"""Unit tests of the daemon do not wait for a disk."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Syncing takes tens of milliseconds, and shows nothing unless the machine fails."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
