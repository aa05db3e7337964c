"""The API as an ASGI application: routes, guard, problem details, request ids; opened and closed with the process."""

from __future__ import annotations

import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from litestar import Litestar
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning

from doorstep.db import Brand, Database
from doorstep.journal import Reaction
from doorstep.kit.errors import Malformed
from doorstep.kit.limits import BODY_BYTES
from doorstep.orders.intake import Intake, Standing
from doorstep.settings import Settings
from doorstep.web.api import ask, context, inject, openapi, place
from doorstep.web.api.answers import Reply
from doorstep.web.api.body import StrictBody
from doorstep.web.api.keys import Keys
from doorstep.web.api.metrics import Metrics
from doorstep.web.api.place import PlaceRoute
from doorstep.web.api.problems import render, respond

log = structlog.get_logger()

_SLOW_S = 1.0  # a request slower than this is worth a line in the log


class Api(Litestar):
    """The application with its outermost layer: the request's id, a path that PostgreSQL can keep, one line of log."""

    short: Mapping[str, Any] = {}  # what is taken before the framework, by path

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Take one ASGI connection."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        identity = context.begin(scope["headers"]).encode("latin-1")
        started, status = time.monotonic(), 0
        head = scope["method"] == "HEAD"
        if head:  # what GET answers, without the content (RFC 9110, section 9.3.2): a look-ahead of mail scanners
            scope = {**scope, "method": "GET"}

        async def sending(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", identity)]
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        if _unkeepable(scope):
            await render(Malformed("The path or the query holds a character that cannot be kept."), scope)(
                scope, receive, sending
            )
            return
        try:
            short = self.short.get(scope["path"]) if scope["method"] == "POST" else None
            if short:
                await short(scope, receive, sending)
            else:
                await super().__call__(scope, receive, sending)
        finally:
            seconds = time.monotonic() - started
            if seconds > _SLOW_S or self.state.settings.log_level == "debug":
                _tell(scope, status, seconds)


def create_app(
    settings: Settings,
    *,
    database: Database | None = None,
    handlers: Sequence[Any] | None = None,
    routes: Api | None = None,
    ports: Mapping[str, object] | None = None,
    reactions: Sequence[Reaction] = (),
    make_intake: Callable[[Brand], Any] | None = None,
    closing: Sequence[Callable[[], Awaitable[None]]] = (),
) -> Litestar:
    """Build the application.

    A `database` given is the caller's to close. `ports` are the adapters by the names `jobs.Work` uses; `reactions` are
    the journey's, for the backlog and for retries; `make_intake(brand)` makes what gathers a brand's orders
    (anything with `async close()`), injected as `intake`. `closing` is called at the end, after the intakes.
    `handlers` replaces the nouns' own, and `routes` is an application to furnish anew instead of making one, in tests.
    """
    own = database or Database(
        settings.database_url, pool_size=settings.pool_size, statement_cache_size=settings.statement_cache
    )
    intakes, keys = Intakes(make_intake), Keys(own)
    app = routes or make_routes(handlers)
    short: dict[str, Any] = {ask.PATH: ask.AskRoute(keys)} if handlers is None else {}
    if make_intake:
        short[place.PATH] = PlaceRoute(keys, intakes, lambda brand: inject.pages_of(settings, brand))
    app.short = short
    app.state.update(
        settings=settings,
        database=own,
        api_keys=keys,
        metrics=Metrics(own, intakes.standing),
        ports=dict(ports or {}),
        reactions=tuple(reactions),
        intakes=intakes,
        ends=[intakes.close, *closing, *([] if database else [own.close])],
    )
    return app


def make_routes(handlers: Sequence[Any] | None = None) -> Api:
    """The application with every route, and nothing behind them yet."""
    from doorstep.web.api.handlers import gather  # they import from this package what every handler needs

    mounted = tuple(gather() if handlers is None else handlers)
    with warnings.catch_warnings():
        # Version 3 wants every injected name marked with the framework's own type; we stay below 3, the nouns plain.
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = Api(
            route_handlers=list(mounted),
            guards=[inject.guard],
            dependencies=inject.dependencies(),
            dto=StrictBody,
            response_class=Reply,
            exception_handlers={Exception: respond},
            request_max_body_size=BODY_BYTES,
            openapi_config=None,  # ours is at /openapi.json
            lifespan=[_lifespan],
            logging_config=None,
            debug=False,
        )
    app.state.document = openapi.Document(mounted)
    return app


class Intakes:
    """One intake a brand, made when first asked for, closed with the process."""

    def __init__(self, make: Callable[[Brand], Any] | None) -> None:
        self._make = make
        self._open: dict[str, Any] = {}

    async def __call__(self, brand: Brand) -> Any:
        """The brand's intake."""
        if brand.name not in self._open:
            if self._make is None:
                raise LookupError("this application was made without an intake")
            self._open[brand.name] = self._make(brand)
        return self._open[brand.name]

    def standing(self) -> Mapping[str, Standing]:
        """How each brand's intake stands in this process, where it has one."""
        return {name: one.standing for name, one in self._open.items() if isinstance(one, Intake)}

    async def close(self) -> None:
        """Let every intake finish what it holds."""
        for one in self._open.values():
            await one.close()
        self._open.clear()


@asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncIterator[None]:
    """Nothing to open: what is needed opens itself when first used. At the end, close one after the other."""
    async with AsyncExitStack() as stack:
        for end in reversed(app.state.ends):
            stack.push_async_callback(end)
        yield


def _unkeepable(scope: Any) -> bool:
    """PostgreSQL keeps no NUL and no half of a surrogate pair; neither has business in an address."""
    path: str = scope["path"]
    if path.isascii():
        return "\0" in path or b"%00" in scope["query_string"]
    return "\0" in path or b"%00" in scope["query_string"] or any("\ud800" <= c <= "\udfff" for c in path)


def _tell(scope: Any, status: int, seconds: float) -> None:
    known = context.principal.get(None)
    facts = {
        "method": scope["method"],
        "route": scope.get("path_template", ""),
        "status": status,
        "ms": round(seconds * 1000, 1),
        "actor": known.actor if known else "",
        "brand": known.brand.name if known else "",
    }
    if seconds > _SLOW_S:
        log.warning("slow_request", **facts)
    else:
        log.debug("request", **facts)
