"""What handlers get by name, and the guard before them: `brand`, `actor`, `command`, `ports`, `intake`,
`order_page`, `claimants`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers.base import BaseRouteHandler

from doorstep.db import Brand
from doorstep.journal import Command
from doorstep.kit.errors import Fault, Forbidden, Invalid, Malformed
from doorstep.kit.ids import parse
from doorstep.orders import Claimants, OrderPage
from doorstep.settings import Settings
from doorstep.updates import token
from doorstep.web.api import context
from doorstep.web.api.keys import Keys, Principal

# They change nothing, they only have a body: a read key may call them.
READING_POSTS = frozenset({"/v1/availability", "/v1/delivery-options", "/v1/returns/eligibility"})
_WEBHOOKS = "/v1/webhooks/"
_KEY_MAX = 200


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Who asks, and may they? Raises Unauthorized or Forbidden. Webhooks prove themselves by signature instead."""
    scope: Any = connection.scope
    context.scope.set(scope)
    state = connection.app.state
    if handler.opt.get("public") or scope["path_template"].startswith(_WEBHOOKS):
        await _name_brand(scope, state)
        return
    keys: Keys = state.api_keys
    found = await keys.principal(scope["headers"])
    if not found.writes and scope["method"] not in ("GET", "HEAD") and scope["path"] not in READING_POSTS:
        raise Forbidden("This key may only read.")
    context.principal.set(found)


async def _name_brand(scope: Any, state: Any) -> None:
    """A public route names its brand in the path. Raises NotFound for one there is not."""
    name = scope["path_params"].get("brand_name") or scope["path_params"].get("brand_code")
    if name is not None:
        brand = await state.database.brand(name)
        context.principal.set(Principal(brand=brand, actor="webhook", writes=True))


async def brand() -> Brand:
    """The brand of the caller's key."""
    return context.principal.get().brand


# Those below ask for one another, though they need not: the framework resolves in turn what depends on each other, and
# opens a task group for what does not, which costs more than everything else in a request (85 of 150 µs).
async def actor(brand: Brand) -> str:
    """Who asks, as the journal names them: `key:<name of the key>`."""
    return context.principal.get().actor


async def command(actor: str) -> Command:
    """The request as a command, by its Idempotency-Key. Raises Malformed when it is missing, Invalid when unfit."""
    scope, asking = context.scope.get(), context.principal.get()
    values = [value for name, value in scope["headers"] if name == b"idempotency-key"]
    if len(values) != 1:
        raise Malformed("This request needs one header Idempotency-Key: any text of your own, the same for each retry.")
    key = values[0].decode("latin-1")
    if not 1 <= len(key) <= _KEY_MAX or not key.isascii() or not key.isprintable():
        raise Invalid([Fault("Idempotency-Key", f"An Idempotency-Key is 1 to {_KEY_MAX} printable ASCII characters.")])
    return Command(brand=asking.brand, key=key, route=f"{scope['method']} {scope['path']}", actor=actor)


async def ports() -> Mapping[str, object]:
    """The adapters by port, as `jobs.Work` names them."""
    found: Mapping[str, object] = context.app_state().ports
    return found


async def order_page(actor: str) -> OrderPage:
    """Where an order's page is, by the order's id: the link in every message to its customer. A key that may only read
    gets none: with the link one acts as the customer.
    """
    settings, name = context.app_state().settings, context.principal.get().brand.name
    if not context.principal.get().writes:
        return OrderPage(address=lambda _: "")
    return OrderPage(address=pages_of(settings, name))


def pages_of(settings: Settings, brand: str) -> Callable[[str], str]:
    """Makes the link to the page of an order of this brand, by the order's id."""
    return lambda order: f"{settings.url}/o/{token(settings.secret, brand, parse('ord', order))}"


async def intake(order_page: Any) -> Any:
    """Where orders are gathered into one transaction; the brand's, kept as long as the process."""
    return await context.app_state().intakes(context.principal.get().brand)


async def claimants() -> Claimants:
    """The orders, for a change of stock that may be in their way."""
    return Claimants()


def dependencies() -> dict[str, Provide]:
    """What may be asked for by name."""
    return {
        "brand": Provide(brand),
        "actor": Provide(actor),
        "command": Provide(command),
        "ports": Provide(ports),
        "order_page": Provide(order_page),
        "intake": Provide(intake),
        "claimants": Provide(claimants),
    }
