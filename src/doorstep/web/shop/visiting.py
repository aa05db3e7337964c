"""A visit: whose cart, which language, and the pages it is answered with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx2
import msgspec
import structlog
from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.exceptions import HTTPException

from doorstep.kit.errors import Malformed, NotFound
from doorstep.kit.templates import language_of
from doorstep.web import pages
from doorstep.web.shop.cart import Cart, Carts
from doorstep.web.shop.doorstep import Doorstep, Unreachable
from doorstep.web.shop.shelf import Shelf
from doorstep.web.shop.wares import WARES
from doorstep.web.shop.words import Words

log = structlog.get_logger()
Asked = Request[Any, Any, Any]

CART, LANGUAGE = "shop_cart", "shop_language"
_A_DAY_S, _A_YEAR_S = 86_400, 31_536_000
_OURS = re.compile(r"/[a-z0-9/_-]{0,80}")


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """What the process keeps. `doorstep_url` is where customers reach Doorstep's pages; `secure`: we are behind TLS."""

    name: str
    doorstep: Doorstep
    shelf: Shelf
    carts: Carts
    doorstep_url: str
    secure: bool = False


class Visit:
    """One request of a visitor."""

    def __init__(self, request: Asked) -> None:
        self.request = request
        self.shop: Shop = request.app.state.shop
        self.language = _language(request)
        self._new = ""
        self._cart: Cart | None = self.shop.carts.get(request.cookies.get(CART, ""))

    @property
    def cart(self) -> Cart:
        """Their cart; an empty one that nobody keeps when they have none."""
        return self._cart if self._cart is not None else Cart()

    def keep(self) -> Cart:
        """Their cart, made when they have none; the answer brings the cookie."""
        if self._cart is None:
            self._new, self._cart = self.shop.carts.new()
        return self._cart

    def page(self, template: str, *, status: int = 200, **facts: Any) -> Response[bytes]:
        """A page of the shop."""
        # A form may lead to the order's page: to Doorstep, and nowhere else.
        policy = pages.HEADERS["content-security-policy"].replace(
            "form-action 'self'", f"form-action 'self' {self.shop.doorstep_url}"
        )
        return pages.page(
            f"shop/{template}",
            language=self.language,
            status=status,
            headers={**pages.HEADERS, "content-security-policy": policy},
            shop=self.shop.name,
            words=Words(self.language),
            wares=WARES,
            units=self.cart.units,
            path=_local(self.request.url.path),
            **facts,
        )

    def see(self, address: str) -> Response[bytes]:
        """Go there; a new cart's cookie goes along."""
        return pages.see(address, cookies=(self._cookie(CART, self._new, _A_DAY_S),) if self._new else ())

    def speak(self, language: str, back: str) -> Response[bytes]:
        """From now on in this language; only ever back to a page of ours."""
        return pages.see(_local(back), cookies=(self._cookie(LANGUAGE, language_of(language), _A_YEAR_S),))

    def _cookie(self, name: str, value: str, seconds: int) -> Cookie:
        return Cookie(
            key=name,
            value=value,
            path="/",
            max_age=seconds,
            httponly=True,
            samesite="lax",  # people come back from the order's page, which is another site
            secure=self.shop.secure,
        )


async def form(request: Asked) -> Mapping[str, str]:
    """The fields of a form of ours. Raises Malformed, also when another site sent it."""
    return await pages.form(request)


def sorry(request: Asked, error: Exception) -> Response[bytes]:
    """What a visitor sees instead of a page."""
    status = 500
    match error:
        case NotFound() | Malformed():
            status = error.status
        case HTTPException(status_code=code) if code < 500:
            status = code
        case Unreachable() | httpx2.HTTPError():
            status = 503
            log.warning("doorstep_unreachable", error=str(error)[:200])
        case _:
            log.error("request_failed", path=request.scope.get("path_template"), exc_info=error)
    return Visit(request).page("sorry.html", status=status, code=status)


def _language(request: Asked) -> str:
    asked = request.headers.get("accept-language", "en")
    return language_of(request.cookies.get(LANGUAGE) or asked)


def _local(path: str) -> str:
    return path if _OURS.fullmatch(path) and not path.startswith("//") else "/"
