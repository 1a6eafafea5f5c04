"""An open loop of HTTP requests in a process of its own: a slow answer does not delay the next question.

    python load.py PORT REQUESTS_PER_SECOND    asks until stdin is closed, at most LIMIT_S; then prints [[due, waited], ...]

``due`` is when the request should have been sent (time.monotonic_ns), ``waited`` is from then to the whole answer, -1 if it failed.
Asks addresses of the loopback interface only.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

LIMIT_S = 1800
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
TIMEOUT_S = 60


async def ask(port: int, due: int, samples: list[list[int]]) -> None:
    """Ask once over a new connection and note how long that took."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST)
            answer = await reader.read()
            while more := await reader.read():
                answer += more
            writer.close()
        good = answer.startswith(b"HTTP/1.1 200 ")
    except (OSError, TimeoutError):
        good = False
    samples.append([due, time.monotonic_ns() - due if good else -1])


async def keep_asking(port: int, per_second: float) -> list[list[int]]:
    """Ask on schedule until stdin is closed."""
    samples: list[list[int]] = []
    closed = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    started = time.monotonic_ns()
    async with asyncio.TaskGroup() as group:
        number = 0
        while not closed.done() and number < LIMIT_S * per_second:
            due = started + int(number / per_second * 1e9)
            await asyncio.sleep(max(0.0, (due - time.monotonic_ns()) / 1e9))
            group.create_task(ask(port, due, samples))
            number += 1
    return samples


if __name__ == "__main__":
    print(json.dumps(asyncio.run(keep_asking(int(sys.argv[1]), float(sys.argv[2])))))
