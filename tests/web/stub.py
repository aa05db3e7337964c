"""Handlers as the nouns write them, small enough to see what the edge adds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import asyncpg
import msgspec
from litestar import get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from doorstep.db import Brand, Tx
from doorstep.journal import Command
from doorstep.journal.commands import Answer
from doorstep.kit.errors import Conflict, Fault, Invalid
from doorstep.web.api.metrics import HANDLERS as METRICS
from doorstep.web.api.operations import HANDLERS as OPERATIONS


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the stub's order."""

    sku: str
    quantity: Annotated[int, msgspec.Meta(ge=1, le=100)]


class Basket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The stub's order."""

    name: str = ""
    lines: list[Line] = []
    notes: dict[str, str] = {}


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What the stub answers: who asked, in which brand, and the count of calls so far."""

    brand: str
    actor: str
    calls: int


class StubIntake:
    """Counts; closed with the application."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.taken = 0
        self.closed = False

    async def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


calls = 0


@post("/v1/things", status_code=200, responses={200: ResponseSpec(Done)})
async def act(command: Command, data: Basket) -> Answer:
    """Count how often it really acted."""

    async def once(tx: Tx, now: datetime) -> Done:
        global calls
        calls += 1
        return Done(brand=command.brand.name, actor=command.actor, calls=calls)

    return await command.run(data, once, status=200)


@get("/v1/things")
async def look(brand: Brand, actor: str, limit: Annotated[int, Parameter(ge=1, le=10)] = 5) -> Done:
    """Say who asks."""
    return Done(brand=brand.name, actor=actor, calls=limit)


@post("/v1/delivery-options", status_code=200)
async def read_by_post(brand: Brand, data: Basket) -> Basket:
    """A post that changes nothing."""
    return data


@post("/v1/gathered", status_code=201)
async def gathered(intake: StubIntake, data: Basket) -> dict[str, Any]:
    """Use the intake."""
    intake.taken += 1
    return {"brand": intake.brand.name, "taken": intake.taken}


@get("/v1/broken/{how:str}")
async def broken(how: str, brand: Brand) -> Done:
    """Fail in the way that is asked for."""
    match how:
        case "conflict":
            raise Conflict("It is shipped already.", extra={"order_status": "shipped", "status": "shipped"})
        case "invalid":
            raise Invalid([Fault("/a", "One."), Fault("/b", "Two.")])
        case "gone":
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        case "misuse":
            raise asyncpg.InterfaceError("the server expects 3 arguments for this query, 2 were passed")
        case "number":
            async with brand.reading() as tx:
                await tx.fetchval("SELECT $1::integer", 2**40)
    raise RuntimeError("secret internals")


@post("/v1/webhooks/carriers/{brand_name:str}/{carrier:str}", status_code=200)
async def webhook(brand: Brand, carrier: str, body: bytes) -> dict[str, Any]:
    """Take a webhook."""
    return {"brand": brand.name, "carrier": carrier, "bytes": len(body)}


HANDLERS = (act, look, read_by_post, gathered, broken, webhook, *OPERATIONS, *METRICS)
