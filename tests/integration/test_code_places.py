"""A capture tells where the target's code was written: known functions of a known file, under every interpreter found."""

from __future__ import annotations

import re

import pytest

from heapscope.service.capture import CaptureOptions, capture
from heapscope.snapshot.model import Snapshot
from heapscope.wire.protocol import MAX_NAME, MAX_PATH
from tests.support.invariants import unharmed
from tests.support.pythons import Python, found_pythons, one_per_release
from tests.support.targets import PROGRAMS, Situation, running

pytestmark = [pytest.mark.integration, pytest.mark.apart]

TIMEOUT_S = 200.0
SITUATION = Situation("code places", "code_places.py")
_MARK = re.compile(r"# code(?: before 3\.(\d+))?: (.+)$", re.MULTILINE)


def expected_places(python: Python) -> set[tuple[int, str]]:
    """Return (line, name) of what the program's own marks say; before 3.11 code does not know its qualified name."""
    found = set()
    for line, text in enumerate((PROGRAMS / SITUATION.program).read_text(encoding="utf-8").splitlines(), 1):
        for before, name in _MARK.findall(text):
            if not before or python.minor < (3, int(before)):
                found.add((line, name if python.minor >= (3, 11) else name.rpartition(".")[2]))
    return found


def places(snapshot: Snapshot) -> set[tuple[str, int, str]]:
    """Return (file, line, name) of all code, and see that the table is in order and lacks none."""
    codes = snapshot.codes
    objects = codes.objects.tolist()
    of_code = [number for number, kind in enumerate(snapshot.types) if kind.name == "builtins.code"]
    assert objects == (snapshot.type_index == of_code[0]).nonzero()[0].tolist()
    assert len(set(codes.files)) == len(codes.files)
    files = [codes.files[number] for number in codes.file.tolist()]
    return set(zip(files, codes.first_line.tolist(), codes.names, strict=True))


@pytest.fixture(
    params=one_per_release(python for python in found_pythons() if python.minor >= (3, 14) or not python.free_threaded),
    ids=lambda python: python.label,
)
def each_python(request: pytest.FixtureRequest) -> Python:
    """Each interpreter that can be attached to, those without a GIL among them."""
    python = request.param
    assert isinstance(python, Python)
    return python


@pytest.mark.parametrize("collector", ["auto", "python"])
def test_code_is_where_the_source_has_it(each_python: Python, collector: str) -> None:
    """Functions, methods, nested and anonymous ones, comprehensions, class bodies; texts are cut at their limits."""
    with running(each_python, SITUATION) as target, unharmed(target):
        snapshot = capture(target.pid, CaptureOptions(collector=collector, timeout_s=TIMEOUT_S))
    found = places(snapshot)
    own = {(line, name) for file, line, name in found if file == str(PROGRAMS / SITUATION.program)}
    expected = expected_places(each_python)
    assert len(expected) > 14
    assert expected <= own
    assert {name for _, name in own - expected} <= {"<module>", "Outer", "Outer.Inner", "Inner"}
    assert ("\u0416" * (MAX_PATH // 2), 1, "odd one") in found
    assert ("odd.py", 1, "\u0416" * (MAX_NAME // 2)) in found
    assert ("odd-\\udcff.py", 1, "odd \\udc80") in found
    assert ("", 1, "") in found
    assert ("odd.py", 1, "odd four") in found
    assert "there is too much code" not in " ".join(snapshot.meta.warnings)
