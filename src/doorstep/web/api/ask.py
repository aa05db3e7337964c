"""POST /v1/availability, asked for every page of a shop: taken before the framework, which would cost as much again as
the answer.

What it answers is what the route of `routing.availability_api` answers, byte for byte. A test asks both.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from doorstep.routing.availability_api import AskAvailability, answered
from doorstep.web.api import context
from doorstep.web.api.body import decode
from doorstep.web.api.keys import Keys
from doorstep.web.api.problems import noted, render
from doorstep.web.api.reading import HungUp, length_of, read_body

PATH: Final = "/v1/availability"
_decoder = msgspec.json.Decoder(AskAvailability)
_JSON = (b"content-type", b"application/json")


class AskRoute:
    """The route as an ASGI application. It only reads, so any key may ask."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Take one request."""
        scope["path_template"] = PATH
        try:
            body = await self._answer(scope, receive)
        except HungUp:
            return
        except Exception as error:  # noqa: BLE001  # every error has its answer, as in the framework's own handler
            await render(noted(scope, error), scope)(scope, receive, send)
            return
        headers = [_JSON, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _answer(self, scope: Any, receive: Any) -> bytes:
        found = await self._keys.principal(scope["headers"])
        context.principal.set(found)
        length_of(scope["headers"])
        return await answered(found.brand, decode(await read_body(receive), _decoder))
