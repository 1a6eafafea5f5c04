"""Tasks and threads that hold much: coroutines that wait, and the frames that threads are in.

Never calls work in progress a fault: a crowd that grows is one, and that takes several snapshots. No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from heapscope.analysis.suspects import thresholds
from heapscope.analysis.suspects.found import Found
from heapscope.analysis.suspects.model import Confidence, PathStep, Suspect, SuspectKind
from heapscope.analysis.suspects.naming import Naming
from heapscope.analysis.suspects.scene import Scene
from heapscope.analysis.suspects.wording import address_of, kind_text, mean_retained, total_retained
from heapscope.analysis.tasks import find_tasks
from heapscope.snapshot.model import U32Array
from heapscope.units import clean_text, format_bytes, format_count

_SUSPENDED = ("coroutine", "async_generator", "generator")
MAX_DOWN = 4
MAX_CROWDS = 3


def find_workers(scene: Scene, naming: Naming) -> list[Found]:
    """Find tasks and threads whose frames hold a large part of the heap. O(n) where there are tasks."""
    least = max(thresholds.LISTED_BYTES, int(thresholds.WORKER_SHARE * scene.snapshot.heap_bytes))
    return [*_find_tasks(scene, naming, least), *_find_threads(scene, naming, least)]


def _find_tasks(scene: Scene, naming: Naming, least: int) -> list[Found]:
    """Crowds come first: what started them all, and waits for them, holds them only as long as they run."""
    tasks = {task.object_index: task.label for task in find_tasks(scene.snapshot)}
    suspended = scene.of_types(info.name.rpartition(".")[2] in _SUSPENDED for info in scene.snapshot.types)
    everyone = np.union1d(suspended, np.array(list(tasks), dtype=np.uint32)).astype(np.uint32)
    top = scene.topmost(everyone)
    if total_retained(scene, top) < least:
        return []
    names = _names_of(scene, everyone, tasks)
    crowds = [name for name, members in names.items() if name and len(members) >= thresholds.WORKER_COUNT]
    crowds.sort(key=lambda name: -len(names[name]))
    found = []
    for name in crowds[:MAX_CROWDS]:
        objects = scene.topmost(np.array(names[name], dtype=np.uint32))
        if total_retained(scene, objects) >= least:
            found.append(_describe_tasks(scene, naming, name, objects, is_task=int(objects[0]) in tasks))
    if found:
        return found
    for name, members in _names_of(scene, top, tasks).items():
        objects = np.array(members, dtype=np.uint32)
        if total_retained(scene, objects) >= least:
            found.append(_describe_tasks(scene, naming, name, objects, is_task=members[0] in tasks))
    return found


def _names_of(scene: Scene, objects: U32Array, tasks: Mapping[int, str]) -> dict[str, list[int]]:
    """Group by the function that each runs; "" where that is not known."""
    names: dict[str, list[int]] = {}
    for index in objects.tolist():
        name = tasks.get(index)
        if not name:
            code = scene.first_of(index, "builtins.code")
            name = scene.codes.place_of(code).name if code is not None else ""
        names.setdefault(name.rpartition(".")[2], []).append(index)
    return names


def _describe_tasks(scene: Scene, naming: Naming, label: str, objects: U32Array, *, is_task: bool) -> Found:
    total = total_retained(scene, objects)
    share = scene.share(total)
    by_size = np.argsort(scene.tree.retained[objects], kind="stable")
    example = int(objects[int(by_size[by_size.size // 2])])
    what = "tasks" if is_task else "suspended functions"
    name = clean_text(label or scene.type_name(example), 120)
    code = _coroutine_of(scene, example)
    place = naming.place_of(code if code is not None else example)
    steps = (
        *naming.steps_to(example),
        *naming.steps_along([example, *scene.largest_below(example, MAX_DOWN)])[1:],
    )
    evidence = (
        (
            f"{format_count(objects.size)} {what} of {name} wait, and hold {format_bytes(total)}, {share:.0%} of the heap: "
            f"{format_bytes(mean_retained(scene, objects))} each"
        ),
        "what each holds are the variables of the functions that it waits in",
    )
    doubts = () if objects.size >= thresholds.WORKER_COUNT else ("there are few of them: that may be their work",)
    is_crowd = not doubts and share >= thresholds.LARGE_SHARE
    suspect = Suspect(
        kind=SuspectKind.TASK,
        holder=f"{format_count(objects.size)} {what} of {name}",
        path=steps,
        retained_bytes=total,
        share=share,
        confidence=Confidence.MEDIUM if is_crowd else Confidence.LOW,
        evidence=evidence,
        next=(
            f"heapscope dominators {scene.source} --tasks",
            f"heapscope paths {scene.source} --address {address_of(scene, example)}",
        ),
        object_index=example,
        place=place,
        kinds=(SuspectKind.TASK,),
        type_name=scene.type_name(example),
        entries=int(objects.size),
        doubts=doubts,
        weight=share,
    )
    return Found(suspect, objects)


def _coroutine_of(scene: Scene, task: int) -> int | None:
    return next(
        (held for held in scene.references(task)[:64].tolist() if scene.type_name(held).endswith(_SUSPENDED)), None
    )


def _find_threads(scene: Scene, naming: Naming, least: int) -> list[Found]:
    found = []
    for number, thread in enumerate(scene.tree.roots.threads):
        node = scene.tree.thread_node(number)
        retained = scene.retained(node)
        if retained < least:
            continue
        below = scene.tree.children_of(node)[:1].tolist()
        frame = next((one for one in thread.frames.tolist() if one in below), None)
        steps = naming.steps_along([*([] if frame is not None else thread.frames[:1].tolist()), *below])
        share = scene.share(retained)
        label = clean_text(thread.label, 120)
        largest = f"the largest part is a {kind_text(scene.type_name(below[0]))}" if below else ""
        suspect = Suspect(
            kind=SuspectKind.THREAD,
            holder=label if label.startswith("thread") else f"thread {label}".strip(),
            path=steps or (PathStep(label, ""),),
            retained_bytes=retained,
            share=share,
            confidence=Confidence.LOW,
            evidence=(
                f"variables of the functions that it is in hold {format_bytes(retained)}, {share:.0%} of the heap",
                *((largest,) if largest else ()),
            ),
            next=(f"heapscope dominators {scene.source} --threads",),
            object_index=below[0] if below else -1,
            place=next((step.place for step in steps if step.place), ""),
            kinds=(SuspectKind.THREAD,),
            weight=share,
            doubts=("work in progress holds memory, too",),
        )
        found.append(Found(suspect, np.array([node], dtype=np.uint32)))
    return found
