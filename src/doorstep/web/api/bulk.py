"""POST /v1/orders:batch: orders as NDJSON, a result a line, answered while the body still comes, in flat memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar import Response, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.response.base import ASGIResponse

from doorstep.kit.errors import Problem, Unavailable
from doorstep.kit.limits import BODY_IDLE_S, BULK_TOGETHER
from doorstep.orders import Intake, OrderPage, Outcome, PlacedOrder, PlaceOrder, Placing
from doorstep.web.api import context
from doorstep.web.api.answers import Reply
from doorstep.web.api.body import decode
from doorstep.web.api.ndjson import NDJSON, Line, Lines, check_media
from doorstep.web.api.problems import members

_DECODER = msgspec.json.Decoder(PlaceOrder)
_AT_ONCE = 2  # parts of a body in the intake: one is read and answered while the other is written
_PATIENCE = 20  # times a part asks an intake that is full, and waits as long as it is told


class BatchResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a line, counted from 1: `order` (status 201, or 200 when it was there), or `problem`, the problem
    details with its status.
    """

    line: int
    status: int
    order: PlacedOrder | None = None
    problem: Mapping[str, Any] | None = None


@post(
    "/v1/orders:batch",
    status_code=200,
    tags=["orders"],
    media_type=NDJSON,
    responses={200: ResponseSpec(BatchResult, description="A result a line.", media_type=NDJSON)},
    opt={"ndjson": PlaceOrder},
)
async def place_orders(actor: str, intake: Intake, order_page: OrderPage) -> Response[Any]:
    """Place orders, one a line as `POST /v1/orders` takes it; the answer has a result a line, in the same order.

    A line that is wrong is that line's result and stops nothing. Empty lines are passed over. Each order is placed
    once: the same body again is answered alike, with 200 for 201. Answers come while the body is still sent: read them,
    or the sending stops. 503, and nothing placed, when too many orders wait at the start; later the sender waits.
    """
    check_media(context.scope.get()["headers"])
    return Reply(_Answers(actor, intake, order_page))


class _Answers(ASGIResponse):
    """Reads, places and answers, each part as soon as it can."""

    _should_set_content_length = False

    def __init__(self, actor: str, intake: Intake, order_page: OrderPage) -> None:
        super().__init__(media_type=NDJSON)
        self._actor, self._intake, self._order_page = actor, intake, order_page
        self._started = False
        self._last: asyncio.Task[list[BatchResult]] | None = None  # the part before, and the numbers in it
        self._last_keys: set[tuple[str, str]] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The response. Raises Unavailable before its start; who reads no answers for long is left alone."""
        lines = Lines(receive)
        reading = asyncio.create_task(lines.run())
        parts: deque[asyncio.Task[list[BatchResult]]] = deque()
        taking: asyncio.Task[list[Line]] | None = None
        try:
            more = first = True
            while more or parts:
                # Until the first part is answered there is no second: a request that is refused has placed nothing.
                if more and taking is None and len(parts) < (_AT_ONCE if self._started else 1):
                    taking = asyncio.create_task(lines.take(BULK_TOGETHER))
                waiting = [task for task in (taking, *list(parts)[:1]) if task]
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if taking and taking.done():
                    part, taking = taking.result(), None
                    more = bool(part)
                    if part:
                        parts.append(asyncio.create_task(self._place(part, scope, first=first)))
                        first = False
                if parts and parts[0].done():
                    await self._send(parts.popleft().result(), send)
            await self._send([], send, last=True)
        except TimeoutError:
            return
        finally:
            for task in (reading, taking, *parts):
                if task:
                    task.cancel()

    async def _place(self, part: Sequence[Line], scope: Any, *, first: bool) -> list[BatchResult]:
        """The results of some lines. Raises Unavailable when they are the first."""
        read = [self._read(line) for _, line in part]
        placings = [one for one in read if isinstance(one, Placing)]
        outcomes = iter(await self._in_turn(placings, first=first))
        return [
            self._result(number, next(outcomes) if isinstance(one, Placing) else Outcome(problem=one), scope)
            for (number, _), one in zip(part, read, strict=True)
        ]

    def _read(self, line: bytes | Problem) -> Placing | Problem:
        if isinstance(line, Problem):
            return line
        try:
            return Placing.of(decode(line, _DECODER), self._actor)
        except Problem as problem:
            return problem

    async def _in_turn(self, placings: Sequence[Placing], *, first: bool) -> list[Outcome]:
        """What became of them. Of lines with one number the first decides: the intake, which takes express orders
        first and writes several batches at once, is never asked for two of them at a time.
        """
        before, keys_before = self._last, self._last_keys
        self._last, self._last_keys = asyncio.current_task(), {placing.key for placing in placings}
        if before and not before.done() and not self._last_keys.isdisjoint(keys_before):
            await asyncio.wait([before])
        outcomes: dict[int, Outcome] = {}
        while len(outcomes) < len(placings):
            now: dict[tuple[str, str], int] = {}
            for place, placing in enumerate(placings):
                if place not in outcomes:
                    now.setdefault(placing.key, place)
            places = list(now.values())
            found = await self._outcomes([placings[place] for place in places], first=first and not outcomes)
            outcomes |= dict(zip(places, found, strict=True))
        return [outcomes[place] for place in range(len(placings))]

    async def _outcomes(self, placings: Sequence[Placing], *, first: bool) -> list[Outcome]:
        """What became of them. While the intake is full it waits, but with the first: then nothing is placed yet, and
        the request can be refused as a whole.
        """
        tries = 0
        while True:
            try:
                return await self._intake.submit_all(placings)
            except Unavailable as error:
                if first:
                    raise
                tries += 1
                if tries == _PATIENCE:
                    return [Outcome(problem=error)] * len(placings)
                await asyncio.sleep(error.retry_after_s)

    def _result(self, number: int, outcome: Outcome, scope: Any) -> BatchResult:
        if outcome.answer is not None:
            order = msgspec.structs.replace(outcome.answer, order_page=self._order_page(outcome.answer.order_id))
            return BatchResult(line=number, status=201 if outcome.new else 200, order=order)
        assert outcome.problem is not None
        problem = members(outcome.problem, scope)
        return BatchResult(line=number, status=outcome.problem.status, problem=problem)

    async def _send(self, results: Sequence[BatchResult], send: Any, *, last: bool = False) -> None:
        async with asyncio.timeout(BODY_IDLE_S):
            if not self._started:
                await self.start_response(send)
                self._started = True
            body = b"".join(msgspec.json.encode(result, enc_hook=str) + b"\n" for result in results)
            await send({"type": "http.response.body", "body": body, "more_body": not last})


HANDLERS = (place_orders,)
