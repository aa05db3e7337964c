"""The carrier's parcels as a page for people, with buttons that make one late, lost or delivered. It has no script.

Looking changes nothing. A button tells the shop at once, on the clock the carrier was told last, which is the brand's.
"""

from __future__ import annotations

import asyncio
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from doorstep.adapters.carriers.sandbox import pressing
from doorstep.adapters.carriers.sandbox.wire import PRODUCTS
from doorstep.adapters.twin.server import Answer, Handler, Problem, Request
from doorstep.adapters.twin.store import Store

CONTENT_TYPE = "text/html; charset=utf-8"
SEARCH_MOST = 100
_ALWAYS = {"referrer-policy": "no-referrer", "x-content-type-options": "nosniff", "cache-control": "no-store"}
_OF_PAGES = _ALWAYS | {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
}
_OF_FILES = _ALWAYS | {"cache-control": "max-age=3600"}
_WORDS = {
    "": "Label bought",
    "PRE_ADVISED": "Collected",
    "COLLECTED": "Collected",
    "AT_HUB": "At the hub",
    "AT_DEPOT": "At the depot",
    "OUT_FOR_DELIVERY": "With the driver",
    "READY_FOR_PICKUP": "Waits to be picked up",
    "NOT_DELIVERED": "Nobody at home",
    "DELIVERED": "Delivered",
    "DELAYED": "Delayed",
    "LOST": "Lost",
}
_BUTTONS = {
    "collect": "Collect",
    "delay": "Delay by a day",
    "miss": "Attempt failed",
    "deliver": "Deliver now",
    "lose": "Lose it",
}


class Pages:
    """The handlers. `pressed` does what a button says and tells it; it raises Problem."""

    def __init__(self, store: Store, pressed: Any) -> None:
        self._store = store
        self._pressed = pressed

    def routes(self) -> list[tuple[str, str, Handler]]:
        """What a browser asks for."""
        return [
            ("GET", "/", self._list),
            ("POST", "/parcels/{tracking}/{press}", self._press),
            ("GET", "/carrier.css", self._style),
            ("GET", "/carrier.svg", self._icon),
        ]

    async def _list(self, request: Request) -> Answer:
        sought = request.query.get("q", "").strip()[:SEARCH_MOST]
        before = request.query.get("before", "")
        number = int(before) if before.isascii() and before.isdigit() and len(before) < 18 else 0
        found = await asyncio.to_thread(pressing.parcels, self._store, sought=sought, before=number)
        shown, more = found[: pressing.PARCELS_PER_PAGE], len(found) > pressing.PARCELS_PER_PAGE
        older = urlencode({"q": sought, "before": shown[-1].number}) if more else ""
        return _page("parcels.html", parcels=shown, sought=sought, older=older, later=number > 0)

    async def _press(self, request: Request) -> Answer:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Problem(403, "foreign", "this was sent by another site")
        tracking = request.names["tracking"]
        try:
            await self._pressed(tracking, request.names["press"])
        except Problem as problem:
            return _page("refused.html", status=problem.status, reason=str(problem))
        here = urlencode({"q": tracking})
        return Answer(status=303, headers={**_ALWAYS, "location": f"/?{here}"})

    async def _style(self, request: Request) -> Answer:
        return Answer(body=_file("carrier.css"), content_type="text/css; charset=utf-8", headers=_OF_FILES)

    async def _icon(self, request: Request) -> Answer:
        return Answer(body=_file("carrier.svg"), content_type="image/svg+xml", headers=_OF_FILES)


def _page(template: str, *, status: int = 200, **facts: Any) -> Answer:
    body = _environment().get_template(template).render(facts)
    return Answer(status=status, body=body.encode(), content_type=CONTENT_TYPE, headers=_OF_PAGES)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("doorstep.adapters.carriers.sandbox", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    version = blake2b(_file("carrier.css"), digest_size=6).hexdigest()
    made.globals.update(style_version=version, words=_WORDS, buttons=_BUTTONS, products=PRODUCTS)
    return made


@cache
def _file(name: str) -> bytes:
    return files(__package__).joinpath("templates", name).read_bytes()
