"""``heapscope slots SOURCE --verify TYPE``: what was predicted for one class beside what a throw-away interpreter measures.

Never measures itself: service/verify.py does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heapscope.cli.analysing import MAX_NAME
from heapscope.cli.capturing import open_checked
from heapscope.cli.options import CaptureChoice, OutputChoice
from heapscope.cli.output import write_object
from heapscope.cli.talk import Talk
from heapscope.errors import UsageError
from heapscope.units import clean_text, format_count

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.service.verify import Verification


def verify_source(
    source: str, type_name: str, python: str, *, capture: CaptureChoice, out: OutputChoice, talk: Talk
) -> None:
    """Open a source, measure one class of it, and write both figures."""
    if out.format_ == "csv":
        raise UsageError("--verify writes a table or JSON", hint="--format json")
    from heapscope.service.sources import find_pid  # noqa: PLC0415 - only a command that runs needs it
    from heapscope.service.verify import verify_class  # noqa: PLC0415 - numpy, 100 ms

    snapshot = open_checked(source, capture, out, talk)
    found = verify_class(snapshot, type_name, pid=find_pid(source), python=python)
    write_object(record_of(found), _text(found), out.options)


def record_of(found: Verification) -> dict[str, Any]:
    """Return the result; its keys are a contract (docs/cli.md). Bytes are those of all ``instances`` together."""
    record: dict[str, Any] = {
        "type": clean_text(found.type_name, MAX_NAME),
        "population": found.population,
        "instances": found.instances,
        "target_version": clean_text(found.target_version, MAX_NAME),
        "python_version": found.python_version,
        "python": clean_text(found.python, MAX_NAME),
    }
    for name, one in (("now", found.now), ("slotted", found.slotted)):
        record |= {
            f"predicted_{name}_requested": one.predicted.requested,
            f"measured_{name}_requested": one.measured.requested,
            f"predicted_{name}_allocated": one.predicted.allocated,
            f"measured_{name}_allocated": one.measured.allocated,
            f"{name}_make_ns": round(one.make_ns, 1),
            f"{name}_read_ns": round(one.read_ns, 2),
        }
    return record | {"notes": [clean_text(note, MAX_NAME) for note in found.notes]}


def _text(found: Verification) -> str:
    count = found.instances
    lines = [
        f"{clean_text(found.type_name, MAX_NAME)}: {format_count(count)} instances built in Python {found.python_version}",
        "",
        f"{'bytes per instance':<26}{'predicted':>12}{'measured':>12}",
    ]
    for name, one in (("now", found.now), ("slotted", found.slotted)):
        for kind in ("allocated", "requested"):
            predicted, measured = getattr(one.predicted, kind), getattr(one.measured, kind)
            lines.append(f"  {name + ', ' + kind:<24}{_each(predicted, count):>12}{_each(measured, count):>12}")
    saves = [
        getattr(found.now, kind).allocated - getattr(found.slotted, kind).allocated
        for kind in ("predicted", "measured")
    ]
    lines.append(f"  {'saves, allocated':<24}{_each(saves[0], count):>12}{_each(saves[1], count):>12}")
    lines += ["", f"{'time':<26}{'now':>12}{'slotted':>12}"]
    lines.append(_times("make one", found.now.make_ns, found.slotted.make_ns))
    lines.append(_times("read an attribute", found.now.read_ns, found.slotted.read_ns))
    lines += [f"note: {clean_text(note, MAX_NAME)}" for note in found.notes]
    return "".join(line + "\n" for line in lines)


def _each(total: int, count: int) -> str:
    return str(total // count) if total % count == 0 else f"{total / count:.2f}"


def _times(name: str, now: float, slotted: float) -> str:
    change = f" ({100 * (slotted - now) / now:+.0f} %)" if now > 0 else ""
    return f"  {name:<24}{now:>9.1f} ns{slotted:>9.1f} ns{change}"
