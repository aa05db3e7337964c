"""The page of an order, the words of its messages, and the labels of its returns."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, get
from litestar.params import Parameter

from doorstep import updates
from doorstep.web.api.context import app_state
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import show
from doorstep.web.console.orders import reading, telling
from doorstep.web.console.orders.reading import Known
from doorstep.web.console.staff import Staff

Key = Annotated[str, Parameter(max_length=100)]


@get("/console/orders/{order_id:str}", **needs("orders.read"))
async def show_order(request: Asked, staff: Staff, order_id: Key) -> Response[bytes]:
    """One order with everything that belongs to it."""
    async with staff.brand.snapshot() as tx:
        known = await reading.read(tx, staff, order_id)
    return await show(
        staff,
        "console/orders/order.html",
        at="orders",
        said=request.query_params.get("said", ""),
        undo=request.query_params.get("undo", ""),
        whole="all" in request.query_params,
        link=customers_link(staff, known),
        **facts(known, staff),
    )


def facts(known: Known, staff: Staff) -> dict[str, Any]:
    """What the templates of an order show, with what may be done."""
    return {**telling.describe(known), "not_now": telling.not_now(known, staff)}


def customers_link(staff: Staff, known: Known) -> str:
    """The order's page for its customer, which opens it to whoever has the link."""
    settings = app_state().settings
    return f"{settings.url}/o/{updates.token(settings.secret, staff.brand.name, known.order_id)}"


HANDLERS = (show_order,)
