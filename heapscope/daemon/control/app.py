"""The control API: HTTP and JSON at the daemon's Unix socket. Paths and keys are in docs/control-api.md.

Never answers what access.py does not allow, and never blocks the daemon: disks are asked in threads.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from heapscope.daemon.control.access import Peer, Policy
from heapscope.daemon.control.counts import RequestCounts
from heapscope.daemon.control.exchange import chunks_of, off_loop, read_body, read_number, said
from heapscope.daemon.control.views import outcome_view, plain, record_view, target_view
from heapscope.daemon.model import Daemon, Event, InstanceStatus, Kind, Outcome, Record
from heapscope.errors import ExitCode, HeapscopeError, TargetGone, UsageError
from heapscope.units import clean_text

MAX_RECORDS = 10_000
CAPTURE_S = 600.0  # a request waits for its turn and its capture
FOLLOW_S = 3600.0

_STATUS = {
    ExitCode.USAGE: 400,
    ExitCode.PERMISSION: 403,
    ExitCode.TARGET_GONE: 404,
    ExitCode.BUDGET: 429,
    ExitCode.SNAPSHOT_FILE: 507,
    ExitCode.DAEMON: 403,
}


class Refused(HeapscopeError):
    """The policy does not allow it to this user."""

    exit_code = ExitCode.DAEMON


class ControlApi:
    """The handlers, over one daemon."""

    def __init__(self, daemon: Daemon, counts: RequestCounts) -> None:
        self._daemon = daemon
        self._counts = counts
        self._policy: tuple[object, Policy] | None = None

    def application(self) -> Starlette:
        """Give the ASGI application."""
        one = "/v1/snapshots/{record_id:str}"
        routes = [
            self._route("GET", "/v1/status", self._status),
            self._route("GET", "/v1/targets", self._targets),
            self._route("GET", "/v1/snapshots", self._list),
            self._route("POST", "/v1/snapshots", self._snapshot),
            self._route("GET", one, self._show),
            self._route("DELETE", one, self._remove),
            self._route("GET", one + "/file", self._file),
            self._route("POST", one + "/pin", self._pin),
            self._route("POST", "/v1/reload", self._reload),
            self._route("GET", "/v1/events", self._events),
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: _http_failure})

    def _route(self, method: str, path: str, handle: Callable[[Request, Peer], Awaitable[Response]]) -> Route:
        verb = handle.__name__.strip("_")

        async def endpoint(request: Request) -> Response:
            peer: Peer = request.state.peer
            try:
                response = await handle(request, peer)
            except HeapscopeError as error:
                self._counts.add(verb, error.exit_code.name.lower())
                return said(_STATUS.get(error.exit_code, 500), error.exit_code, error.message, error.hint)
            except HTTPException as error:
                self._counts.add(verb, "usage")
                return said(error.status_code, ExitCode.USAGE, str(error.detail))
            except ClientDisconnect:  # in the middle of its request
                self._counts.add(verb, "gone")
                return Response(status_code=400)
            except Exception as error:  # noqa: BLE001 - the boundary: no request ends the daemon
                self._counts.add(verb, "internal")
                self._daemon.announce("error", f"{verb}: {type(error).__name__}: {clean_text(str(error), 500)}")
                return said(500, ExitCode.INTERNAL, type(error).__name__)
            self._counts.add(verb, "ok")
            return response

        return Route(path, endpoint, methods=[method], name=f"{method} {verb}")

    # What may be seen

    def _rules(self) -> Policy:
        config = self._daemon.config
        if self._policy is None or self._policy[0] is not config:
            self._policy = config, Policy(config)
        return self._policy[1]

    def _visible(self, peer: Peer) -> dict[str, tuple[InstanceStatus, ...]]:
        rules = self._rules()
        return {
            target.name: tuple(each for each in target.instances if rules.may_use(peer, each))
            for target in self._daemon.targets()
        }

    async def _record(self, request: Request, peer: Peer) -> Record:
        record = await off_loop(lambda: self._daemon.store.get(request.path_params["record_id"]))
        if not self._rules().may_see(peer, record):
            # Not "forbidden": whether it exists is not for everybody to know either.
            raise UsageError(f"there is no snapshot {clean_text(request.path_params['record_id'], 40)}", hint=_LIST)
        return record

    # The handlers

    async def _status(self, _request: Request, peer: Peer) -> Response:
        view = plain(self._daemon.status())
        if not peer.is_admin:
            view = {name: view[name] for name in ("version", "started_at", "captures_running", "captures_waiting")}
        return JSONResponse({**view, "uid": peer.uid, "is_admin": peer.is_admin})

    async def _targets(self, _request: Request, peer: Peer) -> Response:
        visible = self._visible(peer)
        rows = [
            target_view(target, visible[target.name])
            for target in self._daemon.targets()
            if peer.is_admin or visible[target.name]
        ]
        return JSONResponse(rows)

    async def _list(self, request: Request, peer: Peer) -> Response:
        query = request.query_params
        kind = query.get("kind")
        if kind is not None and kind not in tuple(Kind):
            raise UsageError(f"{clean_text(kind, 40)} is no kind of record", hint=", ".join(Kind))
        limit = read_number(query.get("limit"), "limit", 1, MAX_RECORDS)
        slot = read_number(query.get("slot"), "slot", 0, 1 << 20)
        records = await off_loop(
            lambda: self._daemon.store.records(
                target=query.get("target"), slot=slot, kind=None if kind is None else Kind(kind)
            )
        )
        rules = self._rules()
        seen = [record for record in records if rules.may_see(peer, record)]
        return JSONResponse([record_view(record) for record in seen[: limit or MAX_RECORDS]])

    async def _show(self, request: Request, peer: Peer) -> Response:
        record = await self._record(request, peer)
        details = await off_loop(lambda: self._daemon.store.details(record))
        return JSONResponse(record_view(record, details))

    async def _snapshot(self, request: Request, peer: Peer) -> Response:
        wanted = await read_body(request, {"target": str, "slot": int, "pid": int})
        target, pid = wanted.get("target"), wanted.get("pid")
        chosen = self._choose(peer, target, wanted.get("slot"), pid)
        instance = chosen.instance
        self._daemon.announce(
            "request", f"{peer} asks for a capture", target=instance.target, slot=instance.slot, uid=peer.uid
        )
        outcome = await self._capture(peer, instance.target, instance.slot)
        # Its slot may have passed on to another process, of another user, while the request waited.
        if outcome.record is not None and not self._rules().may_see(peer, outcome.record):
            raise TargetGone("the process ended, and another one took its place", hint="heapscope ctl targets")
        return JSONResponse(outcome_view(outcome), status_code=201 if outcome.is_ok else 409)

    async def _capture(self, peer: Peer, target: str, slot: int) -> Outcome:
        try:
            async with asyncio.timeout(CAPTURE_S):
                return await self._daemon.capture(target, slot=slot, requester=str(peer))
        except TimeoutError as error:
            raise TargetGone("the capture did not get its turn in time", hint="heapscope ctl status") from error

    def _choose(self, peer: Peer, target: str | None, slot: int | None, pid: int | None) -> InstanceStatus:
        """Find the instance that is meant, among those that the peer may use: of several, the largest."""
        visible = self._visible(peer)
        if target is None and pid is None:
            raise UsageError("name a target or a pid", hint="heapscope ctl targets")
        found = [
            each
            for name, instances in visible.items()
            for each in instances
            if target in {None, name}
            and slot in {None, each.instance.slot}
            and pid in {None, each.instance.process.pid}
        ]
        if found:
            return max(found, key=lambda each: each.reading.rss_bytes if each.reading is not None else 0)
        what = f"target {clean_text(target, 64)}" if target is not None else f"pid {pid}"
        known = {each.name: each for each in self._daemon.targets()}
        if target in known and not peer.is_admin and known[target].instances:
            raise Refused(
                f"{what} belongs to another user than {peer}", hint="ask for allow_groups in its configuration"
            )
        raise TargetGone(f"no process of {what} is watched", hint="heapscope ctl targets")

    async def _file(self, request: Request, peer: Peer) -> Response:
        record = await self._record(request, peer)
        path = self._daemon.store.path_of(record)
        try:
            descriptor = await off_loop(lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW))
        except OSError as error:
            raise UsageError(f"the file of {record.id} is gone", hint=_LIST) from error
        self._daemon.announce(
            "request", f"{peer} reads {record.id}", target=record.target, slot=record.slot, uid=peer.uid
        )
        headers = {"content-length": str(os.fstat(descriptor).st_size)}
        return StreamingResponse(chunks_of(descriptor), media_type="application/octet-stream", headers=headers)

    async def _pin(self, request: Request, peer: Peer) -> Response:
        record = await self._record(request, peer)
        wanted = await read_body(request, {"pinned": bool, "note": str})
        pinned, note = wanted.get("pinned", True), clean_text(wanted.get("note", ""), 500)
        self._daemon.announce(
            "request", f"{peer} {'pins' if pinned else 'unpins'} {record.id}", target=record.target, slot=record.slot
        )
        return JSONResponse(
            record_view(await off_loop(lambda: self._daemon.store.pin(record.id, pinned=pinned, note=note)))
        )

    async def _remove(self, request: Request, peer: Peer) -> Response:
        record = await self._record(request, peer)
        if not self._rules().may_remove(peer, record):
            raise Refused(f"{record.id} is of another user's process", hint="its user, or root, may remove it")
        self._daemon.announce("request", f"{peer} removes {record.id}", target=record.target, slot=record.slot)
        return JSONResponse(record_view(await off_loop(lambda: self._daemon.store.remove(record.id))))

    async def _reload(self, request: Request, peer: Peer) -> Response:
        await read_body(request, {})  # an answer before it has come could break off a client that still sends it
        if not peer.is_admin:
            raise Refused("only root, or the daemon's own user, may reload", hint="systemctl reload heapscoped")
        self._daemon.announce("request", f"{peer} asks to reload")
        return JSONResponse(plain(await self._daemon.reload()))

    async def _events(self, request: Request, peer: Peer) -> Response:
        after = read_number(request.query_params.get("after"), "after", 0, 1 << 53) or 0
        if request.query_params.get("follow") in {"1", "true"}:
            return StreamingResponse(self._follow(peer, after), media_type="application/x-ndjson")
        return JSONResponse([plain(event) for event in self._daemon.events(after) if self._concerns(peer, event)])

    async def _follow(self, peer: Peer, after: int) -> AsyncIterator[bytes]:
        try:
            async with asyncio.timeout(FOLLOW_S):
                async for event in self._daemon.follow(after):
                    if self._concerns(peer, event):
                        yield json.dumps(plain(event)).encode() + b"\n"
        except TimeoutError:
            return

    def _concerns(self, peer: Peer, event: Event) -> bool:
        if peer.is_admin:
            return True
        visible = self._visible(peer).get(event.target, ())
        return any(event.slot in {None, each.instance.slot} for each in visible)


_LIST = "heapscope ctl list"


async def _http_failure(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return said(error.status_code, ExitCode.USAGE, str(error.detail))
