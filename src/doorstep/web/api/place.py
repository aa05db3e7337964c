"""POST /v1/orders, the one hot route, taken before the framework sees it, which would cost more than placing does.

What it answers is what the route of `orders.api` answers, byte for byte, but for what only this one can: it refuses
before it reads a body that there is no room for, and leaves out who has hung up. A test asks both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import msgspec

from doorstep.db import Brand
from doorstep.kit.errors import Forbidden, Problem
from doorstep.orders import Intake, Outcome, PlaceOrder, Placing
from doorstep.web.api import context
from doorstep.web.api.body import decode
from doorstep.web.api.keys import Keys
from doorstep.web.api.problems import noted, render
from doorstep.web.api.reading import HungUp, length_of, read_body

PATH: Final = "/v1/orders"
_decoder = msgspec.json.Decoder(PlaceOrder)
_encode = msgspec.json.Encoder().encode
_JSON = (b"content-type", b"application/json")
_REPLAY = (b"idempotent-replay", b"true")


class PlaceRoute:
    """The route as an ASGI application. `page_of` makes the link to an order's page, for a brand."""

    def __init__(self, keys: Keys, intakes: Any, page_of: Callable[[str], Callable[[str], str]]) -> None:
        self._keys, self._intakes, self._page_of = keys, intakes, page_of

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Take one request."""
        scope["path_template"] = PATH
        try:
            status, headers, body = await self._answer(scope, receive)
        except HungUp:
            return
        except Exception as error:  # noqa: BLE001  # every error has its answer, as in the framework's own handler
            await render(noted(scope, error), scope)(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _answer(self, scope: Any, receive: Any) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        found = await self._keys.principal(scope["headers"])
        if not found.writes:
            raise Forbidden("This key may only read.")
        context.principal.set(found)
        intake = await self._intake(found.brand)
        with intake.held(length_of(scope["headers"])) as held:
            order = decode(await read_body(receive, held), _decoder)
            outcome = await _placed(intake, Placing.of(order, found.actor), receive)
            if outcome.answer is None:
                raise outcome.problem or Problem("The order could not be placed.")
            page = self._page_of(found.brand.name)(outcome.answer.order_id)
            body = _encode(msgspec.structs.replace(outcome.answer, order_page=page))
        headers = [_JSON, (b"content-length", b"%d" % len(body))]
        return (201, headers, body) if outcome.new else (200, [*headers, _REPLAY], body)

    async def _intake(self, brand: Brand) -> Intake:
        found: Intake = await self._intakes(brand)
        return found


async def _placed(intake: Intake, placing: Placing, receive: Any) -> Outcome:
    """The outcome. While much waits, the sender is watched: who hangs up loses their place. Raises HungUp."""
    if not intake.behind:
        return await intake.submit(placing)
    waiting = asyncio.ensure_future(intake.submit(placing))
    gone = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((waiting, gone), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise HungUp
        return waiting.result()
    finally:
        for task in (waiting, gone):
            if not task.done():
                task.cancel()
        with suppress(asyncio.CancelledError):
            await gone


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
