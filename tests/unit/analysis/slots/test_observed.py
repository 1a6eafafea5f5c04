"""Which combinations of attributes instances have: read from shapes, from dicts, or taken as usual where nothing tells."""

from __future__ import annotations

from heapscope.analysis.slots.model import ClassFacts
from heapscope.analysis.slots.observed import MAX_SAMPLED, ObservedShape, has_first_instances, observe_shapes
from heapscope.analysis.slots.population import Population
from heapscope.snapshot.model import Snapshot, SnapshotMeta
from heapscope.wire.protocol import DictState, Flag
from tests.support.heap import HeapObject
from tests.support.program import Program

NAME = "app.Item"


def instance(program: Program, state: int, *, fingerprint: int = 0, size: int = 96) -> HeapObject:
    """Add one instance in a state."""
    return program.heap.object(NAME, size=size, flags=state << Flag.DICT_STATE_SHIFT, fingerprint=fingerprint)


def opened(program: Program) -> tuple[Snapshot, ClassFacts]:
    """Build the snapshot and gather what is known of the class."""
    snapshot = program.heap.snapshot(SnapshotMeta(python_version=program.version))
    population = Population(snapshot)
    facts = population.facts_of(next(info for info in snapshot.types if info.name == NAME))
    assert facts is not None
    return snapshot, facts


def test_instances_without_a_dict_tell_by_their_fingerprint() -> None:
    """One example of a shape names the attributes of all like it, in their order."""
    program = Program("3.13.0")
    program.instances(program.cls(), 5, attributes={"b": 5, "a": 5, "c": 2})
    for fingerprint in (1, 1, 1, 2, 2):
        instance(program, DictState.INLINE, fingerprint=fingerprint)
    program.heap.shapes += [(program.heap.objects[0], ["b", "a"]), (program.heap.objects[3], ["b", "a", "c"])]
    assert observe_shapes(*opened(program)) == (
        ObservedShape(("b", "a"), DictState.INLINE, 0, 3),
        ObservedShape(("b", "a", "c"), DictState.INLINE, 0, 2),
    )


def test_instances_with_a_dict_tell_by_its_keys() -> None:
    """A dict that an attribute holds is another one: its keys are no attributes."""
    program = Program("3.10.13")
    program.instances(program.cls(), 1, attributes=("a", "b"))
    holder = instance(program, DictState.SPLIT)
    keys = {name: program.heap.text(name) for name in ("a", "b", "foreign")}
    value = program.heap.object("m.Value")
    held = program.heap.object("builtins.dict", length=1).refers_to(keys["foreign"], value)
    own = program.heap.object("builtins.dict", length=2).refers_to(keys["b"], keys["a"], value, held)
    holder.refers_to(held, own)
    assert observe_shapes(*opened(program)) == (ObservedShape(("b", "a"), DictState.SPLIT, 0, 1),)


def test_unknown_instances_have_what_is_usual() -> None:
    """The attributes of at least half of all."""
    program = Program("3.12.1")
    program.instances(program.cls(), 4, attributes={"a": 4, "b": 2, "c": 1})
    for state in (DictState.VALUES, DictState.SPLIT, DictState.VALUES, DictState.NONE):
        instance(program, state)
    assert {(shape.names, shape.state, shape.count) for shape in observe_shapes(*opened(program))} == {
        (("a", "b"), DictState.VALUES, 2),
        (("a", "b"), DictState.SPLIT, 1),
        ((), DictState.NONE, 1),
    }


def test_items_are_counted_from_the_size() -> None:
    """The allocator adds one; rounding may hide some of a byte string, which changes no block."""
    program = Program("3.13.0")
    native = program.heap.type("builtins.tuple", is_heap=False, basicsize=24, itemsize=8, own_names=None)
    item = program.cls(NAME, (native,), itemsize=8, basicsize=24, tp_flags=1 << 9 | 1 << 4)
    program.instances(item, 1, attributes=())
    instance(program, DictState.NONE, size=16 + 16 + 24 + 8 * (3 + 1))
    assert observe_shapes(*opened(program)) == (ObservedShape((), DictState.NONE, 3, 1),)


def test_large_populations_are_sampled() -> None:
    """Evenly, so that shares stay."""
    program = Program("3.13.0")
    count = MAX_SAMPLED + 100
    program.instances(program.cls(), count, attributes=("a",))
    for _ in range(count):
        instance(program, DictState.INLINE)
    assert sum(shape.count for shape in observe_shapes(*opened(program))) == MAX_SAMPLED


def test_a_class_s_first_instances_are_larger() -> None:
    """Where some live, the rebuilt class must be new as well."""
    program = Program("3.13.0")
    program.instances(program.cls(), 100)
    for number in range(100):
        instance(program, DictState.INLINE, size=320 - 8 * number if number < 28 else 96)
    assert has_first_instances(*opened(program))
    settled = Program("3.13.0")
    settled.instances(settled.cls(), 100)
    for _ in range(100):
        instance(settled, DictState.INLINE)
    assert not has_first_instances(*opened(settled))
