"""The inventory: every page there is, in every state worth looking at, and the way there.

A page that is not in here fails `test_every_page_of_the_application_is_in_the_inventory`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from playwright.async_api import Page as Tab

from doorstep.web.console.door import COOKIE
from tests.browser.world import World
from tests.support.shop import ADDRESS

Way = Callable[[Tab, World], Awaitable[None]]
POSTCODE = ADDRESS["postcode"]
GUESSES = 7


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page in a state. `route` is its address as the application declares it; `status` that of its last answer."""

    name: str
    route: str
    reach: Way
    status: int = 200

    def __str__(self) -> str:
        """Its name in tests and files."""
        return self.name


async def press(tab: Tab, button: str) -> None:
    """Press a button and wait for the page it leads to."""
    async with tab.expect_navigation():
        await tab.get_by_role("button", name=button).click()


def order(state: str, more: str = "") -> Way:
    """Open an order's page with the link from a message."""

    async def reach(tab: Tab, world: World) -> None:
        await tab.goto(world.orders[state] + more)

    return reach


def opened(state: str, summary: str) -> Way:
    """Open an order's page, then one of its folds."""

    async def reach(tab: Tab, world: World) -> None:
        await order(state)(tab, world)
        await tab.get_by_text(summary, exact=True).click()

    return reach


def known(state: str, *, postcode: str = POSTCODE) -> Way:
    """Open an order's page and give the postcode."""

    async def reach(tab: Tab, world: World) -> None:
        await opened(state, "Address, or cancel")(tab, world)
        await tab.get_by_label("Postcode").fill(postcode)
        await press(tab, "Go on")

    return reach


async def address_refused(tab: Tab, world: World) -> None:
    """An address that nobody can deliver to."""
    await known("to-cancel")(tab, world)
    await tab.get_by_text("Where it goes", exact=True).click()
    await tab.get_by_label("Postcode").fill("x" * 30)
    await press(tab, "Save the address")


async def cancel_form(tab: Tab, world: World) -> None:
    """Where units to cancel are chosen."""
    await known("to-cancel")(tab, world)
    await tab.get_by_text("Cancel items", exact=True).click()


async def cancel_preview(tab: Tab, world: World) -> None:
    """What a cancel would mean, before it is done."""
    await cancel_form(tab, world)
    await tab.get_by_label("A mug").fill("1")
    await press(tab, "Show what that means")


async def too_many(tab: Tab, world: World) -> None:
    """Wrong postcodes until nobody listens any more."""
    for _ in range(GUESSES):
        await order("guessed")(tab, world)
        await tab.get_by_text("Address, or cancel", exact=True).click()
        await tab.get_by_label("Postcode").fill("XX1 1XX")
        await press(tab, "Go on")
        if await tab.get_by_role("heading", name="Too many attempts").count():
            return


async def find(tab: Tab, world: World) -> None:
    """Where an order is looked up."""
    await tab.goto(f"{world.api}/find/main")


async def not_found(tab: Tab, world: World) -> None:
    """A number and a postcode that do not belong together; each visitor tries another pair."""
    await find(tab, world)
    await tab.get_by_label("Order number").fill(f"W-{id(tab)}")
    await tab.get_by_label("E-mail address or postcode").fill(f"nobody{id(tab)}@example.test")
    await press(tab, "Show my order")


async def nothing_here(tab: Tab, world: World) -> None:
    """A link that is cut off."""
    await tab.goto(f"{world.api}/o/main.cut")


def returning(state: str) -> Way:
    """The return page after the postcode was given."""

    async def reach(tab: Tab, world: World) -> None:
        await order(state, "/return")(tab, world)
        await tab.get_by_label("Postcode").fill(POSTCODE)
        await press(tab, "Go on")

    return reach


async def return_of_nothing(tab: Tab, world: World) -> None:
    """The return page, sent with nothing chosen."""
    await returning("delivered")(tab, world)
    await press(tab, "Send it back")


def noted(state: str) -> Way:
    """An order with a return, to somebody who gave the postcode."""

    async def reach(tab: Tab, world: World) -> None:
        await returning(state)(tab, world)
        await order(state)(tab, world)

    return reach


def mailbox(path: str) -> Way:
    """A page of the sandbox's mailbox."""

    async def reach(tab: Tab, world: World) -> None:
        await tab.goto(world.messages + path)

    return reach


