"""The storefront as its visitors use it, on the real API: from the list to the order's page, and what can go wrong."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from doorstep.web.shop.app import create_app
from doorstep.web.shop.doorstep import Doorstep
from doorstep.web.shop.settings import Settings
from doorstep.web.shop.stocking import stock_up
from doorstep.web.shop.wares import WARES
from tests.support.shop import Shop, receive

EVIL = "<script>alert(1)</script>\"'&{{7*7}}"
ADDRESS = {
    "name": "Ada Lovelace", "email": "ada@example.test", "phone": "+49 170 1234567", "street": "Torstr. 1",
    "city": "Berlin", "postcode": "10115", "country": "DE", "card": "tok_ok", "tell_by": "email",
}  # fmt: skip
JERSEY = {"ware": "jersey", "sku": "SHOP-JERSEY-M", "name": "Ada", "number": "10", "quantity": "1"}
BALL, BOTTLE = {"ware": "ball", "sku": "SHOP-BALL"}, {"ware": "bottle", "sku": "SHOP-BOTTLE"}


class Line(httpx2.AsyncBaseTransport):
    """The line between the two, which can be cut: before what is sent arrives (`down`), or after (`deaf`)."""

    def __init__(self, app: Any) -> None:
        self._inside = httpx2.ASGITransport(app=app)
        self.down = self.deaf = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Pass it on, or not."""
        if self.down:
            raise httpx2.ConnectError("the line is cut")
        answer = await self._inside.handle_async_request(request)
        if self.deaf and request.method == "POST":
            await answer.aclose()
            raise httpx2.ReadTimeout("the answer is lost")
        return answer


class Visitor(httpx2.AsyncClient):
    """A browser at the storefront; each has cookies of its own."""

    async def read(self, path: str, *, expect: int = 200) -> str:
        """A page, its white space made plain."""
        answer = await self.get(path)
        assert answer.status_code == expect, answer.text
        return plain(answer)

    async def submit(self, path: str, fields: dict[str, Any], *, expect: int = 303) -> httpx2.Response:
        """A form."""
        answer = await self.post(path, data=fields)
        assert answer.status_code == expect, (answer.status_code, plain(answer))
        return answer

    async def offers(self, address: dict[str, str] = ADDRESS) -> dict[str, str]:
        """What the radio buttons of the ways of delivery say, by code."""
        page = await self.read(f"/checkout/options?country={address['country']}&postcode={address['postcode']}")
        values = re.findall(r'name="service" value="([^"]+)"', page)
        return {value.partition("|")[0]: value for value in values}

    async def buy(self, service: str = "standard-eur", *, expect: int = 303, **more: str) -> httpx2.Response:
        """The button at the end, with the number that is on the page."""
        page = await self.read("/checkout")
        found = re.search(r'name="number" value="([^"]+)"', page)
        assert found
        chosen = more.pop("value", "") or (await self.offers({**ADDRESS, **more}))[service]
        fields = {**ADDRESS, "service": chosen, "number": found[1], **more}
        return await self.submit("/buy", fields, expect=expect)


class Store:
    """The storefront's application and the line from it to Doorstep."""

    def __init__(self, shop: Shop, line: Line) -> None:
        self.shop, self.line = shop, line
        self._client = httpx2.AsyncClient(transport=line, base_url="http://shop", headers=shop.client.headers)
        self.app = create_app(Settings(api_url="http://shop", doorstep_url="http://shop"), client=self._client)
        self.doorstep = Doorstep(self._client)

    def visitor(self, **headers: str) -> Visitor:
        """Somebody new."""
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)  # type: ignore[arg-type]  # likewise
        return Visitor(transport=transport, base_url="http://store", headers=headers)

    async def order(self, number: str) -> Any:
        """An order by its number, as the API tells it."""
        (found,) = (await self.shop.get("/v1/orders", channel="shop", number=number))["items"]
        return await self.shop.get(f"/v1/orders/{found['order_id']}")

    async def orders(self) -> list[Any]:
        """All of this shop's orders."""
        found: list[Any] = (await self.shop.get("/v1/orders", channel="shop"))["items"]
        return found


