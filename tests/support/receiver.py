"""A receiver of webhooks inside the test's own event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from doorstep.adapters.twin.server import Answer, HttpServer, Request

Verdict = Callable[[Request], int]
Forward = Callable[[Request], Awaitable[int]]


class Receiver:
    """Keeps every request it gets; answers the status that `forward`, if set, or `verdict` says."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.verdict: Verdict = lambda request: 204
        self.forward: Forward | None = None
        self.url = ""

    async def _take(self, request: Request) -> Answer:
        self.requests.append(request)
        return Answer(status=await self.forward(request) if self.forward else self.verdict(request))


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()
    server = await HttpServer([("POST", "/hook", receiver._take)]).start("127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()