def message(kind: str, more: str = "") -> Way:
    """The newest message of a kind."""

    async def reach(tab: Tab, world: World) -> None:
        await tab.goto(f"{world.messages}/?kind={kind}")
        address = await tab.locator("a.subject").first.get_attribute("href")
        await tab.goto(f"{world.messages}{address}{more}")

    return reach


async def log_in_wrong(tab: Tab, world: World) -> None:
    """A login that nobody has; each visitor tries another."""
    await tab.goto(f"{world.api}/console/login")
    await tab.get_by_label("Login").fill(f"nobody{id(tab)}")
    await tab.get_by_label("Password").fill("not the password")
    await press(tab, "Log in")


def console(path: str) -> Way:
    """A page of the console, to the admin."""

    async def reach(tab: Tab, world: World) -> None:
        await tab.context.add_cookies([{"name": COOKIE, "value": world.session, "url": f"{world.api}/console"}])
        await tab.goto(f"{world.api}{path}")

    return reach


def board(step: str) -> Way:
    """What waits at a step in the workshop."""
    return console(f"/console/floor?location=workshop&step={step}")


def work(step: str, more: str = "") -> Way:
    """Work that waits at a step, or a page below it."""

    async def reach(tab: Tab, world: World) -> None:
        await console(f"/console/floor/{world.work[step]}{more}")(tab, world)

    return reach


def exceptions_to(deed: str) -> Way:
    """What would become of the first exception."""

    async def reach(tab: Tab, world: World) -> None:
        await console("/console/exceptions")(tab, world)
        await tab.get_by_role("checkbox").first.check()
        await press(tab, deed)

    return reach


def stock_of(sku: str, more: str = "") -> Way:
    """A product's stock, or a page below it."""

    async def reach(tab: Tab, world: World) -> None:
        await console(f"/console/stock?q={sku}")(tab, world)
        address = await tab.locator("a[data-row]").first.get_attribute("href")
        await tab.goto(f"{world.api}{address}{more}")

    return reach


def console_order(query: str, more: str = "") -> Way:
    """The first order of a list of the console, or a page below it."""

    async def reach(tab: Tab, world: World) -> None:
        await console(f"/console/orders?{query}")(tab, world)
        address = await tab.locator("a[data-row]").first.get_attribute("href")
        await tab.goto(f"{world.api}{address}{more}")

    return reach


def from_the_desk(query: str, link: str) -> Way:
    """A page that the first order of a list leads to."""

    async def reach(tab: Tab, world: World) -> None:
        await console_order(query)(tab, world)
        async with tab.expect_navigation():
            await tab.get_by_role("link", name=link, exact=True).first.click()

    return reach


async def cancel_preview_of_the_desk(tab: Tab, world: World) -> None:
    """What would come of canceling everything."""
    await console_order("fulfillment=in_progress", "/cancel")(tab, world)
    await tab.get_by_label("Everything that can still be canceled").check()
    await tab.get_by_label("Reason").select_option("changed mind")
    await press(tab, "Show what comes of it")


async def a_message(tab: Tab, world: World) -> None:
    """The words of the newest message of an order."""
    await console_order("fulfillment=delivered")(tab, world)
    async with tab.expect_navigation():
        await tab.locator("#messages li a").first.click()


async def a_message_again(tab: Tab, world: World) -> None:
    """Where a message is sent again from."""
    await a_message(tab, world)
    async with tab.expect_navigation():
        await tab.get_by_role("link", name="Send it again").click()


_ORDER = "/o/{token:str}"
_DESK = "/console/orders/{order_id:str}"
_DEEDS = ("hold", "cancel", "address", "reroute")
_MONEY = ("goodwill", "refund", "return")
_STATES = (
    "preparing", "waiting", "declined", "asked", "canceled", "partly-sent", "sent", "today", "tried", "late", "pickup",
    "delivered", "gone", "personal", "german", "return-label", "return-done", "return-many",
)  # fmt: skip

_STEPS = ("accept", "pick", "personalize", "wrap", "pack", "ship")
_WAYS_BACK = ("label", "code", "store")

