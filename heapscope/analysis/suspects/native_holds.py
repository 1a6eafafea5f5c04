"""Objects that only C code holds: nothing that is seen leads there, and yet their counts say that somebody does.

Never says who that is: the audit of counts sees that a count is left over, not where it is kept. No I/O.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from heapscope.analysis.suspects import thresholds
from heapscope.analysis.suspects.found import Found, by_share
from heapscope.analysis.suspects.model import PathStep, Suspect, SuspectKind
from heapscope.analysis.suspects.naming import NATIVE, Naming
from heapscope.analysis.suspects.scene import Scene
from heapscope.analysis.suspects.wording import address_of, kind_text, sentence_of_children, total_retained
from heapscope.snapshot.model import U32Array
from heapscope.units import clean_text, format_bytes, format_count

MAX_LOOKED_AT = 1000
MAX_DOWN = 5
_FUNCTION = "builtins.function"


def find_native_holds(scene: Scene, naming: Naming) -> list[Found]:
    """Find what C code alone keeps alive: one suspect per type, of functions one per function written."""
    groups: dict[tuple[str, int], list[int]] = {}
    for index in scene.tree.roots.native.tolist():
        groups.setdefault(_group_of(scene, index), []).append(index)
    least = max(thresholds.LISTED_BYTES, int(thresholds.STRUCTURE_SHARE * scene.snapshot.heap_bytes))
    found = []
    for members in groups.values():
        objects = np.array(members, dtype=np.uint32)
        if total_retained(scene, objects) >= least:
            found.append(_describe(scene, naming, objects))
    return found


def _group_of(scene: Scene, index: int) -> tuple[str, int]:
    kind = scene.type_name(index)
    code = scene.first_of(index, "builtins.code") if kind == _FUNCTION else None
    return kind, -1 if code is None else code


def _describe(scene: Scene, naming: Naming, objects: U32Array) -> Found:
    objects = objects[np.argsort(-scene.tree.retained[objects].astype(np.int64), kind="stable")]
    largest = int(objects[0])
    total = total_retained(scene, objects)
    share = scene.share(total)
    kind = kind_text(scene.type_name(largest))
    function = _function_in(scene, naming, objects)
    name, place = function
    many = f"{format_count(objects.size)} × {kind}" if objects.size > 1 else f"a {kind}"
    of = f" of {clean_text(name, 120)}" if name and kind != "function" else f" {clean_text(name, 120)}" if name else ""
    counts = scene.tree.roots.audit.unexplained(objects[:1])
    evidence = [
        (
            f"no module, frame or object that is seen leads there, and yet counts are left over: {int(counts[0])} of "
            f"{int(scene.snapshot.refcount[largest])} of the largest one"
        ),
        f"{share:.0%} of the heap ({format_bytes(total)}) would be freed with {many}",
    ]
    if objects.size == 1 or kind != "function":
        length = scene.length(largest)
        subject = f"{format_count(length)} entries in the largest one" if length is not None else f"the largest {kind}"
        evidence.append(sentence_of_children(scene, naming, scene.tree.children_of(largest), subject))
    if name:
        evidence.append(f"functions there: {clean_text(name, 120)}, written in {clean_text(place, 200)}")
    evidence.append(
        "C code took a count (Py_INCREF, a callback that was registered, a handle of a C library) and has not given it back"
    )
    address = address_of(scene, largest)
    suspect = Suspect(
        kind=SuspectKind.NATIVE_HOLD,
        holder=f"{many}{of}, {NATIVE}",
        path=_path(scene, naming, largest),
        retained_bytes=total,
        share=share,
        confidence=by_share(share, thresholds.STRUCTURE_ALARM_SHARE),
        evidence=tuple(evidence),
        next=(
            f"heapscope object {scene.source} {address}",
            f"heapscope dominators {scene.source} --under {address}",
        ),
        object_index=largest,
        place=place or naming.place_of(largest),
        kinds=(SuspectKind.NATIVE_HOLD,),
        type_name=scene.type_name(largest),
        entries=scene.length(largest),
        weight=share,
    )
    return Found(suspect, objects)


def _function_in(scene: Scene, naming: Naming, objects: U32Array) -> tuple[str, str]:
    """Find the function that most of the objects are, or hold, with its place."""
    codes: Counter[int] = Counter()
    for index in objects[:MAX_LOOKED_AT].tolist():
        held = [index, *scene.references(index)[:MAX_LOOKED_AT].tolist()]
        for one in held:
            code = scene.first_of(one, "builtins.code") if scene.type_name(one) == _FUNCTION else None
            if code is not None:
                codes[code] += 1
    if not codes:
        return "", ""
    code = codes.most_common(1)[0][0]
    return scene.codes.place_of(code).name, naming.place_of(code)


def _path(scene: Scene, naming: Naming, index: int) -> tuple[PathStep, ...]:
    """Lead from the object down to the largest part of what it holds."""
    return naming.steps_along([index, *scene.largest_below(index, MAX_DOWN)])
