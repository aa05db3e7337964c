"""The packing slip: what is in the box, for the customer; and the card of a gift, to be printed as it was written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from babel.numbers import format_currency
from litestar import Response, get

from doorstep import orders
from doorstep.kit.ids import parse
from doorstep.kit.money import digits
from doorstep.kit.templates import language_of, locale_of
from doorstep.orders import LineRow
from doorstep.web.console.door import needs
from doorstep.web.console.floor import reads
from doorstep.web.console.staff import Staff
from doorstep.web.pages import page


@get("/console/floor/{work_id:str}/slip", **needs("floor.read"))
async def show_slip(staff: Staff, work_id: str) -> Response[bytes]:
    """The slip in the customer's language. Without prices when the buyer hides them; a vendor never sees them."""
    async with staff.brand.reading() as tx:
        job = await reads.job(tx, staff, parse("ful", work_id))
        order_id = job.work.order_id
        lines = {line.line_no: line for line in (await orders.lines(tx, [order_id]))[order_id]}
        address = (await orders.addresses(tx, [order_id]))[order_id]
        locale = (await orders.contacts(tx, [order_id]))[order_id].locale
    hidden = staff.role == "vendor" or any(_hides_prices(line) for line in lines.values())

    def price(line_no: int) -> str:
        amount = Decimal(lines[line_no].unit_price_minor).scaleb(-digits(job.order.currency))
        currency = job.order.currency
        return str(format_currency(amount, currency, locale=locale_of(locale, currency), currency_digits=False))

    return page(
        "console/floor/slip.html",
        language=language_of(locale),
        shop=staff.brand_title,
        job=job,
        address=address,
        price=None if hidden else price,
        printed=_printed(lines),
    )


def _hides_prices(line: LineRow) -> bool:
    return any(service.kind == "gift_wrap" and service.detail.get("hide_prices", True) for service in line.services)


def _printed(lines: dict[int, LineRow]) -> dict[int, Any]:
    """What is printed on a line's goods, by line."""
    return {
        line_no: service.detail["fields"]
        for line_no, line in lines.items()
        for service in line.services
        if service.kind == "personalization"
    }


HANDLERS = (show_slip,)