# Each wrong answer counts: after five the order answers nobody for a while. No other page asks about that one.
SHOPPER = (
    *(Page(name=f"order-{state}", route=_ORDER, reach=order(state)) for state in _STATES),
    Page(name="order-step-up", route=_ORDER, reach=opened("to-cancel", "Address, or cancel")),
    Page(name="order-wrong-postcode", route=f"{_ORDER}/known", reach=known("preparing", postcode="nope"), status=422),
    Page(name="order-known", route=_ORDER, reach=known("to-cancel")),
    Page(name="order-writing", route=_ORDER, reach=opened("sent", "How we write to you")),
    Page(name="order-address-refused", route=f"{_ORDER}/address", reach=address_refused, status=422),
    Page(name="order-cancel", route=_ORDER, reach=cancel_form),
    Page(name="cancel", route=f"{_ORDER}/cancel", reach=cancel_preview),
    Page(name="return-step-up", route=f"{_ORDER}/return", reach=order("delivered", "/return")),
    Page(name="return", route=f"{_ORDER}/return", reach=returning("delivered")),
    Page(name="return-personal", route=f"{_ORDER}/return", reach=returning("personal")),
    Page(name="return-nothing", route=f"{_ORDER}/return", reach=return_of_nothing, status=422),
    *(Page(name=f"return-{how}-known", route=_ORDER, reach=noted(f"return-{how}")) for how in _WAYS_BACK),
    Page(name="find", route="/find/{brand_name:str}", reach=find),
    Page(name="find-nothing", route="/find/{brand_name:str}", reach=not_found, status=422),
    Page(name="sorry", route=_ORDER, reach=nothing_here, status=404),
    Page(name="sorry-too-many", route=f"{_ORDER}/known", reach=too_many, status=429),
)  # fmt: skip

MAILBOX = (
    Page(name="mailbox", route="mailbox", reach=mailbox("/")),
    Page(name="mailbox-search", route="mailbox", reach=mailbox("/?q=mug")),
    Page(name="mailbox-missing", route="mailbox", reach=mailbox("/messages/999999"), status=404),
    Page(name="mail", route="mailbox", reach=message("mail")),
    Page(name="mail-text", route="mailbox", reach=message("mail", "?view=text")),
    Page(name="mail-source", route="mailbox", reach=message("mail", "?view=source")),
    Page(name="text-message", route="mailbox", reach=message("sms")),
)

_FLOOR, _WORK = "/console/floor", "/console/floor/{work_id:str}"
_EXCEPTIONS = "/console/exceptions"
_STOCK, _SKU = "/console/stock", "/console/stock/{sku_id:int}"

