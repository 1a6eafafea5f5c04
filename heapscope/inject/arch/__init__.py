"""What differs between processors: registers, system calls, the injected code. One module per processor.

Nothing here touches a process.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from heapscope.errors import UnsupportedTarget

if TYPE_CHECKING:
    from types import ModuleType


def current_arch() -> ModuleType:
    """Return the module for this machine's processor.

    Raises:
        UnsupportedTarget: no injected code has been written for it.
    """
    machine = platform.machine()
    if machine == "x86_64":
        from heapscope.inject.arch import x86_64  # noqa: PLC0415  (the one place that knows which processors exist)

        return x86_64
    raise UnsupportedTarget(
        f"injection is not available on {machine} yet",
        hint="heapscope attaches on x86-64 Linux; open a snapshot file on this machine instead",
    )
