"""Who is a suspect, by what evidence, and what is left alone: on heaps small enough to be worked out by hand."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import pytest

from heapscope.analysis.suspects.model import Confidence, Report, Suspect, SuspectKind, VerdictKind
from heapscope.service.report import ReportSeries, report_on, summarise
from heapscope.snapshot.model import Snapshot
from heapscope.wire.protocol import Flag, RootKind
from tests.support.growing_heap import Service
from tests.support.heap import HeapObject

MIB = 1 << 20
OLD = Flag.TRACKED | 2 << Flag.GENERATION_SHIFT
YOUNG = Flag.TRACKED


def report(*snapshots: Snapshot) -> Report:
    """Report on the last one."""
    return report_on(snapshots, source="heap.heapscope")


def tracked(service: Service, size: int, flags: int = OLD, type_name: str = "app.Session") -> HeapObject:
    """Add an object that the collector tracks."""
    return service.heap.object(type_name, size=size, flags=flags)


def program(service: Service, megabytes: int = 10) -> None:
    """Add innocent memory: the modules of a program, none of them large."""
    for number in range(20):
        service.module(f"lib{number}", data=service.blob(megabytes * MIB // 20))


def registry(service: Service, count: int, *, each: int = 60_000, flags: int = YOUNG) -> HeapObject:
    """Add a module with a registry of sessions, and the code that fills it."""
    table = service.table([tracked(service, each, flags) for _ in range(count)])
    service.heap.type("app.Registry", file="/srv/app/sessions.py", line=5)
    owner = service.instance("app.Registry", sessions=table)
    name = service.text("sessions")
    names = service.heap.object("builtins.tuple", length=1).refers_to(name)
    empty = service.heap.object("builtins.tuple", length=0)
    code = service.heap.code("/srv/app/sessions.py", 14, "Registry.open").refers_to(empty, names)
    function = service.heap.object("builtins.function").refers_to(code)
    service.module("app.sessions", REGISTRY=owner, open=function)
    return table


def only(found: Report, kind: SuspectKind) -> Suspect:
    """Give the one suspect that was found in a way."""
    (one,) = [suspect for suspect in found.suspects if kind in suspect.kinds]
    return one


def test_a_registry_is_named_with_the_code_that_fills_it() -> None:
    """One snapshot cannot say more than that it is large."""
    service = Service()
    program(service)
    registry(service, 151)
    found = report(service.snapshot())
    first = found.suspects[0]
    assert first.holder == "app.sessions.REGISTRY.sessions"
    assert [(step.name, step.type_name) for step in first.path] == [
        ("module app.sessions", "builtins.module"),
        (".REGISTRY", "app.Registry"),
        (".sessions", "builtins.dict"),
    ]
    assert first.place == "/srv/app/sessions.py:14"
    assert first.path[1].place == "/srv/app/sessions.py:5"
    assert first.kind is SuspectKind.ACCUMULATION
    assert first.confidence is Confidence.LOW
    assert any("151 × app.Session" in line for line in first.evidence)
    assert any("still being filled: 151" in line for line in first.evidence)
    assert first.doubts == ()
    assert found.verdict.kind is VerdictKind.NOT_ENOUGH_DATA
    assert all(command.startswith("heapscope ") for command in (*first.next, *found.verdict.next))


def growing(counts: Sequence[int], **changes: int) -> list[Snapshot]:
    """Give snapshots of a registry with so many sessions each, two minutes apart."""
    snapshots = []
    for minute, count in enumerate(counts):
        service = Service(7 * minute)
        program(service)
        registry(service, count, **changes)
        snapshots.append(service.snapshot(2 * minute))
    return snapshots


@pytest.mark.parametrize(
    ("counts", "confidence"),
    [
        ([75, 81], Confidence.LOW),
        ([75, 81, 87], Confidence.MEDIUM),
        ([75, 81, 87, 93, 99], Confidence.HIGH),
    ],
)
def test_growth_is_trusted_by_how_often_it_was_seen(counts: list[int], confidence: Confidence) -> None:
    """And the registry that grows is the accumulation point is the holder: one suspect."""
    found = report(*growing(counts))
    first = found.suspects[0]
    assert first.holder == "app.sessions.REGISTRY.sessions"
    assert set(first.kinds) == {SuspectKind.GROWTH, SuspectKind.ACCUMULATION}
    assert first.confidence is confidence
    assert (first.rising, first.steps) == (len(counts) - 1, len(counts) - 1)
    assert first.growth_bytes == pytest.approx((counts[-1] - counts[0]) * 60_000, rel=0.05)
    assert len([one for one in found.suspects if one.holder == first.holder]) == 1
    expected = VerdictKind.GROWING if confidence > Confidence.LOW else VerdictKind.NOT_ENOUGH_DATA
    assert found.verdict.kind is expected


def test_of_older_snapshots_summaries_suffice() -> None:
    """Nothing else is kept of a series."""
    snapshots = growing([75, 81, 87])
    series = ReportSeries()
    for snapshot in snapshots:
        series.add(snapshot)
    assert series.report("heap.heapscope") == report(*snapshots)
    assert report_on([summarise(snapshots[0]), *snapshots[1:]], source="heap.heapscope") == report(*snapshots)


def test_what_is_large_and_does_not_grow_is_a_plateau() -> None:
    """Once three snapshots say so."""
    found = report(*growing([151, 152, 151]))
    assert found.verdict.kind is VerdictKind.PLATEAU
    assert found.verdict.headline.startswith("plateau, not a leak: app.sessions.REGISTRY.sessions")
    assert found.verdict.confidence is Confidence.MEDIUM
    assert "it did not grow between the snapshots" in found.suspects[0].doubts


def test_growth_of_less_than_a_hundredth_of_the_heap_is_no_alarm() -> None:
    """Something always grows a little."""
    found = report(*growing([151, 151, 152]))
    assert not found.verdict.kind.is_alarm


def test_a_program_without_large_holders_has_no_suspects() -> None:
    """Modules hold the memory, each a little."""
    service = Service()
    program(service)
    found = report(service.snapshot())
    assert (found.suspects, found.verdict.kind) == ((), VerdictKind.NO_LEAK_SEEN)


@pytest.mark.parametrize("entries", [100, 128, 300])
def test_a_round_number_of_entries_speaks_for_a_limit(entries: int) -> None:
    """A cache that is full has one; what grows rarely does."""
    service = Service()
    program(service)
    registry(service, entries)
    found = report(service.snapshot())
    assert any("round number" in doubt for doubt in found.suspects[0].doubts)
    assert found.verdict.kind is VerdictKind.NO_LEAK_SEEN


def test_what_was_loaded_once_is_old() -> None:
    """While others make new objects."""
    service = Service()
    program(service)
    registry(service, 151, flags=OLD)
    service.module("busy", work=tracked(service, 64, YOUNG))
    found = report(service.snapshot())
    assert any("nothing was added to it lately" in doubt for doubt in found.suspects[0].doubts)
    assert found.verdict.kind is VerdictKind.NO_LEAK_SEEN


def test_a_table_of_names_is_part_of_the_program() -> None:
    """Settings, translations."""
    service = Service()
    program(service)
    table = service.dict({service.text(f"name{number}"): service.blob(90_000) for number in range(101)})
    service.module("app.texts", TEXTS=table)
    found = report(service.snapshot())
    assert any("keys are names" in doubt for doubt in found.suspects[0].doubts)
    assert found.verdict.kind is VerdictKind.NO_LEAK_SEEN


def test_one_large_block_is_no_pile() -> None:
    """Data, most likely."""
    service = Service()
    program(service)
    service.module("app.model", WEIGHTS=service.blob(50 * MIB))
    found = report(service.snapshot())
    assert any("one large block" in doubt for doubt in found.suspects[0].doubts)
    assert found.verdict.kind is VerdictKind.NO_LEAK_SEEN


def test_shards_are_one_holder() -> None:
    """Eight dicts in a list, each large enough to be listed."""
    service = Service()
    program(service)
    shards = [service.table([tracked(service, 100_000, YOUNG) for _ in range(31)]) for _ in range(4)]
    service.module("app.store", SHARDS=service.list(*shards))
    found = report(service.snapshot())
    assert [one.holder for one in found.suspects] == ["app.store.SHARDS"]


def test_a_linked_list_is_its_head() -> None:
    """Not the node in the middle where the share of the heap drops under the threshold."""
    service = Service()
    program(service)
    nodes = [service.heap.object("app.Node", size=100_000) for _ in range(300)]
    for node, after in itertools.pairwise(nodes):
        node.refers_to(after)
    service.module("app.queue", HEAD=nodes[0])
    found = report(service.snapshot())
    assert [one.holder for one in found.suspects] == ["app.queue.HEAD"]


def failed_jobs(service: Service, count: int, each: int) -> HeapObject:
    """Keep exceptions with their tracebacks in a list; each frame has a large variable."""
    base = service.heap.type("builtins.BaseException", is_heap=False)
    service.heap.type("app.Failed", mro=[base])
    code = service.heap.code("/srv/app/jobs.py", 31, "import_document")
    errors = []
    for _ in range(count):
        frame = service.heap.object("builtins.frame", size=200).refers_to(code, service.blob(each))
        link = service.heap.object("builtins.traceback", size=64).refers_to(frame)
        errors.append(service.heap.object("app.Failed", size=80).refers_to(link))
    kept = service.list(*errors)
    service.module("app.jobs", FAILED=kept)
    return kept


def test_kept_exceptions_are_found_by_their_tracebacks() -> None:
    """One snapshot suffices: nobody keeps frames on purpose."""
    service = Service()
    program(service)
    failed_jobs(service, 53, 100_000)
    found = report(service.snapshot())
    first = found.suspects[0]
    assert (first.kind, first.holder) == (SuspectKind.EXCEPTION, "app.jobs.FAILED")
    assert SuspectKind.ACCUMULATION in first.kinds, "the list is an accumulation point as well"
    assert first.confidence is Confidence.HIGH
    assert [step.name for step in first.path][-3:] == [".__traceback__", ".tb_frame", ""]
    assert any("import_document /srv/app/jobs.py:31" in line for line in first.evidence)
    assert found.verdict.kind is VerdictKind.SUSPECTED


def test_a_few_exceptions_may_be_being_handled() -> None:
    """They are listed, and are no alarm."""
    service = Service()
    program(service)
    failed_jobs(service, 2, 3 * MIB)
    found = report(service.snapshot())
    assert only(found, SuspectKind.EXCEPTION).confidence is Confidence.LOW
    assert not found.verdict.kind.is_alarm


def test_exceptions_without_much_in_their_frames_are_left_alone() -> None:
    """Their number alone is no problem."""
    service = Service()
    program(service)
    failed_jobs(service, 300, 100)
    assert report(service.snapshot()).suspects == ()


def test_what_only_c_code_holds_is_named_by_the_functions_in_it() -> None:
    """A list of callbacks whose count was never given back."""
    service = Service()
    program(service)
    code = service.heap.code("/srv/app/events.py", 38, "make_handler.<locals>.on_event")
    handlers = [service.heap.object("builtins.function", size=100_000).refers_to(code) for _ in range(60)]
    pinned = service.list(*handlers)
    service.module("app.events", code=code)
    snapshot = service.snapshot()
    counts = snapshot.refcount.copy()
    counts[service.heap.objects.index(pinned)] += 1
    found = report(dataclasses.replace(snapshot, refcount=counts))
    first = found.suspects[0]
    assert first.kind is SuspectKind.NATIVE_HOLD
    assert first.holder == "a list of make_handler.<locals>.on_event, held by C code only"
    assert first.place == "/srv/app/events.py:38"
    assert (first.path[0].name, first.path[1].type_name) == ("held by C code only", "builtins.function")
    assert found.verdict.kind is VerdictKind.SUSPECTED


def cache(service: Service, *, has_limit: bool, entries: int = 1003, each: int = 5000) -> None:
    """Add an lru_cache around a function."""
    code = service.heap.code("/srv/app/pages.py", 7, "render")
    function = service.heap.object("builtins.function").refers_to(code)
    results: list[HeapObject] = [service.blob(each) for _ in range(entries)]
    if has_limit:
        results = [service.heap.object("functools._lru_list_element").refers_to(one) for one in results]
    table = service.table(results)
    wrapper = service.heap.object("functools._lru_cache_wrapper").refers_to(table, function)
    service.module("app.pages", render=wrapper)


def test_a_cache_without_a_limit_is_told_from_one_with() -> None:
    """By how it keeps its results."""
    services = Service(), Service()
    for service, has_limit in zip(services, (False, True), strict=True):
        program(service)
        cache(service, has_limit=has_limit)
    found, bounded = (report(service.snapshot()) for service in services)
    first = found.suspects[0]
    assert (first.kind, first.holder) == (SuspectKind.UNBOUNDED_CACHE, "app.pages.render")
    assert first.place == "/srv/app/pages.py:7"
    assert found.verdict.kind is VerdictKind.SUSPECTED
    assert not bounded.verdict.kind.is_alarm
    assert all(one.kind is not SuspectKind.UNBOUNDED_CACHE for one in bounded.suspects)
    assert any("lru_cache with a maxsize" in doubt for one in bounded.suspects for doubt in one.doubts)


def test_much_garbage_is_an_alarm_and_some_is_none() -> None:
    """The collector lets a heap grow by a quarter."""
    found = []
    for count in (20, 90):
        service = Service()
        program(service)
        for _ in range(count):
            lost = service.heap.object("app.Node", size=100_000)
            lost.refers_to(lost)
        found.append(report(service.snapshot()))
    some, much = found
    assert only(some, SuspectKind.GARBAGE).confidence is Confidence.LOW
    assert not some.verdict.kind.is_alarm
    assert only(much, SuspectKind.GARBAGE).type_name == "app.Node"
    assert much.verdict.kind is VerdictKind.SUSPECTED


def test_garbage_does_not_count_as_growth() -> None:
    """It comes and goes, whatever its types."""
    snapshots = []
    for minute, count in enumerate((10, 60, 120)):
        service = Service(minute)
        program(service)
        for _ in range(count):
            lost = service.heap.object("app.Node", size=20_000)
            lost.refers_to(lost)
        snapshots.append(service.snapshot(minute))
    assert not report(*snapshots).verdict.kind.is_alarm


def test_a_crowd_of_tasks_is_one_suspect() -> None:
    """Named by the coroutine that they run."""
    service = Service()
    program(service)
    tasks = []
    for _ in range(130):
        frame = service.heap.object("builtins.frame", size=200).refers_to(service.blob(100_000))
        work = service.heap.object("builtins.coroutine", size=100).refers_to(service.text("consume"), frame)
        tasks.append(service.heap.object("_asyncio.Task", size=100).refers_to(work))
    service.module("app.loop", TASKS=service.list(*tasks))
    found = report(service.snapshot())
    first = found.suspects[0]
    assert first.kind is SuspectKind.TASK
    assert first.holder == "130 tasks of consume"
    assert SuspectKind.ACCUMULATION in first.kinds
    assert found.verdict.kind is VerdictKind.NOT_ENOUGH_DATA, "work in progress, as long as it does not grow"


def test_a_crowd_is_named_and_not_who_waits_for_it() -> None:
    """The main function holds the list of all tasks."""
    service = Service()
    program(service)
    tasks = []
    for _ in range(130):
        frame = service.heap.object("builtins.frame", size=200).refers_to(service.blob(100_000))
        work = service.heap.object("builtins.coroutine", size=100).refers_to(service.text("handle"), frame)
        tasks.append(service.heap.object("_asyncio.Task", size=100).refers_to(work))
    waiting = service.heap.object("builtins.frame", size=200).refers_to(service.list(*tasks))
    main = service.heap.object("builtins.coroutine", size=100).refers_to(service.text("main"), waiting)
    service.module("app.loop", MAIN=service.heap.object("_asyncio.Task", size=100).refers_to(main))
    assert report(service.snapshot()).suspects[0].holder == "130 tasks of handle"


def test_a_thread_is_a_suspect_by_its_variables() -> None:
    """Here its frame holds a list of many."""
    service = Service()
    program(service)
    jobs = service.list(*(service.blob(90_000) for _ in range(77)))
    frame = service.heap.object("builtins.frame", flags=Flag.SYNTHETIC).refers_to(jobs)
    service.heap.root(frame, RootKind.THREAD, "thread 11 (worker)")
    service.heap.root(frame, RootKind.FRAME, "run /srv/app/work.py:3", jobs=jobs)
    found = report(service.snapshot())
    (first,) = found.suspects
    assert first.kind is SuspectKind.ACCUMULATION
    assert first.holder == "run() > jobs"