CONSOLE = (
    Page(name="console-login", route="/console/login", reach=log_in_wrong, status=422),
    Page(name="console-home", route="/console", reach=console("/console")),
    Page(name="console-account", route="/console/account", reach=console("/console/account")),
    Page(name="console-exceptions", route=_EXCEPTIONS, reach=console(_EXCEPTIONS)),
    Page(name="console-exceptions-none", route=_EXCEPTIONS, reach=console(f"{_EXCEPTIONS}?whose=mine")),
    Page(name="console-exceptions-close", route=_EXCEPTIONS, reach=exceptions_to("Close …")),
    Page(name="console-floor", route=_FLOOR, reach=console(f"{_FLOOR}?location=")),
    *(
        Page(name=f"console-floor-{step}", route=_FLOOR, reach=board(step))
        for step in ("accept", "pick", "wrap", "ship")
    ),
    *(Page(name=f"console-work-{step}", route=_WORK, reach=work(step)) for step in _STEPS),
    Page(name="console-work-scanned", route=_WORK, reach=work("pick", "?scan=jersey")),
    Page(name="console-work-wrong-scan", route=_WORK, reach=work("pick", "?scan=GLASS")),
    Page(name="console-work-short", route=f"{_WORK}/short", reach=work("pick", "/short?line=1")),
    Page(
        name="console-work-short-preview",
        route=f"{_WORK}/short",
        reach=work("pick", "/short?line=1&units=1&reason=shelf_empty"),
    ),
    Page(name="console-work-reject", route=f"{_WORK}/reject", reach=work("accept", "/reject")),
    Page(name="console-slip", route=f"{_WORK}/slip", reach=work("pack", "/slip")),
    Page(name="console-stock", route=_STOCK, reach=console(_STOCK)),
    Page(name="console-stock-low", route=_STOCK, reach=console(f"{_STOCK}?sort=low&location=north")),
    Page(name="console-stock-nothing", route=_STOCK, reach=console(f"{_STOCK}?q=zzz")),
    Page(name="console-stock-of", route=_SKU, reach=stock_of("MUG")),
    Page(name="console-stock-change", route=f"{_SKU}/change", reach=stock_of("MUG", "/change?location=north")),
    Page(
        name="console-stock-fault",
        route=f"{_SKU}/preview",
        reach=stock_of("MUG", "/preview?location=north&deed=adjust&units=0"),
        status=422,
    ),
    Page(
        name="console-stock-preview",
        route=f"{_SKU}/preview",
        reach=stock_of("MUG", "/preview?location=north&deed=transfer&units=3&to=south"),
    ),
    Page(
        name="console-stock-refused",
        route=f"{_SKU}/preview",
        reach=stock_of("MUG", "/preview?location=north&deed=count&units=0"),
        status=409,
    ),
    Page(name="console-trouble", route=_WORK, reach=console(f"{_FLOOR}/ful_nothing"), status=404),
    Page(name="console-orders", route="/console/orders", reach=console("/console/orders")),
    Page(name="console-orders-filtered", route="/console/orders", reach=console("/console/orders?q=mug&lane=standard")),
    Page(name="console-orders-nothing", route="/console/orders", reach=console("/console/orders?q=zzz")),
    *(
        Page(name=f"console-order-{name}", route=_DESK, reach=console_order(query))
        for name, query in (
            ("delivered", "fulfillment=delivered"),
            ("held", "status=on_hold"),
            ("late", "late=yes"),
            ("personal", "kind=personalized"),
            ("returned", "fulfillment=partially_returned"),
            ("canceled", "status=canceled"),
        )
    ),
    *(
        Page(name=f"console-{name}", route=f"{_DESK}/{name}", reach=console_order("status=open", f"/{name}"))
        for name in _DEEDS
    ),
    *(
        Page(name=f"console-{name}", route=f"{_DESK}/{name}", reach=console_order("fulfillment=delivered", f"/{name}"))
        for name in _MONEY
    ),
    Page(
        name="console-withdraw",
        route=f"{_DESK}/withdraw",
        reach=console_order("", "/withdraw?return=nothing"),
        status=404,
    ),
    Page(name="console-cancel-blocked", route=f"{_DESK}/cancel", reach=console_order("status=completed", "/cancel")),
    Page(name="console-cancel-preview", route=f"{_DESK}/cancel", reach=cancel_preview_of_the_desk),
    Page(name="console-release", route=f"{_DESK}/release", reach=from_the_desk("hold=incorrect_address", "Release")),
    Page(name="console-message", route=f"{_DESK}/messages/{{message_id:str}}", reach=a_message),
    Page(name="console-resend", route=f"{_DESK}/resend", reach=a_message_again),
)

PAGES = (*SHOPPER, *MAILBOX, *CONSOLE)

NO_PAGES = {
    "/brand/{brand_name:str}/{digest:str}/colors.css": "a file",
    "/brand/{brand_name:str}/{digest:str}/logo": "a picture",
    "/console/settings/branding/tried.css": "a file",
    "/console/welcome": "leads to the next step",
    "/console/audit-log.csv": "a file",
    "/console/stock/feeds/{feed_id:str}/bad.csv": "a file",
    "/console/floor/next": "leads to the next work",
    "/console/floor/parcels/{shipment_id:str}/label.pdf": "a label to print",
    "/o/{token:str}/delay": "acts and leads back",
    "/openapi.json": "the document of the API",
    "/metrics": "figures for a machine",
    "/static/{digest:str}/{name:str}": "files",
    "/o/{token:str}/version": "a number, asked by the open page",
    "/o/{token:str}/preferences": "acts and leads back",
    "/o/{token:str}/returns/{return_id:str}/label.pdf": "a label to print",
    "/o/{token:str}/returns/{return_id:str}/qr.svg": "a picture",
    "/console/orders/{order_id:str}/returns/{return_id:str}/label.pdf": "a label to print",
    "/console/orders/{order_id:str}/returns/{return_id:str}/qr.svg": "a picture",
}
"""Routes outside the API that answer no page of their own, and what they answer."""
