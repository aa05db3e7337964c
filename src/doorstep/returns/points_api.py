"""HTTP: drop-off points, and where postcodes lie."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get, put
from litestar.params import Parameter
from msgspec import Meta

from doorstep.db import Brand, Tx
from doorstep.kit.limits import PAGE_MAX
from doorstep.returns.points import DropOffPoint, PostcodeArea, nearest, position, put_areas, put_points

_AT_ONCE = 5_000
Points = Annotated[list[DropOffPoint], Meta(max_length=_AT_ONCE)]
Areas = Annotated[list[PostcodeArea], Meta(max_length=_AT_ONCE)]


class PutDone(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows of the list stand now."""

    count: int


class DropOffPointView(msgspec.Struct, frozen=True, kw_only=True):
    """A point, and how far it is in a straight line."""

    carrier: str
    code: str
    name: str
    street: str
    postcode: str
    city: str
    country: str
    latitude: float
    longitude: float
    hours: str
    distance_km: float


class NearestPoints(msgspec.Struct, frozen=True, kw_only=True):
    """The nearest points, nearest first. `known` is false when nobody told us where the postcode lies: no points."""

    known: bool
    items: list[DropOffPointView]


@get("/v1/drop-off-points", tags=["returns"])
async def list_drop_off_points(
    brand: Brand,
    country: Annotated[str, Parameter(pattern="^[A-Z]{2}$")],
    postcode: Annotated[str, Parameter(min_length=1, max_length=20)],
    carrier: Annotated[str | None, Parameter(max_length=40)] = None,
    limit: int = Parameter(default=10, ge=1, le=PAGE_MAX),
) -> NearestPoints:
    """Where a parcel can be brought near a postcode."""
    async with brand.reading() as tx:
        at = await position(tx, country, postcode)
        if at is None:
            return NearestPoints(known=False, items=[])
        found = await nearest(tx, country=country, at=at, carrier=carrier, limit=limit)
    fields = [field for field in DropOffPointView.__struct_fields__ if field != "distance_km"]
    return NearestPoints(
        known=True,
        items=[
            DropOffPointView(
                distance_km=round(one.distance_km, 2), **{field: getattr(one.point, field) for field in fields}
            )
            for one in found
        ],
    )


@put("/v1/drop-off-points", tags=["returns"])
async def replace_drop_off_points(brand: Brand, data: Points) -> PutDone:
    """Create or replace drop-off points by carrier and code. The same list again changes nothing."""

    async def act(tx: Tx) -> PutDone:
        return PutDone(count=await put_points(tx, data))

    return await brand.run(act)


@put("/v1/postcode-areas", tags=["returns"])
async def replace_postcode_areas(brand: Brand, data: Areas) -> PutDone:
    """Create or replace where postcodes lie, by country and prefix; of a postcode the longest prefix counts."""

    async def act(tx: Tx) -> PutDone:
        return PutDone(count=await put_areas(tx, data))

    return await brand.run(act)


HANDLERS = (list_drop_off_points, replace_drop_off_points, replace_postcode_areas)
