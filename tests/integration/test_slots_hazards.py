"""Every hazard of slots is found in a live process, with its verdict, and what it claims is what happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest

from heapscope.analysis.slots.advice import advise_slots
from heapscope.analysis.slots.blockers import annotate, find_hazards, names_in_code
from heapscope.analysis.slots.evidence import Evidence
from heapscope.analysis.slots.model import SEVERITY, ChangeKind, ClassChange, Finding, Verdict
from heapscope.service.capture import CaptureOptions, capture
from heapscope.snapshot.model import Snapshot
from tests.support.hazards import evidence_of, facts_of, type_named
from tests.support.pythons import Python, found_pythons, one_per_release
from tests.support.targets import PROGRAMS, Situation, running

pytestmark = [pytest.mark.integration, pytest.mark.apart]

CASES = sorted(path.stem for path in (PROGRAMS / "hazards").glob("*.py"))
Minor = tuple[int, int]
NO, CHECK, FIXABLE, SAFE = Verdict.NO, Verdict.CHECK, Verdict.FIXABLE, Verdict.SAFE
NOT_AVAILABLE = "not available"


@dataclass(frozen=True)
class Expected:
    """What is to be found about one class, and which error its twin raises ("" for none)."""

    verdict: Verdict | Callable[[Minor], Verdict | None]
    error: str | Callable[[Minor], str | None] = ""
    others: tuple[tuple[str, Verdict], ...] = ()  # further classes of the case, and their verdicts for it

    def verdict_on(self, minor: Minor) -> Verdict | None:
        """Give the verdict on one version, None where the case does not arise."""
        return self.verdict if isinstance(self.verdict, Verdict) else self.verdict(minor)

    def error_on(self, minor: Minor) -> str | None:
        """Give the error on one version; None where its patch releases differ."""
        return self.error if isinstance(self.error, str) else self.error(minor)


def since(first: Minor, verdict: Verdict, before: Verdict | None = None) -> Callable[[Minor], Verdict | None]:
    """Give one verdict from a version on, and another before."""
    return lambda minor: verdict if minor >= first else before


def dataclass_slots(error: str, fixed: Minor = (9, 9)) -> Callable[[Minor], str]:
    """Give an error for the versions that have dataclass(slots=True), until it was fixed."""
    return lambda minor: NOT_AVAILABLE if minor < (3, 10) else (error if minor < fixed else "")


EXPECTED = {
    "layout_conflict": Expected(NO, "TypeError"),
    "class_default": Expected(FIXABLE, "ValueError"),
    "property_same_name": Expected(FIXABLE, "ValueError"),
    "varsize_base": Expected(since((3, 15), SAFE, NO), lambda minor: "" if minor >= (3, 15) else "TypeError"),
    "enum": Expected(NO, "AssertionError"),
    "metaclass_forbids": Expected(CHECK, "TypeError"),
    "dataclass_default_manual": Expected(since((3, 10), SAFE, NO), "ValueError"),
    "nonidentifier_key": Expected(NO, "TypeError", (("Numbered", NO),)),
    "dunder_name": Expected(NO, "ValueError"),
    "dict_replaced": Expected(NO, "AttributeError", (("Shared", NO),)),
    "two_c_bases": Expected(NO, "TypeError"),
    "contextmanager_threadlocal": Expected(NO, "AssertionError"),
    "module_type": Expected(NO, "TypeError", (("Module", NO),)),
    "cached_property": Expected(FIXABLE, "TypeError", (("Other", CHECK),)),
    "dict_read_vars": Expected(CHECK, "TypeError", (("Read", CHECK),)),
    "weakref": Expected(SAFE, "TypeError"),
    "pickle_proto01": Expected(CHECK, "TypeError"),
    "old_pickles": Expected(CHECK, "AttributeError"),
    "custom_getstate": Expected(FIXABLE, "AttributeError", (("OneSide", CHECK),)),
    "dynamic_attrs": Expected(CHECK, "AttributeError", (("Late", FIXABLE),)),
    "method_override": Expected(CHECK, "AttributeError"),
    "class_assignment": Expected(CHECK, "TypeError", (("Other", CHECK),)),
    "class_assignment_dict_slots": Expected(CHECK, "TypeError", (("Promoted", CHECK),)),
    "init_subclass_sets": Expected(CHECK, "AttributeError"),
    "dataclass_slots_super": Expected(
        lambda minor: None if minor < (3, 10) else (FIXABLE if minor < (3, 14) else SAFE),
        # A later 3.13 has the repair as well; the verdict knows no patch releases and stays careful.
        lambda minor: None if minor == (3, 13) else dataclass_slots("TypeError", fixed=(3, 14))(minor),
    ),
    "dataclass_slots_weakref": Expected(
        lambda minor: None if minor < (3, 10) else (CHECK if minor < (3, 11) else SAFE), dataclass_slots("TypeError")
    ),
    "dataclass_frozen_pickle": Expected(since((3, 10), SAFE, CHECK), "FrozenInstanceError"),
    "setattr_dict_write": Expected(CHECK, "AttributeError", (("Writer", CHECK),)),
    "mock_patch_instance": Expected(CHECK, "AttributeError"),
    "setattr_bypass": Expected(CHECK, "AttributeError"),
    "inherited_default": Expected(CHECK, "AttributeError"),
    "exception_pickle": Expected(CHECK, "AttributeError"),
    "dataclass_slots_double_register": Expected(since((3, 10), CHECK), dataclass_slots("AssertionError")),
    "generic_orig_class": Expected(CHECK, "AttributeError"),
    "del_then_read_default": Expected(CHECK, "AttributeError"),
    "base_has_dict": Expected(FIXABLE, "AssertionError", (("Foreign", NO),)),
    "exception_dict": Expected(NO, "AssertionError"),
    "typing_namedtuple": Expected(NO, "AttributeError"),
    "duplicate_slot": Expected(FIXABLE, "AssertionError"),
    "subclass_no_slots": Expected(FIXABLE, "AssertionError"),
    "c_base_dict": Expected(NO, "AssertionError"),
    "new_pickles_old_code": Expected(SAFE),
    "singledispatchmethod": Expected(SAFE),
    "protocol": Expected(FIXABLE, "AssertionError"),
    "copy_ok": Expected(SAFE),
    "varsize_base_empty": Expected(SAFE),
    "str_base": Expected(SAFE),
    "dataclass_asdict_ok": Expected(SAFE, dataclass_slots("")),
    "lru_cache_method": Expected(SAFE),
    "private_mangled": Expected(SAFE),
    "unset_message": Expected(SAFE),
    "abstract_property": Expected(SAFE),
    "reinit_double_del": Expected(SAFE),
}
HARMLESS = (
    "plain",
    "weakref",
    "private_mangled",
    "unset_message",
    "reinit_double_del",
    "lru_cache_method",
    "singledispatchmethod",
    "str_base",
    "copy_ok",
)


PYTHONS = one_per_release(python for python in found_pythons() if not python.free_threaded and not python.debug)


@pytest.fixture(params=PYTHONS, ids=lambda each: each.label)
def python(request: pytest.FixtureRequest) -> Python:
    """Each interpreter in turn."""
    found: Python = request.param
    return found


def worst(findings: Iterable[Finding]) -> Verdict:
    """Give the verdict that findings lead to."""
    return max((one.verdict for one in findings), key=SEVERITY.__getitem__, default=SAFE)


def faults_of(case: str, snapshot: Snapshot, evidence: Evidence, minor: Minor) -> list[str]:
    """Compare what is found about the classes of one case with what is expected."""
    expected = EXPECTED[case]
    verdict = expected.verdict_on(minor)
    faults = []
    for name, wanted in (("Example", verdict), *expected.others):
        findings = find_hazards(facts_of(snapshot, type_named(snapshot, f"hazards.{case}.{name}")), evidence)
        found = [one.verdict for one in findings if one.hazard == case]
        if (worst(one for one in findings if one.hazard == case) if found else None) != wanted:
            faults.append(f"{case}.{name}: {wanted} wanted, found {[(one.hazard, one.verdict) for one in findings]}")
    return faults


def test_every_hazard_is_found_with_its_verdict_and_is_true(python: Python) -> None:
    """One target holds all of them; each twin fails, loses or gains as the hazard says."""
    assert sorted(EXPECTED) == [case for case in CASES if case != "plain"]
    with running(python, Situation("hazards", "hazard_cases.py")) as target:
        snapshot = capture(target.pid, CaptureOptions(collector="native"))
        evidence = evidence_of(snapshot)
        faults = [fault for case in EXPECTED for fault in faults_of(case, snapshot, evidence, python.minor)]
        for case, expected in EXPECTED.items():
            error = target.ask("after", case=case)["error"]
            if expected.error_on(python.minor) not in (None, error):
                faults.append(f"{case}: its twin raises {error or 'nothing'}")
    assert faults == []


def test_nothing_is_found_where_nothing_is(python: Python) -> None:
    """Classes that need no more than the line that is proposed are safe."""
    with running(python, Situation("harmless", "hazard_cases.py", HARMLESS)) as target:
        snapshot = capture(target.pid, CaptureOptions(collector="native"))
        evidence = evidence_of(snapshot)
        for case in HARMLESS:
            facts = facts_of(snapshot, type_named(snapshot, f"hazards.{case}.Example"))
            found = [one for one in find_hazards(facts, evidence) if one.verdict is not Verdict.SAFE]
            assert found == [], case


def test_a_change_takes_along_what_the_code_needs() -> None:
    """Defaults that must move, cached properties, methods that read __dict__, attributes that are set later, and the place."""
    cases = ("class_default", "cached_property", "custom_getstate", "dict_read_vars", "dynamic_attrs")
    with running(max(PYTHONS, key=lambda one: one.version), Situation("changes", "hazard_cases.py", cases)) as target:
        snapshot = capture(target.pid, CaptureOptions(collector="native"))
        evidence = evidence_of(snapshot)

        def annotated(case: str, *names: str) -> ClassChange:
            facts = facts_of(snapshot, type_named(snapshot, f"hazards.{case}.Example"))
            return annotate(ClassChange(facts.info.name, ChangeKind.SLOTS, names), facts, evidence)

        assert annotated("class_default", "status").moved_defaults == ("status",)
        assert annotated("cached_property").cached_properties == ("x",)
        assert annotated("custom_getstate", "a").dict_readers == ("__getstate__", "__setstate__")
        assert annotated("dict_read_vars", "a").dict_readers == ("to_json",)
        # No function of this class tells where it is: its module does.
        found = annotated("dynamic_attrs", "anything")
        assert (found.file, found.line) == (str(PROGRAMS / "hazards" / "dynamic_attrs.py"), 4)
        late = facts_of(snapshot, type_named(snapshot, "hazards.dynamic_attrs.Late"))
        assert set(names_in_code(late, evidence)) == {"a", "b"}
        late_row = next(row for row in advise_slots(snapshot, evidence=evidence) if row.type_name.endswith(".Late"))
        assert late_row.slots_line == '__slots__ = ("a", "b")'


@pytest.mark.parametrize("collector", ["native", "python"])
def test_less_evidence_makes_no_verdict_better(collector: str) -> None:
    """Without sources, or without names in code, whatever cannot be ruled out is a reason to look."""
    newest = max(PYTHONS, key=lambda one: one.version)
    oldest = min(PYTHONS, key=lambda one: one.version)
    for python in (newest, oldest):
        with running(python, Situation("hazards", "hazard_cases.py")) as target:
            best = capture(target.pid, CaptureOptions(collector="native"))
            all_known = evidence_of(best)
            verdicts = {
                info.name: worst(find_hazards(facts_of(best, info), all_known))
                for info in best.types
                if info.module.startswith("hazards.")
            }
            less = capture(target.pid, CaptureOptions(collector=collector))
            blind = evidence_of(less) if collector == "python" else Evidence(less)
            for name, verdict in verdicts.items():
                found = worst(find_hazards(facts_of(less, type_named(less, name)), blind))
                assert SEVERITY[found] >= SEVERITY[verdict], (python.label, name, verdict, found)
