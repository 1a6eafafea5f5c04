"""``heapscope slots SOURCE --patch``: the changes of classes as a unified diff.

Never writes to a source file: the diff goes to stdout or into a file of its own, and the user applies it.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from heapscope.cli.capturing import open_checked
from heapscope.cli.options import CaptureChoice, OutputChoice
from heapscope.cli.output import write_bytes
from heapscope.cli.talk import Talk
from heapscope.errors import UsageError
from heapscope.units import clean_text

if TYPE_CHECKING:  # numpy costs 100 ms, libcst 600
    from heapscope.analysis.patching.model import Patch, PatchNote
    from heapscope.analysis.slots.model import ClassChange, SlotsRow
    from heapscope.snapshot.model import Snapshot

    Plan = Sequence[ClassChange]
    ReadSource = Callable[[str], bytes | None]

_PATCHED_UNASKED = ("safe", "fixable")
_MAX_SHOWN = 300
_MAX_LINE = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class PatchChoice:
    """What the options about patches say. ``type_names`` are names, or their ends behind a dot; empty means all that is safe."""

    type_names: tuple[str, ...] = ()
    old_pickles: bool = False
    min_instances: int = 1


def write_patch(source: str, choice: PatchChoice, *, capture: CaptureChoice, out: OutputChoice, talk: Talk) -> None:
    """Write the diff for the classes of a pid or a file.

    Raises:
        UsageError: no class of a name that was given has instances.
    """
    from heapscope.service.target_source import TargetSources  # noqa: PLC0415 - only for patches

    snapshot = open_checked(source, capture, out, talk)
    patch = patch_snapshot(snapshot, choice, TargetSources.of(snapshot.meta).read_bytes, talk.warn)
    for note in patch.notes:
        talk.warn(_told(note))
    _write(patch, out, talk)


def patch_snapshot(
    snapshot: Snapshot, choice: PatchChoice, read_source: ReadSource, warn: Callable[[str], None]
) -> Patch:
    """Make the patch of the chosen classes; ``read_source`` gives the bytes of a file, None if it is not at hand."""
    from heapscope.analysis.patching import plans  # noqa: PLC0415 - numpy, 100 ms
    from heapscope.analysis.patching.model import PatchOptions  # noqa: PLC0415 - numpy, 100 ms
    from heapscope.analysis.patching.patch import patch_classes  # noqa: PLC0415 - libcst, 600 ms
    from heapscope.analysis.slots.layout import parse_version  # noqa: PLC0415 - numpy, 100 ms

    chosen = [plans.with_files(plan, snapshot) for plan in _plans(snapshot, choice, warn)]
    changes = [change for plan in chosen for change in plan]
    sources = {file: data for file in plans.files_to_read(changes, snapshot) if (data := read_source(file)) is not None}
    options = PatchOptions(parse_version(snapshot.meta.python_version), old_pickles=choice.old_pickles)
    return patch_classes(chosen, sources, options)


def _plans(snapshot: Snapshot, choice: PatchChoice, warn: Callable[[str], None]) -> list[Plan]:
    from heapscope.service.slots import advise  # noqa: PLC0415 - numpy, 100 ms

    rows = advise(snapshot)
    found: list[Plan] = []
    for row in _choose(rows, choice, warn):
        if row.changes:
            found.append(row.changes)
        else:
            warn(f"{_shown(row.type_name)}: left as it is: no change of a class statement gives it slots")
    if choice.type_names:
        return found
    doubtful = {row.type_name for row in rows if row.verdict not in _PATCHED_UNASKED}
    return [plan for plan in found if _is_agreed(plan, doubtful, warn)]


def _is_agreed(plan: Plan, doubtful: set[str], warn: Callable[[str], None]) -> bool:
    """Leave a class out, unless it was asked for, whose base class is in doubt itself: both would change."""
    base = next((change.type_name for change in plan if change.type_name in doubtful), "")
    if base:
        warn(f"{_shown(plan[-1].type_name)}: left as it is: its base class {_shown(base)} must be looked at first")
    return not base


def _choose(rows: Sequence[SlotsRow], choice: PatchChoice, warn: Callable[[str], None]) -> list[SlotsRow]:
    if not choice.type_names:
        enough = [row for row in rows if row.instances >= choice.min_instances and row.saves_bytes > 0]
        return [row for row in enough if row.verdict in _PATCHED_UNASKED]
    chosen: list[SlotsRow] = []
    for name in choice.type_names:
        found = [row for row in rows if f".{row.type_name}".endswith(f".{name}")]
        if not found:
            shown = clean_text(name, 100)
            raise UsageError(f"no class {shown} has instances with a __dict__", hint="heapscope slots SOURCE -n 0")
        for row in found:
            if row.verdict not in _PATCHED_UNASKED:
                warn(f"{_shown(row.type_name)}: {row.verdict}: {'; '.join(row.blockers) or 'saves nothing'}")
        chosen += [row for row in found if row not in chosen]
    return chosen


def _write(patch: Patch, out: OutputChoice, talk: Talk) -> None:
    from heapscope.analysis.patching.diff import common_base, unified_diff  # noqa: PLC0415 - only for patches

    base = common_base([file.file for file in patch.files], os.getcwd())
    diff = unified_diff(patch.files, base)
    write_bytes(_harmless(diff) if out.output is None and sys.stdout.isatty() else diff, out.options)
    if not patch.files:
        talk.say("nothing to patch")
        return
    where = "" if base != "/" else " -d /"
    name = clean_text(out.output, _MAX_SHOWN) if out.output is not None else "FILE"
    count = len(patch.type_names)
    talk.say(f"{count} class{'' if count == 1 else 'es'} changed; apply with: patch -p1{where} < {name}")


def _harmless(diff: bytes) -> bytes:
    """Make a diff fit for a terminal: sources may hold anything, such as sequences that it would obey."""
    lines = diff.decode("utf-8", "backslashreplace").removesuffix("\n").split("\n")
    return "".join(clean_text(line.expandtabs(), _MAX_LINE) + "\n" for line in lines if diff).encode()


def _told(note: PatchNote) -> str:
    place = f" ({_shown(note.file)}:{note.line})" if note.line else ""
    left = "left as it is: " if note.is_refusal else ""
    return f"{_shown(note.type_name)}: {left}{note.text}{place}"


def _shown(text: str) -> str:
    return clean_text(text, _MAX_SHOWN)
