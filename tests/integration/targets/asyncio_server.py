"""An asyncio echo server that asks itself once per probe."""

import asyncio
import socket

import probe

PORT = []


async def echo(reader, writer):
    """Send one line back."""
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()


def ask_itself():
    """Do one request over the loopback interface, from the probe's thread."""
    with socket.create_connection(("127.0.0.1", PORT[0]), timeout=30) as connection:
        connection.sendall(b"hello\n")
        return {"echo": connection.makefile().readline()}


async def main():
    """Serve for ever; the first question comes when the loop is running."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    PORT.append(server.sockets[0].getsockname()[1])
    probe.make_markers()
    await asyncio.get_running_loop().run_in_executor(None, probe.start, ask_itself)
    async with server:
        await server.serve_forever()


asyncio.run(main())
