"""In which file a class is, and which other files matter for its change."""

from __future__ import annotations

from heapscope.analysis.patching.plans import files_to_read, with_files
from heapscope.analysis.slots.model import ClassChange
from heapscope.analysis.slots.plan import plan_changes
from heapscope.analysis.slots.population import Population
from heapscope.snapshot.model import Snapshot, SnapshotMeta
from tests.support.program import Program


def _snapshot(program: Program) -> Snapshot:
    return program.heap.snapshot(SnapshotMeta(python_version=program.version))


def plan(program: Program, name: str) -> tuple[ClassChange, ...]:
    """Plan the class of that name."""
    population = Population(_snapshot(program))
    (facts,) = [population.facts_of(info) for info in population.snapshot.types if info.name == name]
    assert facts is not None
    return plan_changes(facts, population)


def test_the_file_of_a_class_without_code_of_its_own_is_its_modules() -> None:
    """By the module's name; a generated method shows the file of what generated it."""
    program = Program()
    program.cls("pkg.app.One", module="pkg.app", file="/srv/pkg/app.py")
    program.cls("pkg.app.Tuple", module="pkg.app", file="/lib/collections.py")
    bare = program.cls("pkg.app.Bare", module="pkg.app", file="", line=0)
    made = program.cls("pkg.app.Made", module="pkg.app", file="/lib/dataclasses.py", line=70)
    program.instances(bare)
    program.instances(made)
    snapshot = _snapshot(program)
    for name in ("pkg.app.Bare", "pkg.app.Made"):
        (change,) = with_files(plan(program, name), snapshot)
        assert (change.file, change.line) == ("/srv/pkg/app.py", 0)


def test_files_with_subclasses_are_read_too() -> None:
    """They may read what is to move."""
    program = Program()
    base = program.cls("app.Base")
    program.cls("other.Heir", (base,), file="/srv/other.py", mro=[base, program.object])
    program.cls("third.Nobody", file="/srv/third.py")
    program.instances(base)
    snapshot = _snapshot(program)
    assert files_to_read(plan(program, "app.Base"), snapshot) == ["/srv/app.py", "/srv/other.py"]
