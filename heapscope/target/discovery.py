"""Which processes there are to look into, and the judgement of each one.

Never stops or writes to a process; collects the facts that obstacles.py judges.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import psutil

from heapscope.errors import ExitCode, HeapscopeError, PermissionRefused, TargetGone
from heapscope.target import access, activity, experience, headroom, maps, process, runtime
from heapscope.target.info import TargetInfo
from heapscope.target.obstacles import Evidence, Obstacle, error_of, judge

_TRACER_READS = 15
_TRACER_PAUSE_S = 0.02

CHEAP_USS_LIMIT = 256 << 20  # the kernel answers for this much RSS within about a millisecond
MAX_COMMAND = 4096


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at a process: the evidence, and what only the list wants to know."""

    evidence: Evidence
    mappings: list[maps.Mapping]


def list_targets(*, everything: bool = False, uss: bool | None = None) -> list[TargetInfo]:
    """Return the running CPython processes, largest first.

    Args:
        everything: every process instead, whatever it runs.
        uss: measure each one's USS. None means only where that is cheap (CHEAP_USS_LIMIT).
    """
    host = access.read_host()
    targets = []
    for pid in psutil.pids():
        try:
            look = _look_at(pid, host)
            if everything or _is_listed(look.evidence):
                targets.append(_target_info(look, uss=uss))
        except (TargetGone, psutil.NoSuchProcess):
            continue  # ended while we looked
    return sorted(targets, key=lambda target: (-target.rss_bytes, target.pid))


def target_of(pid: int, *, ignore: frozenset[str] = frozenset()) -> TargetInfo:
    """Return a target that can be captured.

    Args:
        pid: the process.
        ignore: codes of obstacles to pass over, such as "memory".

    Raises:
        TargetGone, UnsupportedTarget, PermissionRefused, BudgetExceeded: the first obstacle.
    """
    look = _look_at(pid, access.read_host(), closely=True)
    for obstacle in judge(look.evidence):
        if obstacle.blocking and obstacle.code not in ignore:
            raise error_of(obstacle)
    return _target_info(look)


def describe_target(pid: int) -> TargetInfo:
    """Return what is known about any process, whatever stands in the way of a capture.

    Raises:
        TargetGone: there is no such process.
    """
    return _target_info(_look_at(pid, access.read_host()))


def find_obstacles(pid: int) -> list[Obstacle]:
    """Return everything that stands in the way of capturing a process, blocking obstacles first. Never raises."""
    try:
        return judge(_look_at(pid, access.read_host(), closely=True).evidence)
    except TargetGone as error:
        return [Obstacle("gone", error.message, error.hint, ExitCode.TARGET_GONE)]


def _is_listed(evidence: Evidence) -> bool:
    if evidence.process.pid == evidence.own_pid or evidence.process.is_kernel_thread:
        return False
    if evidence.runtime is not None:
        return evidence.runtime.implementation == "cpython"
    # Where the memory map may not be read the name is all there is; a readable process without Python is none.
    return evidence.python_like and (evidence.process.state in "ZX" or evidence.access is not access.Access.ALLOWED)


def _read_settled(pid: int) -> process.ProcessFacts:
    """Read a process; one that is traced is read again for a moment: another heapscope holds a thread for milliseconds."""
    facts = process.read_process(pid)
    for _ in range(_TRACER_READS):
        if not facts.tracer_pid:
            break
        time.sleep(_TRACER_PAUSE_S)
        facts = process.read_process(pid)
    return facts


def _look_at(pid: int, host: access.HostFacts, *, closely: bool = False) -> _Look:
    """Collect the evidence. ``closely``: also what takes 50 ms, the write rate, and what reads every process, the tasks."""
    facts = _read_settled(pid)
    before = activity.read_activity(pid) if closely else None
    try:
        mappings = maps.parse_maps(pid)
        readable = True
    except PermissionRefused:
        mappings, readable = [], False
    allowed = access.can_trace(pid, mappings) if readable else access.Access.REFUSED
    exe_path = process.read_link(f"/proc/{pid}/exe") or ""
    found = runtime.find_runtime(pid, mappings, exe_path)
    command = process.read_command(pid)
    names = (facts.name, exe_path, *command[:1])
    environment = process.read_environment(pid) if found and (found.version_info or (3, 0)) >= (3, 14) else {}
    evidence = Evidence(
        process=facts,
        host=host,
        own_pid=os.getpid(),
        runtime=found,
        access=allowed,
        python_like=any(runtime.is_python_name(name) for name in names),
        is_32_bit=found is None and _is_32_bit(pid),
        owner_uid=_owner_of(pid),
        user_namespace_differs=process.namespace_differs(pid, "user"),
        tracer_name=(process.read_text(f"/proc/{facts.tracer_pid}/comm") or "").strip() if facts.tracer_pid else "",
        command=tuple(command),
        environment_disables_remote_debug=bool(environment.get("PYTHON_DISABLE_REMOTE_DEBUG")),
        headroom=_measure_headroom(facts, host, mappings, before, _first_collector(found)) if found else None,
        tasks=headroom.measure_tasks(pid) if found and closely else None,
        container=process.container_of(process.read_text(f"/proc/{pid}/cgroup") or ""),
    )
    return _Look(evidence, mappings)


