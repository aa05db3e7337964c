"""A running shop to look at: `python -m tests.browser.world FOLDER all|journey`.

It is a process of its own, so that test workers can share it. It ends when nobody holds the lock in its folder any
more, also if those who held it were killed.
"""

from __future__ import annotations

import asyncio
import fcntl
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import httpx2
import msgspec

from doorstep import delivery
from doorstep.demo.keeping import keep_alive
from doorstep.demo.runfile import new_run, write_whole
from doorstep.demo.stage import BRAND, Stage, on_stage
from doorstep.web.console import door, people
from tests.browser.hands import Hands, Placed
from tests.support.shop import ADDRESS, CUSTOMER, LOCATIONS, PRODUCTS

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WORLD_FILE, LOCK_FILE, LOG_FILE = "world.json", "world.lock", "world.log"

_STORE = {
    "code": "corner", "name": "The shop at the corner", "kind": "store", "country": "GB", "postcode": "SW1A 1AA",
    "city": "London", "street": "4 Palace Street", "latitude": 51.5, "longitude": -0.14,
    "timezone": "Europe/London", "capabilities": ["returns"], "priority": 90,
}  # fmt: skip
JERSEY = {
    "sku": "JERSEY",
    "personalization": {"fields": {"name": "LOVELACE", "number": "10"}, "fee_minor": 0},
    "gift_wrap": {"message": "For the best goalkeeper I know", "fee_minor": 0},
}
_LONG_TITLE = "Rindfleischetikettierungsüberwachungsmug, thrown by hand in Ashton-under-Lyne, dishwasher-proof"
_LONG = {"sku": "LONG", "quantity": 2}


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are: the processes and their keys, the page of an order by its state, and work on the floor by the
    step it waits for. `session` is one of the admin at the console.
    """

    api: str
    api_key: str
    carrier: str
    messages: str
    shop: str
    password: str
    session: str
    orders: dict[str, str] = {}
    work: dict[str, str] = {}


def hold(folder: Path) -> IO[str]:
    """Keep the world of this folder alive until this is closed."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / LOCK_FILE).open("w")
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


async def live(folder: Path, build: Callable[[Stage], Awaitable[World]], *, lively: bool = False) -> None:
    """Start a stage, build a world on it, tell where it is, and go on until nobody needs it. In a lively one a van
    takes what is handed over.
    """
    run = new_run(end=START, seed=7, orders=0)
    async with on_stage(folder, run, starts_at=START, port=0, tell=lambda *_: None) as stage:
        world = await build(stage)
        write_whole(folder / WORLD_FILE, msgspec.json.encode(world))
        with (folder / LOCK_FILE).open("w") as lock:
            van = asyncio.create_task(keep_alive(stage)) if lively else None
            await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
            if van is not None:
                van.cancel()


async def build_all(stage: Stage) -> World:
    """Let a week pass in which everything happens that can happen to an order."""
    async with Hands(stage, START) as hands:
        await load(hands)
        old = await _a_week_ago(hands)
        await hands.set_clock(START + timedelta(days=7))
        new = await _on_the_road(hands) | await _at_home(hands)
        orders = {state: placed.order_page for state, placed in (old | new).items()}
        await stage.open_shop()
        # Carts are held, and the clock stands still; and somebody else than the admin works here.
        many = [{"sku": sku, "quantity": 1000} for sku in ("SHOP-JERSEY-S", "SHOP-JERSEY-M", "SHOP-BOTTLE")]
        await hands.send("POST", "/v1/stock/receipts", {"reference": "many", "location": "workshop", "lines": many})
        await _in_the_stockroom(hands)
        hashed = await people.hash_password("correct horse battery")
        async with stage.database.shared() as tx:
            await people.add(tx, login="bea", name="Bea Baker", password_hash=hashed, brand=BRAND, role="floor")
        return await _world(stage, orders=orders, work=await _on_the_floor(hands))