@pytest.fixture
async def store(shop: Shop) -> AsyncIterator[Store]:
    """The storefront with its goods in Doorstep."""
    line = Line(shop.client._transport.app)  # type: ignore[attr-defined]  # the fixture's own application
    made = Store(shop, line)
    await stock_up(made.doorstep, title="The shop")
    yield made
    await made._client.aclose()


@pytest.fixture
async def visitor(store: Store) -> AsyncIterator[Visitor]:
    """Somebody who reads English."""
    async with store.visitor() as made:
        yield made


def plain(answer: httpx2.Response) -> str:
    return re.sub(r"\s+", " ", answer.text)


async def test_a_printed_and_wrapped_jersey_is_bought_by_express(store: Store, visitor: Visitor) -> None:
    assert "Home jersey" in await visitor.read("/")
    await visitor.submit("/cart", JERSEY)
    await visitor.submit("/cart", BOTTLE)
    wrap = {"wrapping": "yes", "wrap": "yes", "paper": "forest", "message": "For you", "hide_prices": "yes"}
    await visitor.submit("/cart/lines/1", wrap)
    cart = await visitor.read("/cart")
    assert re.search(r'data-held="open" data-seconds="\d+"', cart)
    assert "ADA · 10" in cart
    assert "€121.30" in cart  # 79.90 + 15.00 + 4.50 + 21.90
    page = await visitor.read("/checkout/options?country=DE&postcode=10115")
    assert "2 parcels: Bristol, Sheffield" in page or "2 parcels: Sheffield, Bristol" in page
    answer = await visitor.buy("express-eur")
    (row,) = await store.orders()
    order = await store.order(row["number"])
    assert answer.headers["location"] == order["order_page"]
    assert (order["money"]["total_minor"], order["money"]["shipping_minor"]) == (12130 + 890, 890)
    jersey = order["lines"][0]
    assert {one["kind"] for one in jersey["services"]} == {"personalization", "gift_wrap"}
    assert sorted(claim["location"] for claim in order["claims"]) == ["south", "workshop"]
    shown = await store.shop.client.get(answer.headers["location"])
    assert "Arrives by" in plain(shown)
    assert "Nothing in it yet" in await visitor.read("/cart")
    await store.shop.audit()


async def test_what_another_tab_put_into_the_cart_is_not_bought_unseen(store: Store, visitor: Visitor) -> None:
    await visitor.submit("/cart", BALL)
    goods = re.search(r'name="goods" value="([0-9]+)"', await visitor.read("/checkout"))
    assert goods
    await visitor.submit("/cart", JERSEY)
    answer = await visitor.buy(expect=422, goods=goods[1])
    assert "has changed since you looked" in plain(answer)
    assert await store.orders() == []
    await visitor.buy(goods=re.findall(r'name="goods" value="([0-9]+)"', await visitor.read("/checkout"))[0])
    assert len(await store.orders()) == 1


async def test_to_buy_twice_is_to_buy_once(store: Store, visitor: Visitor) -> None:
    await visitor.submit("/cart", BALL)
    page = await visitor.read("/checkout")
    number = re.search(r'name="number" value="([^"]+)"', page)
    assert number
    fields = {**ADDRESS, "service": (await visitor.offers())["standard-eur"], "number": number[1]}
    first = await visitor.submit("/buy", fields)
    second = await visitor.submit("/buy", fields)
    assert first.headers["location"] == second.headers["location"]
    assert len(await store.orders()) == 1


async def test_an_answer_that_is_lost_is_asked_for_again_and_found(store: Store, visitor: Visitor) -> None:
    await visitor.submit("/cart", BALL)
    service = (await visitor.offers())["standard-eur"]
    await visitor.read("/checkout")
    store.line.deaf = True
    # Even the ways of delivery get no answer now; only the order itself shall be lost.
    answer = await visitor.post("/buy", data={**ADDRESS, "service": service, "number": "S-OTHER"})
    assert answer.status_code == 422
    store.line.deaf = False
    ask, lost = store.app.state.shop.doorstep.place, []

    async def lose(order: Any) -> Any:
        lost.append(await ask(order))
        store.line.down = True
        try:
            return await ask(order)
        finally:
            store.line.down = False

    store.app.state.shop.doorstep.place = lose
    said = await visitor.buy(expect=503)
    assert "do not know whether the order came through" in plain(said)
    del store.app.state.shop.doorstep.place
    # They change something before they try again: it is still the order that came through.
    again = await visitor.buy(city="Potsdam")
    assert again.headers["location"] == lost[0].order_page
    assert len(await store.orders()) == 1


