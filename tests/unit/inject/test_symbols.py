"""What the stub is told of the target's functions, and when that is not enough."""

from __future__ import annotations

import struct

import pytest

from heapscope.errors import UnsupportedTarget
from heapscope.inject import symbols
from heapscope.inject.block import FREE_THREADED_FUNCTIONS, FUNCTIONS, OPTIONAL_FUNCTIONS
from heapscope.inject.symbols import resolve_symbols
from heapscope.target.elf import Symbol
from heapscope.target.symbols import RUNTIME

RUNTIME_AT = 0x9000


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """A target that exports ``names`` and whose state says ``flag``."""
    facts: dict[str, object] = {"names": (*FUNCTIONS, RUNTIME), "flag": 0}

    def find(*_: object, **__: object) -> dict[str, Symbol]:
        names = facts["names"]
        assert isinstance(names, tuple)
        return {name: Symbol(RUNTIME_AT if name == RUNTIME else 0x1000 + at, 64) for at, name in enumerate(names)}

    def read(_pid: int, address: int, size: int) -> bytes:
        assert address == RUNTIME_AT
        return (b"xdebugpy" + struct.pack("<QQ", 0x030E07F0, facts["flag"]))[:size]

    monkeypatch.setattr(symbols, "find_symbols", find)
    monkeypatch.setattr(symbols, "read_memory", read)
    return facts


def test_threads_are_stopped_in_free_threaded_builds_only(world: dict[str, object]) -> None:
    """Newer builds with a GIL export the same functions: the stub is not told."""
    with_gil = resolve_symbols(1, [])
    assert not with_gil.is_free_threaded
    assert with_gil.functions.keys() == set(FUNCTIONS) - set(FREE_THREADED_FUNCTIONS)
    world["flag"] = 1
    without = resolve_symbols(1, [])
    assert without.is_free_threaded
    assert without.functions.keys() == set(FUNCTIONS)


@pytest.mark.parametrize("hidden", FREE_THREADED_FUNCTIONS)
def test_a_free_threaded_build_that_hides_one_is_refused(world: dict[str, object], hidden: str) -> None:
    """As 3.13 does: better no clone than a torn one."""
    world.update(flag=1, names=tuple(name for name in (*FUNCTIONS, RUNTIME) if name != hidden))
    with pytest.raises(UnsupportedTarget, match=hidden):
        resolve_symbols(1, [])
    world["flag"] = 0
    assert not resolve_symbols(1, []).is_free_threaded


@pytest.mark.parametrize("missing", sorted({*FUNCTIONS, RUNTIME} - OPTIONAL_FUNCTIONS))
def test_what_every_stub_calls_must_be_there(world: dict[str, object], missing: str) -> None:
    """It is named."""
    world["names"] = tuple(name for name in (*FUNCTIONS, RUNTIME) if name != missing)
    with pytest.raises(UnsupportedTarget, match=missing):
        resolve_symbols(1, [])