async def build_journey(stage: Stage) -> World:
    """A shop before its first order, on a Monday morning."""
    async with Hands(stage, START) as hands:
        await stage.open_shop()
        await hands.rest()
        return await _world(stage)


async def _world(stage: Stage, **found: dict[str, str]) -> World:
    password = stage.run.console_password
    async with httpx2.AsyncClient(base_url=stage.api_url, trust_env=False) as client:
        await client.post("/console/login", data={"login": "admin", "password": password})
        session = client.cookies[door.COOKIE]
    return World(
        api=stage.api_url,
        api_key=stage.run.api_key,
        carrier=stage.carrier_url,
        messages=stage.messages_url,
        shop=stage.shop_url,
        password=password,
        session=session,
        orders=found.get("orders", {}),
        work=found.get("work", {}),
    )


async def _on_the_floor(hands: Hands) -> dict[str, str]:
    """Work that waits at each step, one of them on hold."""
    waiting = {}
    for done, waits in (("accept", "pick"), ("pick", "personalize"), ("personalize", "wrap"), ("gift_wrap", "pack")):
        placed = await hands.place(JERSEY, service="express")
        (waiting[waits],) = await hands.work(placed.order_id, until=done)
    placed = await hands.place(JERSEY)
    (waiting["ship"],) = await hands.work(placed.order_id)
    placed = await hands.place(JERSEY)
    (waiting["accept"],) = await hands.work(placed.order_id, until="")
    return waiting


async def load(hands: Hands) -> None:
    """What is sold, where it lies and how it is sent."""
    long = {**PRODUCTS[0], "sku": "LONG", "title": _LONG_TITLE}
    await hands.send("PUT", "/v1/locations", [*LOCATIONS, _STORE])
    await hands.send("PUT", "/v1/products", [*PRODUCTS, long])
    await hands.send("PUT", "/v1/channels", [{"channel": "web", "title": "Web shop", "currency": "GBP"}])
    async with hands.stage.brand.transaction() as tx:
        await delivery.seed_defaults(tx, "GBP")
    for location, skus in {"north": ["MUG", "CARD", "LONG"], "workshop": ["JERSEY"]}.items():
        lines = [{"sku": sku, "quantity": 200} for sku in skus]
        await hands.send("POST", "/v1/stock/receipts", {"reference": "first", "location": location, "lines": lines})
    glass = {"reference": "few", "location": "north", "lines": [{"sku": "GLASS", "quantity": 3}]}
    await hands.send("POST", "/v1/stock/receipts", glass)


async def _in_the_stockroom(hands: Hands) -> None:
    """Goods on their way and between two locations, and shelves that are being counted."""
    at = (hands.now + timedelta(days=3)).isoformat()
    coming = [{"sku": "MUG", "quantity": 40}, {"sku": "CARD", "quantity": 500}]
    order = {"reference": "PO-2026-118", "location": "north", "expected_at": at, "lines": coming}
    await hands.send("POST", "/v1/stock/incoming", order)
    some = [{"sku": "MUG", "quantity": 6}, {"sku": "CARD", "quantity": 20}]
    plan = {"reference": "T-planned", "from": "north", "to": "south", "expected_at": at, "lines": some}
    await hands.send("POST", "/v1/stock/transfers", plan)
    sent = await hands.send("POST", "/v1/stock/transfers", {**plan, "reference": "T-sent"})
    path = f"/v1/stock/transfers/{sent['transfer_id']}"
    await hands.send("POST", f"{path}/ship", {})
    part = [{"sku": "MUG", "quantity": 3, "damaged": 1}]
    await hands.send("POST", f"{path}/receive", {"reference": "Part 1", "lines": part})
    skus = ["MUG", "CARD", "LONG", "GLASS"]
    job = {"reference": "Monday", "location": "north", "skus": skus, "tolerance_units": 1}
    path = f"/v1/stock/count-jobs/{(await hands.send('POST', '/v1/stock/count-jobs', job))['count_job_id']}"
    for sku, counted in (("GLASS", 2), ("CARD", 10), ("MUG", 1), ("MUG", 2)):
        await hands.send("POST", f"{path}/enter", {"sku": sku, "counted": counted})


