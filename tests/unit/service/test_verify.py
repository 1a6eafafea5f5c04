"""Verifying a class: which one is meant, what is told to the throw-away interpreter, and which interpreters are run at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from heapscope.analysis.slots.population import Population
from heapscope.errors import UnsupportedTarget, UsageError
from heapscope.service import interpreters
from heapscope.service.interpreters import Interpreter, find_interpreter, is_trustworthy, parse_full_version, probe
from heapscope.service.verify import find_class, verify_class
from heapscope.snapshot.model import Snapshot, SnapshotMeta
from tests.support.program import Program

OWN = (sys.version_info.major, sys.version_info.minor, sys.version_info.micro)


def snapshot_of(program: Program) -> Snapshot:
    """Build the program's snapshot."""
    return program.heap.snapshot(SnapshotMeta(python_version=program.version))


def two_of_a_name() -> Program:
    """One class in two modules, and a bare name that is unique."""
    program = Program("3.12.1")
    for name, count in (("app.Item", 3), ("lib.Item", 9), ("app.Other", 5)):
        program.instances(program.cls(name), count)
    return program


def test_a_class_is_found_by_its_name_or_its_bare_name() -> None:
    """The bare name does where it is unique."""
    population = Population(snapshot_of(two_of_a_name()))
    assert find_class(population, "lib.Item").instances.count == 9
    assert find_class(population, "Other").instances.count == 5


@pytest.mark.parametrize(
    ("name", "words"), [("Item", "several classes: app.Item, lib.Item"), ("Nope", "no class Nope")]
)
def test_a_name_that_names_none_or_several_is_refused(name: str, words: str) -> None:
    """With what to do."""
    with pytest.raises(UsageError, match=words):
        find_class(Population(snapshot_of(two_of_a_name())), name)


def test_a_class_that_cannot_have_slots_has_no_twin() -> None:
    """An int with attributes."""
    program = Program("3.12.1")
    native = program.heap.type("builtins.int", is_heap=False, basicsize=24, itemsize=4, own_names=None)
    program.instances(program.cls("app.Item", (native,), itemsize=4))
    with pytest.raises(UsageError, match="cannot have slots"):
        verify_class(snapshot_of(program), "app.Item")


def test_a_base_that_only_the_target_has_is_not_imported() -> None:
    """Nothing but built-in types stands in for bases."""
    program = Program("3.12.1")
    native = program.heap.type("secret.Native", is_heap=False, basicsize=64, own_names=None)
    program.instances(program.cls("app.Item", (native,)))
    with pytest.raises(UnsupportedTarget, match=r"a base is secret.Native"):
        verify_class(snapshot_of(program), "app.Item")


def test_versions_are_read_from_what_the_snapshot_says() -> None:
    """Release candidates too; what is none is an error."""
    assert parse_full_version("3.15.0rc1") == (3, 15, 0)
    assert parse_full_version("3.12") == (3, 12, 0)
    with pytest.raises(UsageError, match="does not say which Python"):
        parse_full_version("")


def test_the_same_patch_release_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the first of the feature release; never another one."""
    found = {"a": Interpreter("a", (3, 12, 4)), "b": Interpreter("b", (3, 12, 1)), "c": Interpreter("c", (3, 11, 1))}
    monkeypatch.setattr(interpreters, "_candidates", lambda *_: iter("abc"))
    monkeypatch.setattr(interpreters, "probe", found.get)
    assert find_interpreter((3, 12, 1)).path == "b"
    assert find_interpreter((3, 12, 9)).path == "a"
    with pytest.raises(UnsupportedTarget, match=r"no Python 3\.9 found"):
        find_interpreter((3, 9, 1))
    with pytest.raises(UnsupportedTarget, match=r"is Python 3\.11\.1, the target is 3\.12"):
        find_interpreter((3, 12, 1), chosen="c")
    with pytest.raises(UnsupportedTarget, match="does not run as a CPython"):
        find_interpreter((3, 12, 1), chosen="d")


def test_an_interpreter_is_asked_what_it_is() -> None:
    """This one, for example; a program that is none gives nothing."""
    found = probe(sys.executable)
    assert found is not None
    assert found.version == OWN
    assert probe("/bin/true") is None
    assert probe("/nonexistent/python3") is None


def test_a_program_that_others_may_have_put_there_is_not_run(tmp_path: Path) -> None:
    """It would run with our rights: the folder counts too, since an interpreter finds its library beside itself."""
    program = tmp_path / "python3"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert is_trustworthy(str(program))
    program.chmod(0o757)
    assert not is_trustworthy(str(program))
    program.chmod(0o644)
    assert not is_trustworthy(str(program))
    program.chmod(0o4755)
    assert not is_trustworthy(str(program))
    program.chmod(0o755)
    tmp_path.chmod(0o777)
    assert not is_trustworthy(str(program))


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_a_program_of_another_user_is_not_run(tmp_path: Path) -> None:
    """As root, nothing that belongs to a user."""
    program = tmp_path / "python3"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    os.chown(program, 65534, 65534)
    assert not is_trustworthy(str(program))
