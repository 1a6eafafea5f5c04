"""The walker compiles for the other processor that heapscope means to serve, and stands alone there too."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from heapscope.target.elf import MACHINE_AARCH64
from tests.support.native_elf import assert_stands_alone

CHECKOUT = Path(__file__).resolve().parents[2]
COMPILER = "aarch64-linux-gnu-gcc"
ONLY_X86 = "-fcf-protection=none"


def build_settings(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load setup.py without running it."""
    specification = importlib.util.spec_from_file_location("heapscope_setup", CHECKOUT / "setup.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, specification.name, module)
    specification.loader.exec_module(module)
    return module


@pytest.mark.integration
def test_the_walker_compiles_for_aarch64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the flags of the build; no relocation may be left, as nobody would make it."""
    compiler = shutil.which(COMPILER)
    if compiler is None:
        pytest.skip(f"{COMPILER} is not installed (Debian: gcc-aarch64-linux-gnu)")
    setup = build_settings(monkeypatch)
    sources = sorted(str(path) for path in (CHECKOUT / "heapscope/agent/native").glob("*.c"))
    flags = [flag for flag in (*setup.STRICT, *setup.ALONE) if flag != ONLY_X86]
    result = tmp_path / "libheapwalk.so"
    subprocess.run([compiler, *flags, "-o", str(result), *sources], check=True)
    assert assert_stands_alone(result).machine == MACHINE_AARCH64
