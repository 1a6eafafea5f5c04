"""Reasons against slots: which decide, how many are said, and which classes are judged at all."""

from __future__ import annotations

import pytest

from heapscope.wire.protocol import DictState
from tests.support.program import Program


@pytest.mark.parametrize(
    ("version", "state", "verdict"),
    [
        ("3.13.0", DictState.MATERIALISED, "check"),
        ("3.11.7", DictState.SPLIT, "check"),
        ("3.10.13", DictState.SPLIT, "safe"),
    ],
)
def test_a_class_whose_dicts_are_read_is_never_called_safe(version: str, state: int, verdict: str) -> None:
    """vars() and copies break; up to 3.10 every instance has such a dict and it tells nothing."""
    program = Program(version)
    program.instances(
        program.cls(), 10, states={DictState.VALUES: [6, 960, 960], state: [4, 640, 640]}, attributes=("a",)
    )
    row = program.row()
    found, text = row.verdict, " | ".join(row.blockers)
    assert found == verdict
    assert ("code reads the __dict__ of 4 of 10 instances" in text) is (verdict == "check")


def test_instances_with_sqlalchemy_state_rule_slots_out() -> None:
    """However the class itself was mapped."""
    program = Program()
    program.instances(program.cls(), attributes=("_sa_instance_state", "id"))
    row = program.row()
    assert row.verdict == "no"
    assert "SQLAlchemy" in row.blockers[0]


def test_a_foreign_class_has_one_reason() -> None:
    """Nothing else about it matters to somebody who cannot change it."""
    program = Program()
    base = program.cls("ast.Base", file="/usr/lib/python3.12/ast.py")
    cls = program.cls("ast.Item", bases=(base,), file="/usr/lib/python3.12/ast.py", subclasses=4)
    program.instances(cls, each=48, attributes={"a": 3})
    row = program.row()
    assert (row.verdict, row.blockers) == ("no", ("not your code: standard library",))


def test_few_reasons_are_for_tables_and_none_is_lost() -> None:
    """The decisive one comes first; the findings have them all."""
    program = Program()
    names = {"b": "int", "__getstate__": "function", "__setattr__": "function"}
    program.instances(program.cls(names=names, subclasses=2), attributes={"a": 100, "b": 3, "two words": 3})
    row = program.row()
    assert len(row.blockers) == 3
    assert row.blockers[0].startswith("attribute names that are no identifiers")
    assert row.blockers == tuple(finding.text for finding in row.findings[:3])
    assert len(row.findings) > 3


def test_defaults_of_one_class_are_one_reason() -> None:
    """A class of thirty defaults must not bury everything else."""
    program = Program()
    program.instances(program.cls(names={"a": "int", "b": "str"}))
    assert program.row().blockers == ("a, b have defaults in app.Item: set them in __init__ instead",)


def test_types_made_by_c_code_are_no_candidates() -> None:
    """There is no class statement to change."""
    program = Program()
    program.instances(program.cls("functools._lru_cache_wrapper", tp_flags=1 << 8), 5)
    assert program.rows() == ()


def test_one_foreign_base_class_is_reason_enough() -> None:
    """Its own ancestors say the same again."""
    program = Program()
    root = program.cls("lib.Root", file="/x/site-packages/lib.py")
    base = program.cls("lib.Base", bases=(root,), file="/x/site-packages/lib.py")
    program.instances(program.cls(bases=(base, root)))
    assert program.row().blockers[0].startswith("its base class lib.Base keeps a __dict__")
    assert "lib.Root" not in " ".join(program.row().blockers)
