"""``heapscope slots --verify``: a class of a live target is built again in an interpreter of its version, and figures agree."""

from __future__ import annotations

import json
from typing import Any

import pytest

from heapscope.errors import ExitCode
from tests.support.command_line import run_heapscope
from tests.support.invariants import unharmed
from tests.support.pythons import Python, one_per_release, usual_pythons
from tests.support.slots_accuracy import slots_corpus
from tests.support.targets import running

pytestmark = [pytest.mark.integration, pytest.mark.apart]

SHAPES = (
    "attributes_3",
    "levels_3",
    "dict_read_on_some",
    "late_on_some",
    "list_attributes_2",
    "weakly_referenced",
    "tuple",
)
INSTANCES = 400  # so many that the class has settled
KEYS = ("now_requested", "now_allocated", "slotted_requested", "slotted_allocated")


def verified(pid: int, type_name: str) -> dict[str, Any]:
    """Run the command."""
    done = run_heapscope("slots", str(pid), "--verify", type_name, "--format", "json")
    assert done.returncode == ExitCode.OK, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.fixture(params=one_per_release(usual_pythons()), ids=lambda each: each.label)
def python(request: pytest.FixtureRequest) -> Python:
    """Each interpreter in turn."""
    found = request.param
    assert isinstance(found, Python)
    if found.debug:
        pytest.skip("a debug build is not measured in")
    return found


@pytest.mark.parametrize("shape", ["late_on_some"])
def test_predicted_and_measured_agree_on_every_version(python: Python, shape: str) -> None:
    """One class, also with attributes that only some have; the target notices nothing."""
    with running(python, slots_corpus(INSTANCES, SHAPES)) as target, unharmed(target):
        found = verified(target.pid, f"corpus_{shape}_plain.Late")
    assert found["python_version"] == ".".join(map(str, python.version))
    assert {key: found[f"measured_{key}"] for key in KEYS} == {key: found[f"predicted_{key}"] for key in KEYS}
    assert found["instances"] == found["population"] == INSTANCES
    assert min(found["now_make_ns"], found["slotted_make_ns"], found["now_read_ns"], found["slotted_read_ns"]) > 0


@pytest.mark.parametrize(
    "type_name",
    [
        "corpus_attributes_3_plain.Numbered",
        "corpus_levels_3_plain.Level",
        "corpus_dict_read_on_some_plain.Numbered",
        "corpus_list_attributes_2_plain.Sub",
        "corpus_weakly_referenced_plain.Weak",
        "corpus_tuple_plain.Sub",
    ],
)
@pytest.mark.parametrize(
    "version",
    [pytest.param((3, 10), marks=pytest.mark.matrix), pytest.param((3, 12), marks=pytest.mark.matrix), (3, 13)],
)
def test_predicted_and_measured_agree_for_other_shapes(version: tuple[int, int], type_name: str) -> None:
    """Lines of classes, dicts that were read, native bases, weak references, items."""
    python = next((one for one in usual_pythons() if one.minor == version and not one.debug), None)
    if python is None:
        pytest.skip("no such interpreter here")
    with running(python, slots_corpus(INSTANCES, SHAPES)) as target:
        found = verified(target.pid, type_name)
    assert {key: found[f"measured_{key}"] for key in KEYS} == {key: found[f"predicted_{key}"] for key in KEYS}


def test_errors_are_clear() -> None:
    """A type that is not there, an interpreter of another version, a format that does not fit."""
    python = next(one for one in usual_pythons() if not one.debug)
    other = next(one for one in reversed(usual_pythons()) if one.minor != python.minor)
    name = "corpus_attributes_3_plain.Numbered"
    with running(python, slots_corpus(INSTANCES, ("attributes_3",))) as target:
        missing = run_heapscope("slots", str(target.pid), "--verify", "nowhere.Nothing")
        wrong = run_heapscope("slots", str(target.pid), "--verify", name, "--verify-python", str(other.path))
        unfit = run_heapscope("slots", str(target.pid), "--verify", name, "--format", "csv")
        table = run_heapscope("slots", str(target.pid), "--verify", "Numbered")
    assert missing.returncode == ExitCode.USAGE
    assert "no class nowhere.Nothing" in missing.stderr
    assert wrong.returncode == ExitCode.UNSUPPORTED
    assert "the target is" in wrong.stderr
    assert unfit.returncode == ExitCode.USAGE
    assert table.returncode == ExitCode.USAGE  # the twin has the same bare name
    assert "several classes" in table.stderr
