"""From instance facts to changes: which class declares which name, and in which file it is."""

from __future__ import annotations

from heapscope.analysis.patching.plans import facts_of, files_to_read, plan_of, with_files
from heapscope.analysis.slots.model import ChangeKind, ClassChange
from heapscope.snapshot.model import Snapshot, SnapshotMeta
from tests.support.program import Program


def _snapshot(program: Program) -> Snapshot:
    return program.heap.snapshot(SnapshotMeta(python_version=program.version))


def plan(program: Program, name: str) -> tuple[ClassChange, ...]:
    """Plan the class of that name."""
    snapshot = _snapshot(program)
    for instances in snapshot.instances:
        info = snapshot.type_at(instances.type_address)
        if info is not None and info.name == name:
            return plan_of(facts_of(snapshot, info, instances), snapshot)
    raise AssertionError(name)


def test_a_base_declares_what_its_own_instances_have() -> None:
    """Mangled names go to the class that mangled them, others to the most basic class seen with them."""
    program = Program()
    base = program.cls("app.Base")
    heir = program.cls("app.Heir", (base,))
    program.instances(base, attributes=["a", "only_base"])
    program.instances(heir, attributes=["_Base__p", "_Heir__p", "a", "b"], weakly_referenced=1)
    first, second = plan(program, "app.Heir")
    assert (first.type_name, first.names) == ("app.Base", ("_Base__p", "a", "only_base"))
    assert (second.type_name, second.names) == ("app.Heir", ("_Heir__p", "b"))
    assert (first.keeps_weakref, second.keeps_weakref) == (True, False)


def test_what_the_namespace_holds_tells_the_fixes() -> None:
    """Plain values are defaults; descriptors and functions are not."""
    program = Program()
    names = {"a": "builtins.int", "b": "builtins.function", "c": "functools.cached_property", "d": "builtins.property"}
    program.instances(program.cls(names=names), attributes=["a", "b", "c", "d"])
    (change,) = plan(program, "app.Item")
    assert change.kind is ChangeKind.SLOTS
    assert change.moved_defaults == ("a",)
    assert change.cached_properties == ("c",)


def test_decorators_are_known_by_their_marks() -> None:
    """attrs, and dataclasses where the version's decorator can make slots."""
    for mark, version, kind in (
        ("__attrs_attrs__", "3.9.1", ChangeKind.ATTRS),
        ("__dataclass_fields__", "3.10.1", ChangeKind.DATACLASS),
        ("__dataclass_fields__", "3.9.1", ChangeKind.SLOTS),
    ):
        program = Program(version)
        program.instances(program.cls(names={mark: "builtins.dict"}))
        (change,) = plan(program, "app.Item")
        assert change.kind is kind


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
