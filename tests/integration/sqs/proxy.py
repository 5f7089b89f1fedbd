"""A TCP proxy in front of an SQS endpoint that counts calls and injects faults, one request per connection."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any

UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    """``fail(None)`` forwards; "refuse", "reset", "503" and "hang" are faults. ``calls`` counts calls by action."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._fault: str | None = None
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.calls: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        self._do(self._listen(listener))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fail(self, fault: str | None) -> None:
        """Start or end a fault. It also affects connections that are already open."""
        self._do(self._change(fault))

    def close(self) -> None:
        self._do(self._change("refuse"))
        self._do(self._drop_everybody())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _listen(self, listener: socket.socket | None = None) -> None:
        if listener is None:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
        self._server = await asyncio.start_server(self._serve, sock=listener)

    async def _change(self, fault: str | None) -> None:
        self._fault = fault
        if fault == "refuse" and self._server:
            self._server.close()
            self._server = None
        elif fault != "refuse" and self._server is None:
            await self._listen()
        if fault in ("refuse", "reset"):
            for writer in list(self._open):
                _reset(writer)

    async def _drop_everybody(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            request, action = await _read_request(reader)
            self.calls.append(action)
            answer = UNAVAILABLE if self._fault == "503" else await self._ask(request)
            if self._fault == "reset":
                _reset(writer)
            elif self._fault == "hang" or answer is None:
                await asyncio.sleep(3600)  # for good: this connection stays dead after the fault has ended
            else:
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _ask(self, request: bytes) -> bytes | None:
        if self._fault:
            return b"" if self._fault == "reset" else None
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        writer.write(request)
        answer = asyncio.ensure_future(reader.read(-1))
        while not answer.done():
            if self._fault == "hang":
                writer.close()  # so that the emulator does not send a message to a closed connection
                return None
            await asyncio.wait([answer], timeout=0.05)
        writer.close()
        return answer.result()


async def _read_request(reader: asyncio.StreamReader) -> tuple[bytes, str]:
    head = await reader.readuntil(b"\r\n\r\n")
    pairs = (line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2] if b": " in line)
    fields = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(fields.get(b"content-length", 0)))
    action = fields.get(b"x-amz-target", b"").decode().rsplit(".", 1)[-1]
    return head + body, action


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