async def test_units_in_a_cart_are_nobody_elses(store: Store, visitor: Visitor) -> None:
    shoes = {"ware": "shoes", "sku": "SHOP-SHOES-41", "quantity": "2"}
    await visitor.submit("/cart", shoes)
    async with store.visitor() as other:
        refused = await other.submit("/cart", shoes, expect=409)
        assert "Somebody was quicker" in plain(refused)
        assert "Nothing in it yet" in await other.read("/cart")
    more = await visitor.submit("/cart/lines/1", {"quantity": "3"}, expect=409)
    assert "There is not enough. Nothing was changed." in plain(more)
    await visitor.buy()


async def test_a_hold_that_ran_out_still_buys_what_nobody_took(store: Store, visitor: Visitor) -> None:
    await visitor.submit("/cart", {"ware": "shoes", "sku": "SHOP-SHOES-41", "quantity": "2"})
    await store.shop.pass_time(timedelta(minutes=40))
    assert "nobody has taken it yet" in await visitor.read("/cart")
    await visitor.buy()
    assert len(await store.orders()) == 1


async def test_a_hold_that_ran_out_and_was_taken_is_told_and_nothing_is_ordered(store: Store, visitor: Visitor) -> None:
    await visitor.submit("/cart", {"ware": "shoes", "sku": "SHOP-SHOES-41", "quantity": "2"})
    service = (await visitor.offers())["standard-eur"]
    await store.shop.pass_time(timedelta(minutes=40))
    async with store.visitor() as other:
        await other.submit("/cart", {"ware": "shoes", "sku": "SHOP-SHOES-41", "quantity": "1"})
        await other.buy()
    assert re.search("somebody else took a part of it:</strong><span>Terrace shoes 41", await visitor.read("/cart"))
    await visitor.buy(expect=422, value=service)
    assert len(await store.orders()) == 1
    refused = await visitor.submit("/cart/held", {}, expect=409)
    assert "There is not enough" in plain(refused)
    await visitor.submit("/cart/lines/1", {"quantity": "1"})
    await visitor.buy()
    await store.shop.audit()


async def test_who_is_a_moment_too_late_is_told_how_many_there_are(store: Store, visitor: Visitor) -> None:
    await visitor.submit("/cart", {"ware": "shoes", "sku": "SHOP-SHOES-41", "quantity": "2"})
    ask = store.app.state.shop.doorstep.place

    async def late(order: Any) -> Any:
        await store.shop.pass_time(timedelta(minutes=40))
        async with store.visitor() as other:
            await other.submit("/cart", {"ware": "shoes", "sku": "SHOP-SHOES-41", "quantity": "1"})
        return await ask(order)

    store.app.state.shop.doorstep.place = late
    refused = await visitor.buy(expect=409)
    assert "Somebody was quicker. Nothing was ordered, and nothing is charged." in plain(refused)
    assert await store.orders() == []


async def test_a_clock_that_stands_still_takes_no_time_from_anybody(store: Store, visitor: Visitor) -> None:
    await visitor.submit("/cart", BALL)
    first, second = await visitor.read("/cart/held"), await visitor.read("/cart/held")
    assert first == second
    await store.shop.pass_time(timedelta(minutes=1))
    assert int(first.split()[1]) - int((await visitor.read("/cart/held")).split()[1]) == 60
    await visitor.submit("/cart/held", {})
    assert await visitor.read("/cart/held") == first
    await store.shop.pass_time(timedelta(hours=1))
    assert (await visitor.read("/cart/held")).startswith("over")


