"""HTTP/1.1 over a real socket, step by step: for tests that stop in the middle of a request, or keep many connections busy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

END_OF_HEADERS = b"\r\n\r\n"


@dataclass(frozen=True)
class Response:
    """A response as it came; `body` without its framing."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


class Connection:
    """One connection. What the server does to it raises OSError or EOFError."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def get(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Response:
        """Send a request without a body, and read the whole response."""
        await self.send_head(method, path, headers)
        return await self.response()

    async def send_head(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> None:
        """Send the request line and the headers."""
        lines = [f"{method} {path} HTTP/1.1", "host: localhost", *(f"{name}: {value}" for name, value in (headers or {}).items())]
        await self.send("\r\n".join(lines).encode() + END_OF_HEADERS)

    async def send(self, data: bytes) -> None:
        """Send bytes of a request."""
        self._writer.write(data)
        await self._writer.drain()

    async def head(self) -> Response:
        """Read the status line and the headers: of the response, or of one like 100 that comes before it."""
        status_line, *lines = (await self._reader.readuntil(END_OF_HEADERS)).decode("latin-1").split("\r\n")[:-2]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return Response(int(status_line.split()[1]), headers)

    async def response(self) -> Response:
        """Read a response with a content-length."""
        head = await self.head()
        body = await self._reader.readexactly(int(head.headers["content-length"]))
        return Response(head.status, head.headers, body)

    async def some(self) -> bytes:
        """Read what there is of a body, a byte at least."""
        return await self._reader.readexactly(1)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    """A connection to a server on this machine, closed at the end, in the middle of a request or not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
