"""Plain facts about a process, read from /proc: status, identity, capabilities, cgroup, namespaces.

Never judges (that is obstacles.py), never stops or writes to a process.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from heapscope.errors import TargetGone

MAX_FILE = 1 << 20  # the text files read here have at most some kilobytes
CAP_SYS_PTRACE = 19
_PF_KTHREAD = 0x00200000
_ID = r"([0-9a-f]{12})[0-9a-f]{20,52}"
_CONTAINER_PATTERNS = (
    ("docker", re.compile(r"docker[-/]" + _ID)),
    ("containerd", re.compile(r"cri-containerd[-:/]" + _ID)),
    ("crio", re.compile(r"crio-" + _ID)),
    ("podman", re.compile(r"libpod-" + _ID)),
    ("kubernetes", re.compile(r"kubepods.*/(?:[a-z-]+-)?" + _ID)),
    ("lxc", re.compile(r"/lxc(?:\.payload)?[./]([\w.-]{1,64})")),
    ("nspawn", re.compile(r"/machine\.slice/(?:machine|systemd-nspawn)[-@]([\w.-]{1,64})")),
)


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """What /proc tells everybody about one process. Sizes in bytes; the identity is (pid, start_ticks)."""

    pid: int
    name: str
    state: str  # one letter of /proc/PID/stat: R S D Z T t X I
    parent_pid: int
    start_ticks: int
    is_kernel_thread: bool
    uid: int
    effective_uid: int
    tracer_pid: int
    thread_count: int
    rss_bytes: int
    shared_bytes: int
    seccomp_mode: int
    namespace_pids: tuple[int, ...]


def read_text(path: str) -> str | None:
    """Return the text of a small file, None where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(MAX_FILE).decode("utf-8", "replace")
    except OSError:
        return None


def read_link(path: str) -> str | None:
    """Return where a link points, None where it cannot be read."""
    try:
        return os.readlink(path)
    except OSError:
        return None


def parse_status(text: str) -> dict[str, str]:
    """Read lines of a key, a colon and a value."""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {key: value.strip() for key, value in pairs}


def read_start_ticks(pid: int) -> int | None:
    """Return the start time of a process in clock ticks since boot; None if there is no such process."""
    stat = read_text(f"/proc/{pid}/stat")
    fields = _stat_fields(stat) if stat else []
    return int(fields[19]) if len(fields) > 19 else None


def read_process(pid: int) -> ProcessFacts:
    """Read the facts of one process.

    Raises:
        TargetGone: there is no such process.
    """
    stat = read_text(f"/proc/{pid}/stat")
    status_text = read_text(f"/proc/{pid}/status")
    fields = _stat_fields(stat or "")
    if stat is None or status_text is None or len(fields) < 20:
        raise TargetGone(f"there is no process {pid}", hint="heapscope ps")
    status = parse_status(status_text)
    statm = (read_text(f"/proc/{pid}/statm") or "").split()
    page = os.sysconf("SC_PAGE_SIZE")
    uids = status.get("Uid", "0 0").split()
    return ProcessFacts(
        pid=pid,
        name=stat[stat.find("(") + 1 : stat.rfind(")")],
        state=fields[0],
        parent_pid=int(fields[1]),
        start_ticks=int(fields[19]),
        is_kernel_thread=bool(int(fields[6]) & _PF_KTHREAD),
        uid=int(uids[0]),
        effective_uid=int(uids[1]),
        tracer_pid=_number(status.get("TracerPid")),
        thread_count=_number(status.get("Threads")),
        rss_bytes=int(statm[1]) * page if len(statm) > 2 else 0,
        shared_bytes=int(statm[2]) * page if len(statm) > 2 else 0,
        seccomp_mode=_number(status.get("Seccomp")),
        namespace_pids=tuple(int(part) for part in status.get("NSpid", "").split()),
    )


def read_command(pid: int) -> list[str]:
    """Return the arguments of a process, as far as it left them readable."""
    text = read_text(f"/proc/{pid}/cmdline") or ""
    return text.rstrip("\0").split("\0") if text.strip("\0") else []


def read_environment(pid: int) -> dict[str, str]:
    """Return the environment a process started with; empty where it may not be read."""
    text = read_text(f"/proc/{pid}/environ") or ""
    return dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)


def read_uss(pid: int) -> int | None:
    """Return the bytes only this process has; None where that may not be read.

    The kernel walks the page tables for it, some milliseconds for each gigabyte.
    """
    text = read_text(f"/proc/{pid}/smaps_rollup")
    if not text:
        return None
    values = parse_status(text)
    kilobytes = [
        values[key].split()[0] for key in ("Private_Clean", "Private_Dirty", "Private_Hugetlb") if key in values
    ]
    return sum(int(value) for value in kilobytes) * 1024 if kilobytes else None


def container_of(cgroup_text: str) -> str | None:
    """Name the container that a cgroup file tells of, such as ``docker:9f3c2a7b1d04``."""
    for kind, pattern in _CONTAINER_PATTERNS:
        match = pattern.search(cgroup_text)
        if match:
            return f"{kind}:{match[1]}"
    return None


def namespace_differs(pid: int, kind: str) -> bool:
    """Whether a process lives in another namespace of this kind than we do; False where that may not be read."""
    theirs = read_link(f"/proc/{pid}/ns/{kind}")
    return theirs is not None and theirs != read_link(f"/proc/self/ns/{kind}")


def has_capability(capability: int) -> bool:
    """Whether this process has a capability in effect."""
    status = parse_status(read_text("/proc/self/status") or "")
    return bool(int(status.get("CapEff", "0"), 16) >> capability & 1)


def _stat_fields(stat: str) -> list[str]:
    # The name may contain blanks and parentheses: the fields begin behind its last parenthesis, with the state.
    return stat[stat.rfind(")") + 2 :].split()


def _number(text: str | None) -> int:
    return int(text.split()[0]) if text and text.split()[0].isdigit() else 0
