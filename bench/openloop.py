"""An open loop: orders are sent at times drawn beforehand, and their latency counts from those times.

A closed loop (wrk) sends when it was answered: a server that stalls is asked less in the meantime, and the stall is
seen once instead of by everybody who would have come ("coordinated omission"). Here customers come by chance
(exponential gaps, seeded), each over a connection that is free at that time; when none is, one more is opened, and
beyond `LINKS` the request waits in a queue, and that counts. What a stall or this process itself delays is part of the
latency, and the worst of our own delay is told.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import resource
import sys
from collections import deque
from typing import cast

import msgspec
import uvloop

LINKS = 512
PATIENCE_S = 10.0
_ORDER = (
    '{"channel":"web","number":"%s","currency":"GBP","customer":{"name":"Ada Byron","email":"ada@example.test",'
    '"phone":"+447700900123"},"ship_to":{"name":"Ada Byron","street":"1 High Street","city":"London",'
    '"postcode":"N1 1AA","country":"GB"},"service":"standard","lines":'
    '[{"sku":"%s","quantity":1,"unit_price_minor":995},{"sku":"%s","quantity":1,"unit_price_minor":1995}],"shipping_minor":395,"total_minor":3385,'
    '"payment":{"authorization_reference":"auth-%s"}}'
)


class Link(asyncio.Protocol):
    """A connection; one request at a time."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.due = 0.0
        self.buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to send."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own, with the same methods
        self.loop.open.add(self.transport)
        self.loop.free.append(self)
        self.loop.flush()

    def ask(self, due: float, request: bytes) -> None:
        """Send."""
        assert self.transport is not None
        self.due = due
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Look whether the answer is whole."""
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            good, self.buffer = self.buffer[9:10] == b"2", b""
            self.loop.answered(self.due, good)
            self.due = 0.0
            self.loop.free.append(self)
            self.loop.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """What was asked is lost, what waits gets another connection."""
        self.loop.links -= 1
        if self.transport:
            self.loop.open.discard(self.transport)
        if self in self.loop.free:
            self.loop.free.remove(self)
        if self.due:
            self.loop.answered(self.due, good=False)


class Loop:
    """Sends what is due, keeps what was measured."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.clock = asyncio.get_running_loop()
        self.chance = random.Random(options.seed)
        self.free: list[Link] = []
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.links = 0
        self.open: set[asyncio.Transport] = set()
        self.latencies: list[float] = []
        self.lost = self.sent = 0
        self.behind = 0.0
        self._came = asyncio.Event()
        self._opening: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Send for so long, then wait for the answers that are outstanding."""
        start = self.clock.time() + 0.1
        due = start
        while due < start + self.options.seconds:
            now = self.clock.time()
            if due > now:
                await asyncio.sleep(due - now)
            self.behind = max(self.behind, self.clock.time() - due)
            self.waiting.append((due, self._request()))
            self.sent += 1
            self.flush()
            due += self.chance.expovariate(self.options.rate)
        until = self.clock.time() + PATIENCE_S
        while (left := until - self.clock.time()) > 0 and len(self.latencies) + self.lost < self.sent:
            self._came.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), left)
        for transport in list(self.open):
            transport.close()

    def flush(self) -> None:
        """Give what waits to connections that are free, the one used last first; open one when there is none."""
        while self.waiting and self.free:
            self.free.pop().ask(*self.waiting.popleft())
        if len(self.waiting) > len(self._opening) and self.links < LINKS:
            self.links += 1
            task = asyncio.create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        try:
            await self.clock.create_connection(lambda: Link(self), "127.0.0.1", self.options.port)
        except OSError:
            self.links -= 1  # what waits is given to another, or is lost at the end

    def answered(self, due: float, good: bool) -> None:
        """An answer is whole."""
        self._came.set()
        if good:
            self.latencies.append(self.clock.time() - due)
        else:
            self.lost += 1

    def _request(self) -> bytes:
        number = f"{self.options.prefix}-{self.sent}"
        half = self.options.skus // 2
        first = "HOT" if self.options.kind == "hot" else f"S{self.chance.randint(1, half):06d}"
        second = f"S{self.chance.randint(half + 1, self.options.skus):06d}"
        body = (_ORDER % (number, first, second, number)).encode()
        return (
            b"POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %b\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (self.options.key, len(body), body)
        )

    def report(self) -> dict[str, float]:
        """As `bench.load.Opened`."""
        lost = self.sent - len(self.latencies)
        times = sorted(self.latencies) + [PATIENCE_S] * lost

        def percentile(part: float) -> float:
            return 1000 * times[min(len(times) - 1, int(part * len(times)))] if times else 0.0

        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "rate": self.options.rate, "sent": self.sent, "lost": lost, "p50_ms": percentile(0.5),
            "p90_ms": percentile(0.9), "p99_ms": percentile(0.99), "p999_ms": percentile(0.999),
            "max_ms": percentile(1.0), "behind_ms": 1000 * self.behind, "cpu_s": used.ru_utime + used.ru_stime,
        }  # fmt: skip


async def _main(options: argparse.Namespace) -> None:
    loop = Loop(options)
    await loop.run()
    sys.stdout.write(msgspec.json.encode(loop.report()).decode() + "\n")


def main() -> None:
    """The command; the API key comes in the environment, as BENCH_KEY."""
    parser = argparse.ArgumentParser(prog="python -m bench.openloop", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--skus", type=int, required=True)
    parser.add_argument("--kind", choices=["uniform", "hot"], default="uniform")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.key = os.environ["BENCH_KEY"].encode()
    uvloop.run(_main(options))


if __name__ == "__main__":
    main()