async def _a_week_ago(hands: Hands) -> dict[str, Placed]:
    """Orders that have arrived by now; of some, something goes back."""
    states = ("delivered", "return-label", "return-code", "return-store", "return-done", "return-many")
    short = {"delivered", "return-code"}
    orders = {
        state: await hands.place({"sku": "MUG", "quantity": 3}, {"sku": "CARD"}, *([] if state in short else [_LONG]))
        for state in states
    }
    orders["personal"] = await hands.place(JERSEY, {"sku": "MUG"}, service="express")
    for placed in orders.values():
        await hands.ship(placed.order_id)
    await hands.pass_time(timedelta(days=4))
    await hands.give_back(orders["return-label"], "label")
    await hands.give_back(orders["return-code"], "qr")
    await hands.give_back(orders["return-store"], "store", location="corner")
    done = await hands.give_back(orders["return-done"], "store", location="corner")
    await hands.send("POST", f"/v1/returns/{done['return_id']}/drop-off", {"location": "corner"})
    lines = [{"line_no": 1, "quantity": 1, "disposition": "restock"}]
    receipt = {"location": "corner", "lines": lines, "last": True}
    await hands.send("POST", f"/v1/returns/{done['return_id']}/receive", receipt)
    for handover in ("label", "qr"):
        await hands.give_back(orders["return-many"], handover)
    await hands.rest()
    return orders


async def _on_the_road(hands: Hands) -> dict[str, Placed]:
    """Orders that left this morning, and what the carrier says of them."""
    road = ("sent", "today", "pickup", "late", "gone", "tried")
    orders = {state: await hands.place({"sku": "MUG"}, _LONG, service="express") for state in road}
    numbers = {state: (await hands.ship(placed.order_id, scan=False))[0] for state, placed in orders.items()}
    partly = await hands.place({"sku": "MUG"}, JERSEY)
    await hands.ship(partly.order_id, at="north", scan=False)
    for number in numbers.values():
        await hands.tell(number, "COLLECTED")
    await hands.set_clock(hands.now + timedelta(hours=22))
    eta = hands.now + timedelta(days=3)
    await hands.tell(numbers["late"], "DELAYED", reason="delay", eta=eta)
    for state in ("today", "tried", "pickup"):
        await hands.tell(numbers[state], "OUT_FOR_DELIVERY")
    await hands.tell(numbers["tried"], "NOT_DELIVERED", reason="recipient_absent")
    await hands.tell(numbers["pickup"], "READY_FOR_PICKUP")
    await hands.tell(numbers["gone"], "LOST", reason="lost")
    return orders | {"partly-sent": partly}


async def _at_home(hands: Hands) -> dict[str, Placed]:
    """Orders that have not left yet."""
    nowhere = {**ADDRESS, "postcode": "NOWHERE"}
    orders = {
        "preparing": await hands.place({"sku": "MUG", "quantity": 2}, JERSEY),
        "to-cancel": await hands.place({"sku": "MUG", "quantity": 2}, _LONG),
        "canceled": await hands.place({"sku": "CARD"}),
        "asked": await hands.place({"sku": "MUG"}, ship_to=nowhere),
        "waiting": await hands.place({"sku": "GLASS", "quantity": 9}, on_short="accept"),
        "declined": await hands.place({"sku": "MUG"}, payment={"token": "tok_declined"}),
        "german": await hands.place({"sku": "MUG", "quantity": 2}, JERSEY, customer={**CUSTOMER, "locale": "de"}),
        "guessed": await hands.place({"sku": "CARD"}, preferences={"channel": "both"}),
    }
    await hands.rest()
    await hands.send("POST", f"/v1/orders/{orders['canceled'].order_id}/cancel", {"reason": "changed mind"})
    await hands.rest()
    return orders


BUILDERS = {"all": build_all, "journey": build_journey}

if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1]), BUILDERS[sys.argv[2]], lively=sys.argv[2] == "journey"))
