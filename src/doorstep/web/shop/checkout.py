"""The checkout: one page with address, delivery, messages and payment; then the order, once, and its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from litestar import Response, get, post

from doorstep.web.shop import holding, offers
from doorstep.web.shop.cart import Cart, ordered_line, vat_within
from doorstep.web.shop.doorstep import Refusal, Unreachable
from doorstep.web.shop.offers import Offer
from doorstep.web.shop.typed import FIELDS, faults_of, ready, tidy
from doorstep.web.shop.visiting import Asked, Visit, form
from doorstep.web.shop.wares import BY_SKU, CHANNEL, CURRENCY, VAT_PERCENT
from doorstep.web.shop.words import Words

log = structlog.get_logger()

# What the sandbox's gateway takes for a card: one that works, one that never does, one that does the second time.
CARDS = ("tok_ok", "tok_insufficient_then_ok", "tok_declined")


@get("/checkout")
async def show_checkout(request: Asked) -> Response[bytes]:
    """The page, with what was typed before."""
    visit = Visit(request)
    return await _page(visit, visit.cart.fields) if visit.cart.lines else visit.see("/cart")


@get("/checkout/options")
async def show_options(request: Asked) -> Response[bytes]:
    """Only the ways of delivery to a place, for the open page to put in."""
    visit = Visit(request)
    fields = tidy(request.query_params)
    return visit.page("options.html", **await _facts(visit, fields))


@post("/checkout/options", status_code=200)
async def remember(request: Asked) -> Response[bytes]:
    """The way to the ways of delivery without JavaScript: what was typed is kept, and the page comes anew."""
    visit, fields = Visit(request), tidy(await form(request))
    visit.cart.fields = fields
    return visit.see("/checkout#delivery")


@post("/buy", status_code=200)
async def buy(request: Asked) -> Response[bytes]:
    """Place the order, and go to its page. Pressed twice it is one order: its number was on the page."""
    visit, fields = Visit(request), tidy(await form(request))
    cart = visit.cart
    async with cart.lock:
        if fields["number"] in cart.bought:
            return visit.see(cart.bought[fields["number"]])
        if not cart.lines:
            return visit.see("/cart")
        cart.fields = fields
        faults = faults_of(fields)
        found = await _offers(visit, fields) if ready(fields) else []
        chosen = next((one for one in found if one.code == fields["service"].partition("|")[0]), None)
        if chosen is None or not chosen.day:
            faults.setdefault("service", "needed" if chosen is None else "gone")
        elif fields["service"] != chosen.value or fields["goods"] not in ("", str(cart.total_minor)):
            # Also when another tab has put something into the cart meanwhile.
            faults.setdefault("service", "changed")
        if faults or chosen is None:
            return await _page(visit, fields, faults=faults, found=found, status=422)
        return await _place(visit, cart, fields, chosen, found)


async def _place(
    visit: Visit, cart: Cart, fields: Mapping[str, str], chosen: Offer, found: list[Offer]
) -> Response[bytes]:
    doorstep = visit.shop.doorstep
    try:
        placed = await doorstep.place(order_of(cart, fields, chosen, visit.language))
    except Unreachable as error:
        # It may be there or not. The number stays: to press again is safe, and finds it when it is there.
        log.warning("order_without_answer", number=cart.number, error=str(error)[:200])
        return await _page(visit, fields, faults={"form": "unknown"}, found=found, status=503)
    except Refusal as refused:
        earlier = refused.problem.get("order_id")
        if refused.kind in ("body-differs", "hold-ended") and earlier:
            # The one before came through after all, and something was changed on the page since.
            placed = await doorstep.order(str(earlier))
        elif refused.kind == "hold-ended":
            cart.hold_id = None
            return await _page(visit, fields, faults={"form": "again"}, found=found, status=409)
        elif refused.kind == "insufficient-stock":
            short = {str(one["sku"]): int(one["available"]) for one in refused.problem.get("lines", ())}
            return await _page(visit, fields, faults={"form": "short"}, short=short, status=409)
        else:
            where = [one.get("pointer") for one in refused.problem.get("errors", ())]  # its words may be the customer's
            log.error("order_refused", number=cart.number, kind=refused.kind, where=where)
            return await _page(visit, fields, faults={"form": "refused"}, found=found, status=422)
    cart.done(placed.order_page)
    return visit.see(placed.order_page)


def order_of(cart: Cart, fields: Mapping[str, str], offer: Offer, language: str) -> dict[str, Any]:
    """The order as Doorstep takes it. Goods, fees and tax add up to what the page said."""
    home = {name: fields[name] for name in ("name", "street", "city", "postcode", "country")}
    if offer.store is not None:
        store = offer.store
        home = {
            "name": fields["name"],
            "street": f"{store.name}, {store.street}",
            "city": store.city,
            "postcode": store.postcode,
            "country": store.country,
        }
    order: dict[str, Any] = {
        "channel": CHANNEL,
        "number": cart.number,
        "currency": CURRENCY,
        "customer": {
            "name": fields["name"],
            "email": fields["email"],
            "locale": language,
        },
        "ship_to": home,
        "service": offer.service,
        "lines": [ordered_line(line, VAT_PERCENT[fields["country"]]) for line in cart.lines],
        "shipping_minor": offer.price_minor,
        "total_minor": cart.total_minor + offer.price_minor,
        "payment": {"token": fields["card"] if fields["card"] in CARDS else CARDS[0]},
        "preferences": {
            "channel": "sms" if fields["tell_by"] == "sms" else "email",
            "only_if_late": bool(fields["only_if_late"]),
        },
    }
    if fields["phone"]:
        order["customer"]["phone"] = fields["phone"]
    if cart.hold_id:
        order["cart_hold"] = cart.hold_id
    return order


async def _offers(visit: Visit, fields: Mapping[str, str]) -> list[Offer]:
    """The ways of delivery; none when Doorstep does not answer or finds nothing."""
    try:
        return await offers.find(visit.shop, visit.cart, fields["country"], fields["postcode"], Words(visit.language))
    except (Unreachable, Refusal) as error:
        log.warning("no_options", error=str(error)[:300])
        return []


async def _facts(visit: Visit, fields: Mapping[str, str], found: list[Offer] | None = None) -> dict[str, Any]:
    """What the part about delivery needs."""
    complete = ready(fields)
    if found is None:
        found = await _offers(visit, fields) if complete and visit.cart.lines else []
    picked = fields["service"].partition("|")[0]
    there = [one.code for one in found if one.day]
    return {
        "found": found,
        "picked": picked if picked in there else there[0] if there else "",
        "complete": complete,
        "faults": {},
        "cart": visit.cart,
        "vat_percent": VAT_PERCENT[fields["country"]],
        "vat_within": vat_within,
    }


async def _page(
    visit: Visit,
    fields: Mapping[str, str],
    *,
    faults: Mapping[str, str] | None = None,
    found: list[Offer] | None = None,
    short: Mapping[str, int] | None = None,
    status: int = 200,
) -> Response[bytes]:
    typed = {**dict.fromkeys(FIELDS, ""), **fields}
    if not typed["country"]:
        typed["country"] = next(iter(VAT_PERCENT))
    facts = await _facts(visit, typed, found)
    held = await holding.look(visit.shop.doorstep, visit.cart)
    return visit.page(
        "checkout.html",
        status=status,
        **{**facts, "faults": faults or {}},
        fields=typed,
        held=held,
        short=short or {},
        cards=CARDS,
        by_sku=BY_SKU,
        lines=visit.cart.lines,
    )


HANDLERS = (show_checkout, show_options, remember, buy)
