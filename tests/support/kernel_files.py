"""Trees of files that look like /proc and /sys/fs/cgroup, for limits that this machine does not have.

Never touches the real ones.
"""

from __future__ import annotations

from pathlib import Path

from heapscope.target.limits import Places

MB = 1 << 20


def meminfo(**kilobytes: int) -> str:
    """Write lines of /proc/meminfo."""
    return "".join(f"{key}:  {value} kB\n" for key, value in kilobytes.items()) + "HugePages_Total:   7\n"


def status(**values: object) -> str:
    """Write lines of /proc/PID/status."""
    return "Name:\tapi (1) x\n" + "".join(f"{key}:\t{value}\n" for key, value in values.items())


def make_places(folder: Path, files: dict[str, str | int]) -> Places:
    """Write files below ``folder`` and return the places: paths begin with ``proc/`` or ``cgroup/``."""
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(text))
    return Places(str(folder / "proc"), str(folder / "cgroup"))