async def test_a_price_that_changed_meanwhile_is_shown_before_anything_is_ordered(
    store: Store, visitor: Visitor
) -> None:
    await visitor.submit("/cart", BALL)
    seen = (await visitor.offers())["standard-eur"]
    services = (await store.shop.get("/v1/services"))["items"]
    changed = [{**one, "price_minor": 590} for one in services if one["service"] == "standard-eur"]
    await store.shop.send("PUT", "/v1/services", changed)
    answer = await visitor.buy(expect=422, value=seen)
    assert "price or date of the delivery, has changed" in plain(answer)
    assert await store.orders() == []
    await visitor.buy()
    (order,) = await store.orders()
    assert (await store.order(order["number"]))["money"]["shipping_minor"] == 590


async def test_a_date_that_moved_after_the_cut_off_is_shown_first(store: Store, visitor: Visitor) -> None:
    await visitor.submit("/cart", BALL)
    seen = (await visitor.offers())["express-eur"]
    await store.shop.pass_time(timedelta(hours=8))
    answer = await visitor.buy(expect=422, value=seen)
    assert "price or date of the delivery, has changed" in plain(answer)


async def test_what_is_picked_up_goes_to_the_store(store: Store, visitor: Visitor) -> None:
    place = {
        "code": "porto", "name": "Harbor store", "kind": "store", "country": "GB", "postcode": "M1 1AE",
        "city": "Manchester", "street": "9 Quay", "latitude": 53.4, "longitude": -2.2, "timezone": "Europe/London",
    }  # fmt: skip
    await store.shop.send("PUT", "/v1/locations", [place])
    await visitor.submit("/cart", BALL)
    await visitor.buy("pickup-eur:porto")
    (row,) = await store.orders()
    order = await store.order(row["number"])
    assert (order["service"], order["ship_to"]["postcode"]) == ("pickup-eur", "M1 1AE")
    assert order["ship_to"]["street"] == "Harbor store, 9 Quay"
    assert order["money"]["shipping_minor"] == 0


async def test_a_customer_is_told_on_their_terms(store: Store) -> None:
    async with store.visitor(**{"accept-language": "de-AT,de;q=0.9"}) as visitor:
        await visitor.submit("/cart", BALL)
        refused = await visitor.buy(expect=422, tell_by="sms", phone="")
        assert "Für SMS brauchen wir Ihre Nummer" in plain(refused)
        await visitor.buy(tell_by="sms", phone="0049 (170) 123-4567")
    await store.shop.drain()
    texts = [one for one in store.shop.mailbox() if one["kind"] == "sms"]
    assert texts
    assert all("+491701234567" in one["to"] for one in texts)


async def test_a_card_that_is_declined_leads_to_a_page_that_says_so(store: Store, visitor: Visitor) -> None:
    await visitor.submit("/cart", BALL)
    answer = await visitor.buy(card="tok_declined")
    await store.shop.drain()
    assert "The payment was declined" in plain(await store.shop.client.get(answer.headers["location"]))


async def test_without_doorstep_the_shop_can_be_looked_at_and_says_what_it_cannot(
    store: Store, visitor: Visitor
) -> None:
    await visitor.submit("/cart", BALL)
    store.line.down = True
    for path in ("/", "/p/jersey", "/healthz"):
        await visitor.read(path)
    await visitor.submit("/cart", BOTTLE)
    assert "We cannot reach the warehouse just now" in await visitor.read("/cart")
    assert (await visitor.read("/cart/held")).startswith("unknown")
    assert "We cannot say just now how it gets there" in await visitor.read(
        "/checkout/options?country=DE&postcode=10115"
    )
    assert "We cannot reach the warehouse" in plain(await visitor.submit("/cart/held", {}, expect=503))
    store.line.down = False
    assert "Held for you" in await visitor.read("/cart")
    await visitor.buy()
    (row,) = await store.orders()
    assert len((await store.order(row["number"]))["lines"]) == 2


async def test_what_anybody_types_is_shown_as_they_typed_it_and_runs_nowhere(store: Store, visitor: Visitor) -> None:
    await visitor.submit("/cart", {**JERSEY, "name": "</text>"}, expect=422)
    await visitor.submit("/cart", JERSEY)
    await visitor.submit("/cart/lines/1", {"wrapping": "yes", "wrap": "yes", "message": EVIL, "paper": EVIL})
    for field in (*ADDRESS, "service", "number"):
        answer = await visitor.submit("/buy", {**ADDRESS, field: EVIL}, expect=422)
        for page in (plain(answer), await visitor.read("/cart"), await visitor.read("/checkout")):
            assert "<script>alert" not in page
    assert "{{7*7}}" in await visitor.read("/cart")
    assert await store.orders() == []


