"""Heaps with one thing to find, for tests of suspects. Never starts a process."""

from __future__ import annotations

from heapscope.analysis.suspects.model import Report, Suspect, SuspectKind
from heapscope.service.report import report_on
from heapscope.snapshot.model import Snapshot
from heapscope.wire.protocol import Flag
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
    module = service.module("app.sessions", REGISTRY=owner, open=function)
    function.refers_to(*module.references)  # its globals
    return table


def only(found: Report, kind: SuspectKind) -> Suspect:
    """Give the one suspect that was found in a way."""
    (one,) = [suspect for suspect in found.suspects if kind in suspect.kinds]
    return one
