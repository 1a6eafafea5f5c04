"""The safety contract as a test helper: whatever is done to a target, it is afterwards as it was before.

Never changes the target: it reads /proc and asks the target about itself.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.support.targets import Target, children_of, processes_tagged

RSS_TOLERANCE = 0.01
FILE_PAGES_TOLERANCE = 2 << 20
SETTLE_S = 60.0  # an ending thread or a released clone may take a while on a loaded machine
_STATUS_FIELDS = ("TracerPid", "SigBlk", "SigIgn", "SigCgt", "Seccomp", "CapEff", "NoNewPrivs", "VmLck")


@dataclass(frozen=True, slots=True)
class Vitals:
    """What the kernel says about a target, and what it says about itself."""

    pid: int
    threads: tuple[str, ...]
    thread_signal_masks: tuple[str, ...]
    descriptors: dict[int, str]
    children: tuple[int, ...]
    zombies: tuple[int, ...]
    mappings: frozenset[str]
    status: dict[str, str]
    state: str
    scores: dict[str, str]
    rss_bytes: int
    """What only this process pays for: no pages of mapped files."""
    file_bytes: int
    """Pages of mapped files: whoever reads the target's ELF tables through the target maps some, all in the page cache."""
    stderr: str = ""
    relatives: tuple[int, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    priorities: frozenset[tuple[str, str]] = frozenset()
    """Nice values and scheduling policies of the threads: the clone's are the lowest."""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _status(pid: int | str) -> dict[str, str]:
    rows = (line.partition(":") for line in _read(f"/proc/{pid}/status").splitlines())
    return {key: value.strip() for key, _, value in rows}


def _kilobytes(status: dict[str, str], name: str) -> int:
    words = status.get(name, "").split()
    return int(words[0]) * 1024 if words else 0


def _descriptors(pid: int) -> dict[int, str]:
    found = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            found[int(number)] = str(Path(f"/proc/{pid}/fd/{number}").readlink())
    return found


def _mappings(pid: int) -> frozenset[str]:
    """Return what counts as foreign if it is new: file mappings, and everything executable."""
    kept = set()
    for line in _read(f"/proc/{pid}/maps").splitlines():
        words = line.split(maxsplit=5)
        permissions, name = words[1], words[5] if len(words) > 5 else ""
        is_file = name.startswith("/") or "memfd:" in name
        if is_file:
            kept.add(f"{permissions} {name}")
        elif "x" in permissions:
            kept.add(f"{permissions} {words[0]} {name}")
    return frozenset(kept)


def _threads(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return sorted(os.listdir(f"/proc/{pid}/task"))
    return []


def _priorities(pid: int, threads: list[str]) -> frozenset[tuple[str, str]]:
    found = set()
    for thread in threads:
        words = _read(f"/proc/{pid}/task/{thread}/stat").rpartition(")")[2].split()
        if words:
            found.add((words[16], words[38]))  # fields 19 and 41 of proc(5); the first two are before the bracket
    return frozenset(found)


def record_process(pid: int) -> Vitals:
    """Read what the kernel says about any process."""
    children = children_of(pid)
    status = _status(pid)
    threads = _threads(pid)
    return Vitals(
        pid=pid,
        threads=tuple(threads),
        thread_signal_masks=tuple(sorted(_status(f"{pid}/task/{thread}").get("SigBlk", "") for thread in threads)),
        descriptors=_descriptors(pid),
        children=tuple(children),
        zombies=tuple(child for child in children if _status(child).get("State", "").startswith("Z")),
        mappings=_mappings(pid),
        status={key: status.get(key, "") for key in _STATUS_FIELDS},
        state=status.get("State", "gone")[:1],
        scores={name: _read(f"/proc/{pid}/{name}").strip() for name in ("oom_score_adj", "coredump_filter")},
        rss_bytes=_kilobytes(status, "RssAnon") + _kilobytes(status, "RssShmem"),
        file_bytes=_kilobytes(status, "RssFile"),
        priorities=_priorities(pid, threads),
    )


def record(target: Target) -> Vitals:
    """Read everything; the target is asked first, so that answering has no part in the difference."""
    facts = target.ask("facts")
    relatives = tuple(processes_tagged(target.tag))
    return replace(record_process(target.pid), facts=facts, stderr=target.stderr_text(), relatives=relatives)


def _differences_of_facts(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if key == "extra" or old == new:
            continue
        if isinstance(old, list) and isinstance(new, list):
            added = [entry for entry in new if entry not in old]
            removed = [entry for entry in old if entry not in new]
            yield f"{key}: added {added}, removed {removed}" if added or removed else f"{key}: {old} -> {new}"
        else:
            yield f"{key}: {old!r} -> {new!r}"


def _differences_of_kernel_view(before: Vitals, after: Vitals) -> Iterator[str]:
    if after.state in "TtZXg":  # stopped, traced, zombie, dead, gone
        yield f"state is {after.state!r}"
    for name in ("threads", "thread_signal_masks", "descriptors", "status", "scores"):
        if getattr(before, name) != getattr(after, name):
            yield f"{name}: {getattr(before, name)} -> {getattr(after, name)}"
    if after.priorities - before.priorities:
        yield f"priorities: {sorted(before.priorities)} -> {sorted(after.priorities)}"
    if after.mappings - before.mappings:
        yield f"new mappings: {sorted(after.mappings - before.mappings)}"
    if before.stderr != after.stderr:
        yield f"stderr: {after.stderr.removeprefix(before.stderr)[-1000:]!r}"


def without_libraries(before: Vitals, after: Vitals, libraries: tuple[str, ...]) -> Vitals:
    """Return ``after`` as if libraries of these names were not mapped since, nor one new descriptor opened on one. Pure."""

    def is_named(path: str) -> bool:
        return os.path.basename(path).startswith(libraries)

    mappings = frozenset(line for line in after.mappings if not is_named(line))
    opened = [
        number for number, path in after.descriptors.items() if number not in before.descriptors and is_named(path)
    ]
    descriptors = {number: path for number, path in after.descriptors.items() if number not in opened[:1]}
    return replace(after, mappings=mappings, descriptors=descriptors)


def with_ended_threads(before: Vitals, after: Vitals) -> Vitals:
    """Return ``after`` as if threads that ended since were still there; a new thread still shows. Pure."""
    is_fewer = set(after.threads) < set(before.threads)
    if is_fewer and set(after.thread_signal_masks) <= set(before.thread_signal_masks):
        return replace(after, threads=before.threads, thread_signal_masks=before.thread_signal_masks)
    return after


def differences(
    before: Vitals, after: Vitals, *, rss_slack_bytes: int = 1 << 19, restless_children: bool = False
) -> list[str]:
    """Name every difference that the safety contract forbids. Pure.

    Memory may shrink; it may grow by one hundredth, or by the slack where that is more (a new thread's malloc arena
    on a target of ten megabytes).
    """
    found = list(_differences_of_facts(before.facts, after.facts))
    found += _differences_of_kernel_view(before, after)
    if not restless_children and before.children != after.children:
        found.append(f"children: {before.children} -> {after.children}")
    if not restless_children and before.relatives != after.relatives:
        found.append(f"processes made from the target: {before.relatives} -> {after.relatives}")
    if not restless_children and after.zombies:
        found.append(f"zombies: {after.zombies}")
    growth = after.rss_bytes - before.rss_bytes
    if growth > max(before.rss_bytes * RSS_TOLERANCE, rss_slack_bytes):
        found.append(f"rss: {before.rss_bytes} -> {after.rss_bytes} ({growth:+})")
    growth = after.file_bytes - before.file_bytes
    if growth > FILE_PAGES_TOLERANCE:
        found.append(f"rss of files: {before.file_bytes} -> {after.file_bytes} ({growth:+})")
    return found


def _settle(compare: Callable[[], list[str]], settle_s: float) -> list[str]:
    """Compare until nothing differs, or until there was time enough to settle."""
    deadline = time.monotonic() + settle_s
    while True:
        found = compare()
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def settled_differences(
    before: Vitals, target: Target, settle_s: float = SETTLE_S, libraries: tuple[str, ...] = ()
) -> list[str]:
    """Name what differs in a target after it has had time to settle, but for these libraries."""
    situation = target.situation

    def compare() -> list[str]:
        return differences(
            before,
            without_libraries(before, record(target), libraries),
            rss_slack_bytes=situation.rss_slack_bytes,
            restless_children=situation.restless_children,
        )

    return _settle(compare, settle_s)


def settled_process_differences(
    before: Vitals, rss_slack_bytes: int = 1 << 19, settle_s: float = SETTLE_S, *, threads_may_end: bool = False
) -> list[str]:
    """The same for a process that cannot be asked: only what the kernel says."""

    def compare() -> list[str]:
        after = record_process(before.pid)
        after = with_ended_threads(before, after) if threads_may_end else after
        return differences(before, after, rss_slack_bytes=rss_slack_bytes)

    return _settle(compare, settle_s)


def settled_record(target: Target) -> Vitals:
    """Read until two readings agree: a target that answers over a socket may still be closing the last one."""
    before = record(target)
    for _ in range(20):
        again = record(target)
        if again.descriptors == before.descriptors:
            break
        before = again
    return again


@contextlib.contextmanager
def unharmed(target: Target, settle_s: float = SETTLE_S, libraries: tuple[str, ...] = ()) -> Iterator[Vitals]:
    """Fail if the target is not as before when the block ends, however it ends.

    Args:
        target: what must not be harmed.
        settle_s: how long a difference may take to go away.
        libraries: beginnings of file names: these may be mapped afterwards, and one descriptor be open on one of them.
    """
    before = settled_record(target)
    try:
        yield before
    finally:
        found = settled_differences(before, target, settle_s, libraries)
        extra = target.ask("facts")["extra"]
        found += [f"{key}: {extra[key]}" for key in ("warned", "strangers", "deaths") if extra.get(key)]
        assert not found, f"target {target.situation.name!r} was harmed:\n  " + "\n  ".join(found)
