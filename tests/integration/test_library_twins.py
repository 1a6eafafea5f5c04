"""No class of real libraries is called safe whose slotted twin, built for real, does less than the class.

The libraries' classes are judged as if they were the application's own.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from heapscope.analysis.slots.blockers import find_hazards
from heapscope.analysis.slots.hazards.view import ClassView
from heapscope.analysis.slots.layout import is_native_layout
from heapscope.analysis.slots.model import SEVERITY, ClassFacts, Verdict
from heapscope.service.capture import CaptureOptions, capture
from heapscope.snapshot.model import Snapshot
from tests.support.hazards import evidence_of, facts_of
from tests.support.pythons import Python, probe
from tests.support.targets import Situation, Target, running

pytestmark = [pytest.mark.thirdparty, pytest.mark.timeout(1500)]

ROOT = Path(__file__).resolve().parents[2]
EXPECTED_NO = {
    "__main__.sqlalchemy_models.<locals>.User": "SQLAlchemy",
    "__main__.django_models.<locals>.Book": "Django",
    "__main__.others.<locals>.Model": "pydantic",
    "library_shop.Color": "Enum",
}
EXPECTED_SAFE = ("library_shop.Order", "library_shop.Price", "library_shop.Tree")
MIN_CLASSES, MIN_SAFE = 300, 20  # else the corpus says little


def corpus_python() -> Python:
    """Return the interpreter that has the libraries, made by scripts/server_environment.py."""
    words = [sys.executable, str(ROOT / "scripts" / "server_environment.py"), "corpus"]
    made = subprocess.run(words, stdout=subprocess.PIPE, check=True, text=True)
    path = Path(made.stdout.strip())
    found = probe(path)
    assert found is not None
    return dataclasses.replace(found, path=path)  # not the file behind the link: that one has no libraries


def candidates(snapshot: Snapshot) -> list[ClassFacts]:
    """Give every class with instances that has a __dict__ by a class statement."""
    found = []
    for instances in snapshot.instances:
        info = snapshot.type_at(instances.type_address)
        if info is not None and instances.count and info.dictoffset and not is_native_layout(info):
            found.append(facts_of(snapshot, info))
    return found


def twin_faults(target: Target, facts: ClassFacts, names: tuple[str, ...]) -> dict[str, str]:
    """Have the target build the twin, and use it in each way in which the class can be used."""
    weak = facts.instances.weakly_referenced > 0
    uses = ["copy", "deepcopy", "pickle", *(["weakref"] if weak else [])]
    answer = target.ask("twin", address=facts.info.address, names=names, weak=weak, uses=uses)
    faults: dict[str, str] = answer["faults"]
    return faults


def test_no_class_is_called_safe_whose_twin_fails() -> None:
    """Every twin of a safe class builds, holds all attributes, and can be copied, pickled and weakly referenced as before."""
    wrong, verdicts, decisive = [], {}, {}
    with running(corpus_python(), Situation("corpus", "library_corpus.py")) as target:
        snapshot = capture(target.pid, CaptureOptions(collector="native", timeout_s=200.0))
        evidence = evidence_of(snapshot, all_is_ours=True)
        classes = candidates(snapshot)
        for facts in classes:
            findings = find_hazards(facts, evidence)
            verdict = max((one.verdict for one in findings), key=SEVERITY.__getitem__, default=Verdict.SAFE)
            name = facts.info.name
            verdicts[name], decisive[name] = verdict, findings[0].text if findings else ""
            if verdict is Verdict.SAFE:
                names = (*facts.instances.attributes, *ClassView(facts, evidence).unseen)
                faults = twin_faults(target, facts, tuple(dict.fromkeys(names)))
                wrong += [f"{name}: {what}: {how}" for what, how in faults.items()]
    counts = Counter(verdicts.values())
    print({str(verdict): count for verdict, count in counts.items()}, file=sys.stderr)
    assert wrong == []
    assert len(classes) >= MIN_CLASSES
    assert counts[Verdict.SAFE] >= MIN_SAFE
    for name, word in EXPECTED_NO.items():
        assert (verdicts[name], word in decisive[name]) == (Verdict.NO, True), (name, decisive[name])
    assert {name: verdicts[name] for name in EXPECTED_SAFE} == dict.fromkeys(EXPECTED_SAFE, Verdict.SAFE)
