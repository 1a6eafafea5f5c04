"""The use case "verify": build a class and its slotted twin in a throw-away interpreter, and measure what was predicted.

Never imports or runs code of the target: the script is told names, bases and frequencies only (verify_script.py).
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from importlib import resources
from typing import Any

from heapscope.analysis.slots.advice import population_of
from heapscope.analysis.slots.costs import ClassCosts, class_costs
from heapscope.analysis.slots.layout import is_native_layout, native_base
from heapscope.analysis.slots.model import ClassFacts, Cost
from heapscope.analysis.slots.observed import ObservedShape, has_first_instances, observe_shapes
from heapscope.analysis.slots.population import Population, slots_of
from heapscope.errors import CaptureInconsistent, UnsupportedTarget, UsageError
from heapscope.service.interpreters import ISOLATED, Interpreter, find_interpreter, parse_full_version
from heapscope.service.slots import evidence_of
from heapscope.snapshot.model import Snapshot, TypeInfo
from heapscope.units import clean_text
from heapscope.wire.protocol import DictState

TIMEOUT_S = 120.0
MAX_SHAPES = 500
_NATIVE_MODULES = ("builtins", "collections")


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """One of the two classes: bytes of all instances, and what using one takes."""

    predicted: Cost
    measured: Cost
    make_ns: float
    read_ns: float


@dataclasses.dataclass(frozen=True, slots=True)
class Verification:
    """Predicted and measured, side by side, of ``instances`` instances; the target has ``population`` of them."""

    type_name: str
    population: int
    instances: int
    now: Measured
    slotted: Measured
    target_version: str
    python_version: str
    python: str
    notes: tuple[str, ...]


def verify_class(snapshot: Snapshot, type_name: str, *, pid: int | None = None, python: str = "") -> Verification:
    """Measure one class of a snapshot. Takes seconds; starts two short processes.

    Args:
        snapshot: where the class is.
        type_name: as ``heapscope slots`` writes it; the bare name does if it is unique.
        pid: the live target, whose own program is preferred.
        python: path of the interpreter to measure in, "" to find one.

    Raises:
        UsageError: no class of that name has instances, or it cannot have slots.
        UnsupportedTarget: no interpreter of that version, or bases that only the target has.
        CaptureInconsistent: the throw-away interpreter failed.
    """
    population = population_of(snapshot, evidence_of(snapshot))
    facts = find_class(population, type_name)
    costs = class_costs(facts, population)
    if costs.slotted is None:
        raise UsageError(f"{clean_text(facts.info.name, 200)} cannot have slots: there is no twin to measure")
    classes = _describe_classes(facts, population)
    shapes = observe_shapes(snapshot, facts)[:MAX_SHAPES]
    version = parse_full_version(snapshot.meta.python_version)
    interpreter = find_interpreter(version, pid, python)
    settled = not has_first_instances(snapshot, facts)
    request = {"classes": classes, "shapes": [_shape_record(shape) for shape in shapes], "settled": settled}
    answer = _run(interpreter, request)
    instances = sum(shape.count for shape in shapes)
    return Verification(
        type_name=facts.info.name,
        population=facts.instances.count,
        instances=instances,
        now=_measured(answer["plain"], _scaled(costs.now, instances, facts.instances.count)),
        slotted=_measured(answer["twin"], _scaled(costs.slotted.total, instances, facts.instances.count)),
        target_version=snapshot.meta.python_version,
        python_version=".".join(map(str, interpreter.version)),
        python=interpreter.path,
        notes=_notes(costs, facts, interpreter, version, instances),
    )


def find_class(population: Population, type_name: str) -> ClassFacts:
    """Find a class with instances by its name; of several of the same name, the one with most instances.

    Raises:
        UsageError: there is none, or the bare name is that of several.
    """
    types = [info for info in population.snapshot.types if population.instances_of(info) is not None]
    found = [info for info in types if info.name == type_name]
    if not found:
        found = [info for info in types if info.name.rpartition(".")[2] == type_name]
        names = sorted({info.name for info in found})
        if len(names) > 1:
            shown = ", ".join(clean_text(name, 80) for name in names[:4])
            raise UsageError(f"{clean_text(type_name, 80)} is the name of several classes: {shown}")
    facts = [one for info in found if (one := population.facts_of(info)) is not None]
    if not facts:
        raise UsageError(
            f"no class {clean_text(type_name, 200)} has instances in this snapshot", hint="heapscope slots SOURCE"
        )
    return max(facts, key=lambda one: one.instances.count)


def _describe_classes(facts: ClassFacts, population: Population) -> list[list[Any]]:
    """Give every class statement of the family, bases first: name, bases, slots now (None without), slots of the twin."""
    line = list(reversed(population.own_classes(facts.info)))
    place = {info.address: number for number, info in enumerate(line)}
    records: list[list[Any]] = []
    for number, info in enumerate(line):
        bases = [_base_word(address, place, population) for address in info.bases]
        if any(isinstance(base, int) and base >= number for base in bases):
            raise UnsupportedTarget(f"the bases of {clean_text(info.name, 80)} are in no order that can be built again")
        now = [*sorted(slots_of(info)), *_special(info)] if info.has_slots else None
        records.append([f"C{number}", bases or ["builtins.object"], now, _twin_slots(info, population)])
    return records


def _special(info: TypeInfo) -> list[str]:
    return [name for name in ("__dict__", "__weakref__") if name in (info.own_names or ())]


def _twin_slots(info: TypeInfo, population: Population) -> list[str]:
    names = sorted(population.declares(info))
    above = population.own_classes(info)[1:]
    if population.keeps_dict(info) and not any(population.keeps_dict(one) for one in above):
        names.append("__dict__")
    if population.wants_weakref(info) and not any(population.wants_weakref(one) for one in above):
        base = native_base(population.snapshot, info)
        if base is None or not base.weaklistoffset:
            names.append("__weakref__")
    return names


def _base_word(address: int, place: Mapping[int, int], population: Population) -> int | str:
    if address in place:
        return place[address]
    info = population.snapshot.type_at(address)
    if info is None or not is_native_layout(info) or info.name.partition(".")[0] not in _NATIVE_MODULES:
        name = clean_text(info.name, 80) if info else "an unknown class"
        raise UnsupportedTarget(f"a base is {name}, which can only be built with the target's own code")
    return info.name


def _shape_record(shape: ObservedShape) -> list[Any]:
    return [list(shape.names), DictState.NAMES[shape.state], shape.items, shape.count]


def _run(interpreter: Interpreter, request: Mapping[str, Any]) -> dict[str, Any]:
    """Run the script in the interpreter: isolated, without an environment, in an empty folder, with a limit of time."""
    script = resources.files("heapscope.service").joinpath("verify_script.py").read_text()
    try:
        with tempfile.TemporaryDirectory(prefix="heapscope-verify-") as folder:
            done = subprocess.run(
                [interpreter.path, *ISOLATED, "-c", script],
                input=json.dumps(request),
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
                env={"PYTHONHASHSEED": "0"},
                cwd=folder,
            )
        if done.returncode == 0:
            answer = json.loads(done.stdout)
            assert isinstance(answer, dict)
            return answer
        reason = done.stderr.strip().rpartition("\n")[2]
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        reason = str(error)
    shown = os.path.basename(interpreter.path)
    raise CaptureInconsistent(f"measuring in {shown} failed: {clean_text(reason, 400)}")


def _scaled(cost: Cost, instances: int, population: int) -> Cost:
    if instances == population:
        return cost
    return Cost(round(cost.requested * instances / population), round(cost.allocated * instances / population))


def _measured(answer: Mapping[str, Any], predicted: Cost) -> Measured:
    return Measured(
        predicted=predicted,
        measured=Cost(int(answer["requested"]), int(answer["allocated"])),
        make_ns=float(answer["make_ns"]),
        read_ns=float(answer["read_ns"]),
    )


def _notes(
    costs: ClassCosts, facts: ClassFacts, interpreter: Interpreter, version: tuple[int, int, int], instances: int
) -> tuple[str, ...]:
    notes = list(costs.doubts)
    if interpreter.version != version:
        theirs, ours = (".".join(map(str, one)) for one in (version, interpreter.version))
        notes.append(f"the target runs Python {theirs}, measured was {ours}")
    if instances < facts.instances.count:
        notes.append(f"{instances} of {facts.instances.count} instances were built; predicted bytes are for as many")
    return tuple(notes)
