"""What should not be there at all: kept exceptions, pinned objects, unbounded caches, garbage, crowds."""

from __future__ import annotations

import dataclasses

from heapscope.analysis.suspects.model import Confidence, SuspectKind, VerdictKind
from heapscope.wire.protocol import Flag, RootKind
from tests.support.growing_heap import Service
from tests.support.heap import HeapObject
from tests.support.suspect_heap import MIB, only, program, report


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


def cache(
    service: Service, *, has_limit: bool, entries: int = 1003, each: int = 5000, counts: tuple[int, int] | None = None
) -> None:
    """Add an lru_cache around a function; ``counts`` are hits and misses, where these are known."""
    code = service.heap.code("/srv/app/pages.py", 7, "render")
    function = service.heap.object("builtins.function").refers_to(code)
    results: list[HeapObject] = [service.blob(each) for _ in range(entries)]
    if has_limit:
        results = [service.heap.object("functools._lru_list_elem").refers_to(one) for one in results]
    table = service.table(results)
    wrapper = service.heap.object("functools._lru_cache_wrapper").refers_to(table, function)
    if counts is not None:
        service.heap.caches.append((wrapper, table, *counts, 2000 if has_limit else -1))
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


def test_what_a_cache_counts_is_evidence() -> None:
    """Hits and misses of one without a limit; of one with, what the limit is."""
    services = Service(), Service(), Service()
    for service, has_limit, hits in zip(services, (False, False, True), (97, 9027, 9027), strict=True):
        program(service)
        cache(service, has_limit=has_limit, counts=(hits, 1003))
    useless, useful, bounded = (report(service.snapshot()) for service in services)
    lines = [only(one, SuspectKind.UNBOUNDED_CACHE).evidence for one in (useless, useful)]
    assert any(
        "asked 1,100 times: 97 hits (9%), 1,003 misses; what it keeps is hardly ever asked for again" in line
        for line in lines[0]
    )
    assert "asked 10,030 times: 9,027 hits (90%), 1,003 misses" in lines[1]
    doubts = [doubt for one in bounded.suspects for doubt in one.doubts]
    assert any(
        "an lru_cache with a maxsize of 2,000, of which 1,003 are filled; asked 10,030 times" in one for one in doubts
    )
    assert all(one.kind is not SuspectKind.UNBOUNDED_CACHE for one in bounded.suspects)


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
