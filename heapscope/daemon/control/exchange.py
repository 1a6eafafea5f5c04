"""Requests and answers of the control API: numbers, bodies, files, errors.

Never trusts a length that a client gives.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from heapscope.daemon.control.http_server import MAX_BODY
from heapscope.errors import ExitCode, UsageError
from heapscope.units import clean_text

_CHUNK = 256 << 10
_T = TypeVar("_T")


def read_number(text: str | None, name: str, low: int, high: int) -> int | None:
    """Read a number of a query. Raises UsageError."""
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18 or not low <= int(text) <= high:
        raise UsageError(f"{name} must be a number from {low} to {high}")
    return int(text)


async def read_body(request: Request, fields: dict[str, type]) -> dict[str, Any]:
    """Read a JSON object with no other fields than these."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            raise HTTPException(413, "the body is too large")
    try:
        value = json.loads(data or b"{}")
    except (ValueError, RecursionError) as error:
        raise UsageError("the body is no JSON") from error
    if not isinstance(value, dict):
        raise UsageError("the body is no JSON object")
    for name, item in value.items():
        if name not in fields:
            raise UsageError(f"{clean_text(name, 40)} is no field", hint=", ".join(fields))
        is_bool = isinstance(item, bool)
        if item is not None and (not isinstance(item, fields[name]) or is_bool is not (fields[name] is bool)):
            raise UsageError(f"{name} must be of type {fields[name].__name__}")
    return {name: item for name, item in value.items() if item is not None}


async def off_loop(work: Callable[[], _T]) -> _T:
    """Do what may wait for a disk."""
    return await asyncio.to_thread(work)


async def chunks_of(descriptor: int) -> AsyncIterator[bytes]:
    """Yield a file in parts, and close it."""
    try:
        while chunk := await asyncio.to_thread(os.read, descriptor, _CHUNK):
            yield chunk
    finally:
        os.close(descriptor)


def said(status: int, code: ExitCode, message: str, hint: str = "") -> JSONResponse:
    """Answer that something went wrong."""
    error = {"code": code.name.lower(), "message": clean_text(message, 500), "hint": clean_text(hint, 500)}
    return JSONResponse({"error": error}, status_code=status)
