"""The storefront as an ASGI application."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import structlog
from litestar import Litestar, Response, get
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning

from doorstep.web import pages
from doorstep.web.shop import buying, checkout, looking
from doorstep.web.shop.cart import Carts
from doorstep.web.shop.doorstep import Doorstep, Refusal, Unreachable
from doorstep.web.shop.settings import Settings
from doorstep.web.shop.shelf import Shelf
from doorstep.web.shop.stocking import stock_up
from doorstep.web.shop.visiting import Shop, sorry

log = structlog.get_logger()
_BODY_BYTES = 200_000
_STOCK_WITHIN_S, _AGAIN_AFTER_S = 15.0, 3.0


@get("/healthz")
async def healthz() -> Response[bytes]:
    """The process answers. Whether Doorstep does is Doorstep's to tell."""
    return Response(b"ok", media_type="text/plain")


async def _stock(doorstep: Doorstep, settings: Settings) -> None:
    """Bring the goods in, however long Doorstep does not answer; what it refuses is for somebody to read."""
    while True:
        try:
            return await stock_up(doorstep, title=settings.name)
        except Refusal as refused:
            log.error("nothing_to_sell", error=str(refused)[:500])
            return None
        except Unreachable as error:
            log.warning("stocking_waits", error=str(error)[:200])
        await asyncio.sleep(_AGAIN_AFTER_S)


def create_app(settings: Settings, *, client: httpx2.AsyncClient | None = None) -> Litestar:
    """The storefront; a `client` given is the caller's to close."""
    asking = client or httpx2.AsyncClient(
        base_url=settings.api_url,
        headers={"authorization": f"Bearer {settings.api_key}"},
        timeout=settings.answer_within_s,
        trust_env=False,
    )
    doorstep = Doorstep(asking)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        # The first try before anybody comes; without an answer the shop opens all the same, and tries on.
        stocking = asyncio.create_task(_stock(doorstep, settings)) if settings.stock_up else None
        if stocking:
            await asyncio.wait([stocking], timeout=_STOCK_WITHIN_S)
        yield
        if stocking:
            stocking.cancel()
        if client is None:
            await asking.aclose()

    with warnings.catch_warnings():
        # Version 3 wants parameters of paths marked with its own types; the API stays below 3 for now, and so do we.
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = Litestar(
            route_handlers=[healthz, *pages.HANDLERS, *looking.HANDLERS, *buying.HANDLERS, *checkout.HANDLERS],
            exception_handlers={Exception: sorry},
            request_max_body_size=_BODY_BYTES,
            openapi_config=None,
            logging_config=None,
            lifespan=[lifespan],
            debug=False,
        )
    app.state.shop = Shop(
        name=settings.name,
        doorstep=doorstep,
        shelf=Shelf(doorstep),
        carts=Carts(),
        doorstep_url=settings.doorstep_url,
        secure=settings.secure,
    )
    return app