def _first_collector(found: runtime.Runtime) -> str:
    """Name the walker that is tried first: the compiled one does not know the objects of a free-threaded build."""
    return headroom.PYTHON_CLONE if found.free_threaded else headroom.NATIVE_CLONE


def _measure_headroom(
    facts: process.ProcessFacts,
    host: access.HostFacts,
    mappings: list[maps.Mapping],
    before: activity.Activity | None,
    collector: str,
) -> headroom.Headroom:
    return headroom.measure_headroom(
        facts.pid,
        collector,
        write_rate=activity.write_rate_since(facts.pid, before),
        kernel=host.kernel,
        mappings=mappings,
        observed=experience.recall(facts.pid, facts.start_ticks, collector),
    )


def headroom_of(pid: int, collector: str) -> headroom.Headroom:
    """Return the head-room of a target for one collector. Takes 50 ms, in which it watches how busy the target is.

    Raises:
        TargetGone, PermissionRefused: there is nothing to measure.
    """
    facts = process.read_process(pid)
    before = activity.read_activity(pid)
    return _measure_headroom(facts, access.read_host(), maps.parse_maps(pid), before, collector)


def _target_info(look: _Look, *, uss: bool | None = None) -> TargetInfo:
    evidence = look.evidence
    facts, found = evidence.process, evidence.runtime
    blocking = [obstacle for obstacle in judge(evidence) if obstacle.blocking]
    wants_uss = uss if uss is not None else facts.rss_bytes <= CHEAP_USS_LIMIT
    start_time = psutil.Process(facts.pid).create_time()
    return TargetInfo(
        pid=facts.pid,
        start_time=start_time,
        start_ticks=facts.start_ticks,
        name=facts.name,
        command=(" ".join(evidence.command) or f"[{facts.name}]")[:MAX_COMMAND],
        user=_user_name(facts.uid),
        uid=facts.uid,
        python_version=_shown_version(found),
        implementation=found.implementation if found else "",
        free_threaded=bool(found and found.free_threaded),
        debug_build=bool(found and found.debug_build),
        rss_bytes=facts.rss_bytes,
        uss_bytes=process.read_uss(facts.pid) if wants_uss else None,
        thread_count=facts.thread_count,
        age_s=max(0.0, time.time() - start_time),
        container=evidence.container,
        pid_namespace_differs=process.namespace_differs(facts.pid, "pid"),
        mount_namespace_differs=process.namespace_differs(facts.pid, "mnt"),
        virtual_env=_virtual_env(facts.pid, evidence.command, look.mappings) if found else None,
        runtime_path=found.path if found else "",
        is_embedded=bool(found and found.is_embedded),
        state=facts.state,
        obstacle=blocking[0] if blocking else None,
    )


def _shown_version(found: runtime.Runtime | None) -> str | None:
    if found is None or found.version is not None or found.version_info is None:
        return found.version if found else None
    return "{}.{}".format(*found.version_info)


def _user_name(uid: int) -> str:
    import pwd  # noqa: PLC0415 - reads the password database; only where a name is shown

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _owner_of(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None


def _is_32_bit(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/exe", "rb") as file:
            header = file.read(5)
    except OSError:
        return False
    return header[:4] == b"\x7fELF" and header[4:] == b"\x01"


def _virtual_env(pid: int, command: tuple[str, ...], mappings: list[maps.Mapping]) -> str | None:
    """Return the folder of the target's virtual environment, in the target's own view of the file system.

    Two signs: the program was started as ENV/bin/python, or an extension module from ENV/lib is mapped.
    """
    folders = [os.path.dirname(os.path.dirname(path)) for path in command[:2] if path.startswith("/")]
    for mapping in mappings:
        position = mapping.path.find("/lib/python")
        if position > 0 and "-packages/" in mapping.path:
            folders.append(mapping.path[:position])
    for folder in dict.fromkeys(folders):
        if os.path.isfile(f"/proc/{pid}/root{folder}/pyvenv.cfg"):
            return folder
    return None


def find_runtime_of(pid: int) -> runtime.Runtime | None:
    """Return the Python that a process runs, None where there is none or it may not be looked at."""
    try:
        return runtime.find_runtime(pid, maps.parse_maps(pid), process.read_link(f"/proc/{pid}/exe") or "")
    except HeapscopeError:
        return None
