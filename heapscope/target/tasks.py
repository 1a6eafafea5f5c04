"""Whether the target may have one more process: RLIMIT_NPROC of its user, control groups, the host.

Never starts a process to find out.
"""

from __future__ import annotations

import os

from heapscope.target.limits import HERE, Limit, Places, Resource, cgroup_task_limits
from heapscope.target.process import parse_status, read_text

TASKS_NEEDED = 4  # the clone, and some that the target may want to start while it lives
_CAP_SYS_ADMIN = 21
_CAP_SYS_RESOURCE = 24


def task_limits(pid: int, places: Places = HERE) -> list[Limit]:
    """Return everything that limits the number of tasks (threads count) above a process. Reads the status of each process."""
    user = _user_limit(pid, places)
    return [*([user] if user else []), *cgroup_task_limits(pid, places), *_host_limits(places)]


def _user_limit(pid: int, places: Places) -> Limit | None:
    """Read RLIMIT_NPROC: the kernel compares it with all tasks of the real user, and exempts root and two capabilities.

    Source: copy_process in the kernel's fork.c. The count is of what this process can see; the kernel also counts what is hidden.
    """
    status = parse_status(read_text(f"{places.proc}/{pid}/status") or "")
    uid = status.get("Uid", "0").split()[0]
    capabilities = int(status.get("CapEff", "0"), 16)
    is_exempt = capabilities >> _CAP_SYS_RESOURCE & 1 or capabilities >> _CAP_SYS_ADMIN & 1
    most = soft_limit(read_text(f"{places.proc}/{pid}/limits") or "", "Max processes")
    if most is None or uid == "0" or is_exempt:
        return None
    used = _tasks_of(uid, places)
    remedy = f"sudo prlimit --pid {pid} --nproc={used + 10 * TASKS_NEEDED}"
    return Limit(Resource.TASKS, f"RLIMIT_NPROC of process {pid} (uid {uid})", most - used, most, remedy)


def soft_limit(text: str, name: str) -> int | None:
    """Return the soft limit of that name from the text of /proc/PID/limits; None where there is none."""
    for line in text.splitlines():
        if line.startswith(name + " "):
            words = line[len(name) :].split()
            return int(words[0]) if words and words[0].isdigit() else None
    return None


def _tasks_of(uid: str, places: Places) -> int:
    count = 0
    for entry in os.listdir(places.proc):
        if entry.isdigit():
            status = parse_status(read_text(f"{places.proc}/{entry}/status") or "")
            if status.get("Uid", "").split()[:1] == [uid] and status.get("Threads", "").isdigit():
                count += int(status["Threads"])
    return count


def _host_limits(places: Places) -> list[Limit]:
    """Compare kernel.threads-max and kernel.pid_max with the tasks that there are (field 4 of loadavg)."""
    words = (read_text(f"{places.proc}/loadavg") or "").split()
    _, _, total = (words[3] if len(words) > 3 else "").partition("/")
    limits = []
    for name in ("threads-max", "pid_max"):
        most = (read_text(f"{places.proc}/sys/kernel/{name}") or "").strip()
        if total.isdigit() and most.isdigit():
            remedy = f"sudo sysctl kernel.{name}={2 * int(most)}"
            limits.append(Limit(Resource.TASKS, f"kernel.{name}", int(most) - int(total), int(most), remedy))
    return limits