async def test_a_form_of_another_site_does_nothing(store: Store, visitor: Visitor) -> None:
    for path in ("/cart", "/cart/held", "/cart/lines/1", "/buy", "/language", "/checkout/options"):
        answer = await visitor.post(path, data=JERSEY, headers={"sec-fetch-site": "cross-site"})
        assert answer.status_code == 400
    assert "Nothing in it yet" in await visitor.read("/cart")


async def test_what_cannot_be_bought_is_refused_with_words(visitor: Visitor) -> None:
    for fields in (
        {}, {"sku": "NOTHING"}, {**BALL, "quantity": "0"}, {**BALL, "quantity": "11"}, {**BALL, "quantity": "١"},
        {**JERSEY, "name": "A" * 13}, {**JERSEY, "number": "100"}, {**JERSEY, "number": "0"}, {**JERSEY, "number": ""},
        {**JERSEY, "name": "A\u202eB"},
    ):  # fmt: skip
        answer = await visitor.post("/cart", data=fields)
        assert answer.status_code in (404, 422), fields
    assert "Nothing in it yet" in await visitor.read("/cart")


async def test_nobody_is_led_to_another_site(visitor: Visitor) -> None:
    for back in ("//evil.example", "https://evil.example", "/\\evil.example", "/p/../..//evil.example", ""):
        answer = await visitor.submit("/language", {"language": "de", "back": back})
        assert answer.headers["location"] == "/"
    assert '<html lang="de">' in await visitor.read("/")


async def test_another_visitors_cart_cannot_be_changed(visitor: Visitor, store: Store) -> None:
    await visitor.submit("/cart", BALL)
    async with store.visitor() as other:
        await other.submit("/cart/lines/1", {"remove": "yes"})
        assert "Nothing in it yet" in await other.read("/cart")
    assert "Match ball" in await visitor.read("/cart")


async def test_every_page_is_light_and_lets_nothing_foreign_in(visitor: Visitor) -> None:
    for ware in ("jersey", "shoes", "ball"):
        await visitor.submit(
            "/cart", {"ware": ware, "sku": WARES[ware].sizes[1 if len(WARES[ware].sizes) > 1 else 0].sku}
        )
    for path in ("/", *(f"/p/{code}" for code in WARES), "/cart", "/checkout"):
        answer = await visitor.get(path)
        assert answer.status_code == 200
        assert "form-action 'self' http://shop;" in answer.headers["content-security-policy"]
        assert not re.search(r'style=|<style|onclick|<script(?! src="/static/)', answer.text)
        assets = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', answer.text))
        found = {asset: await visitor.get(asset) for asset in assets}
        assert all(one.status_code == 200 for one in found.values())
        pictures = [asset for asset in assets if asset.endswith(".svg")]
        assert len(answer.content) + sum(len(found[one].content) for one in assets.difference(pictures)) < 60_000


async def test_to_stock_up_again_changes_nothing(store: Store) -> None:
    before = await store.shop.get("/v1/stock", sku="SHOP-BALL")
    await stock_up(store.doorstep, title="The shop")
    assert await store.shop.get("/v1/stock", sku="SHOP-BALL") == before
    assert {row["available"] for row in before["items"]} == {60}


async def test_the_list_says_what_is_nearly_gone_and_what_is_gone(store: Store, visitor: Visitor) -> None:
    assert "Only 3 left" in await visitor.read("/")
    await visitor.submit("/cart", {"ware": "backpack", "sku": "SHOP-BACKPACK", "quantity": "3"})
    await visitor.buy()
    store.app.state.shop.shelf._units_at = -1e9  # some seconds later
    assert "Sold out" in await visitor.read("/p/backpack")
    await receive(store.shop, "south", {"SHOP-BACKPACK": 1})
    store.app.state.shop.shelf._units_at = -1e9
    assert "Only 1 left." in await visitor.read("/p/backpack")
