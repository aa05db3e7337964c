"""Between the request and the dock: label, tracking, drop-off, and ends without goods."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import msgspec
import pytest
import zxingcpp
from PIL import Image, ImageDraw

from doorstep import returns
from doorstep.db import Brand, Tx
from doorstep.jobs import Job, Work
from doorstep.kit.errors import Conflict, Invalid, NotFound
from doorstep.kit.ids import new_id
from doorstep.returns import Item, Return, WishLine
from tests.returns.world import FEE, NOW, Line, buckets, delivered, location_id, recorded, stock, stock_room, told


class Bought(msgspec.Struct, frozen=True, kw_only=True):
    return_id: UUID
    tracking_number: str


class Tracked(msgspec.Struct, frozen=True, kw_only=True):
    return_id: UUID
    status: str
    substatus: str = ""


async def opened(tx: Tx, line: Line, handover: Any = "label", **more: Any) -> tuple[UUID, Return]:
    await stock_room(tx)
    order_id = await delivered(tx, line)
    wanted = [WishLine(line_no=1, quantity=line.units, reason="damaged")]
    return order_id, await returns.request(
        tx, order_id=order_id, wanted=wanted, handover=handover, actor="test", now=NOW, **more
    )


async def now_is(tx: Tx, one: Return) -> Return:
    return await returns.read_one(tx, one.return_id)


async def expire(brand: Brand, one: Return, at: datetime) -> datetime | None:
    """Run the return's job at a time; when it wants to be run again, None: it is done."""
    async with brand.transaction() as tx:
        await tx.execute("UPDATE clock SET wall_from = clock_timestamp(), clock_from = $1, rate = 0", at)
        lease = new_id()
        row = await tx.fetchrow(
            """
            UPDATE jobs SET lease = $2, attempts = 1 WHERE kind = 'returns.expire' AND subject = $1
            RETURNING job_id, kind, subject, lane, attempts, lease
            """,
            *(one.return_id, lease),
        )
    assert row is not None
    await returns.expire(Work(brand, Job(**row), {}))
    async with brand.transaction() as tx:
        done = await tx.fetchrow("SELECT state, due_at FROM jobs WHERE job_id = $1", row["job_id"])
    assert done is not None
    return None if done["state"] == "done" else done["due_at"]


async def test_the_label_is_told_once(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id, one = await opened(tx, Line())
        event = recorded(order_id, Bought(return_id=one.return_id, tracking_number="SB123"))
        await returns.attach_label(tx, [event], now=NOW)
        await returns.attach_label(tx, [event], now=NOW)
        assert (await now_is(tx, one)).tracking_number == "SB123"
        assert [data["tracking_number"] for data in await told(tx, "returns.label_bought")] == ["SB123"]


async def test_the_first_scan_sets_it_on_its_way_and_later_ones_change_nothing(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id, one = await opened(tx, Line())
        scans = [
            recorded(order_id, Tracked(return_id=one.return_id, status=status))
            for status in ("info_received", "in_transit", "out_for_delivery", "delivered")
        ]
        await returns.follow(tx, scans[:1], now=NOW)
        assert (await now_is(tx, one)).status == "requested"
        await returns.follow(tx, scans[1:], now=NOW + timedelta(days=5))
        after = await now_is(tx, one)
        assert (after.status, after.lines[0].reception) == ("in_transit", "in_transit")
        assert after.expires_at == NOW + timedelta(days=26)
        assert len(await told(tx, "returns.in_transit")) == 1


async def test_what_our_carrier_loses_is_refunded_once_and_nothing_is_restocked(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id, one = await opened(tx, Line(units=2, total_minor=700))
        lost = recorded(order_id, Tracked(return_id=one.return_id, status="exception", substatus="lost"))
        await returns.follow(tx, [lost, lost], now=NOW)
        after = await now_is(tx, one)
        assert (after.status, after.lines[0].reception, after.refund_minor) == ("closed", "lost", 700 + FEE)
        assert await buckets(tx, order_id) == [(0, 0, 2)]
        assert await stock(tx, "LDS") == (0, 0, 0)
        assert [data["refund_minor"] for data in await told(tx, "returns.lost")] == [700 + FEE]
        assert await tx.fetchval("SELECT kind FROM exceptions") == "return_lost"
        units = [finding for finding in await returns.audit(tx) if finding.area == "units"]
        assert all(finding.holds for finding in units)


async def test_a_qr_return_is_handed_in_with_its_code_and_with_no_other(brand: Brand) -> None:
    async with brand.transaction() as tx:
        _, one = await opened(tx, Line(), "qr")
        for token in (None, "ret_guess", f"{one.qr_token}x"):
            with pytest.raises(Invalid):
                await returns.drop_off(tx, return_id=one.return_id, token=token, location="SHOP", actor="till", now=NOW)
        with pytest.raises(NotFound):
            await returns.drop_off(tx, return_id=None, token="ret_guess", location="SHOP", actor="till", now=NOW)
        with pytest.raises(Invalid):
            await returns.drop_off(tx, return_id=None, token=one.qr_token, location="VENDOR", actor="till", now=NOW)
        first, after = [
            await returns.drop_off(tx, return_id=None, token=one.qr_token, location="SHOP", actor="till", now=NOW)
            for _ in range(2)
        ]
        assert first == after
        assert (after.status, after.location_id) == ("in_transit", await location_id(tx, "SHOP"))
        assert len(await told(tx, "returns.in_transit")) == 1


async def test_a_store_return_needs_a_store_that_takes_returns(brand: Brand) -> None:
    async with brand.transaction() as tx:
        with pytest.raises(Invalid):
            await opened(tx, Line(), "store")
        _, one = await opened(tx, Line(), "store", location="SHOP")
        after = await returns.drop_off(tx, return_id=one.return_id, token=None, location="SHOP", actor="till", now=NOW)
        assert after.status == "in_transit"


async def test_a_label_return_cannot_be_handed_in(brand: Brand) -> None:
    async with brand.transaction() as tx:
        _, one = await opened(tx, Line())
        with pytest.raises(Conflict):
            await returns.drop_off(tx, return_id=one.return_id, token=None, location="SHOP", actor="till", now=NOW)


async def test_a_scanner_reads_the_token_from_the_qr_code(brand: Brand) -> None:
    async with brand.transaction() as tx:
        _, one = await opened(tx, Line(), "qr")
    assert one.qr_token is not None
    found = zxingcpp.read_barcodes(_drawn(returns.qr_svg(one.qr_token)))
    assert [code.text for code in found] == [one.qr_token]


def _drawn(svg: str) -> Image.Image:
    """The SVG as a picture; it is drawn with one path of rectangles."""
    root = ElementTree.fromstring(svg)
    image = Image.new("L", (int(root.attrib["width"]), int(root.attrib["height"])), 255)
    pen = ImageDraw.Draw(image)
    for path in root.iter("{http://www.w3.org/2000/svg}path"):
        for shape in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)", path.attrib["d"]):
            x, y, width, height = map(int, shape)
            pen.rectangle((x, y, x + width - 1, y + height - 1), fill=0)
    return image


async def test_a_return_that_never_comes_ends_by_itself(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id, one = await opened(tx, Line(units=2))
    assert await expire(brand, one, one.expires_at - timedelta(seconds=1)) == one.expires_at
    assert await expire(brand, one, one.expires_at) is None
    async with brand.transaction() as tx:
        after = await now_is(tx, one)
        assert (after.status, after.lines[0].reception, after.refund_minor) == ("expired", "expired", 0)
        assert await buckets(tx, order_id) == [(2, 0, 0)]
        assert len(await told(tx, "returns.expired")) == 1
        assert all(finding.holds for finding in await returns.audit(tx))
        again = [WishLine(line_no=1, quantity=2, reason="changed_mind")]
        await returns.request(tx, order_id=order_id, wanted=again, handover="qr", actor="test", now=NOW)


async def test_one_that_was_on_its_way_gets_its_time_again_and_then_a_person(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id, one = await opened(tx, Line())
        moving = recorded(order_id, Tracked(return_id=one.return_id, status="in_transit"))
        await returns.follow(tx, [moving], now=NOW + timedelta(days=20))
    later = NOW + timedelta(days=41)
    assert await expire(brand, one, one.expires_at) == later
    assert await expire(brand, one, later) is None
    async with brand.transaction() as tx:
        assert (await now_is(tx, one)).status == "expired"
        assert await tx.fetchval("SELECT kind FROM exceptions") == "return_not_arrived"


async def test_the_rest_of_a_partly_received_return_expires_and_what_was_judged_stands(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id, one = await opened(tx, Line(units=3, total_minor=900), "qr")
        items = [Item(line_no=1, quantity=1, disposition="restock")]
        await returns.receive(tx, return_id=one.return_id, location="LDS", items=items, actor="dock", now=NOW)
    assert await expire(brand, one, one.expires_at) is None
    async with brand.transaction() as tx:
        after = await now_is(tx, one)
        assert (after.status, after.lines[0].reception, after.refund_minor) == ("closed", "short", 300)
        assert await buckets(tx, order_id) == [(2, 0, 1)]


async def test_only_a_return_of_which_nothing_is_under_way_is_declined(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id, one = await opened(tx, Line(), "store", location="SHOP")
        await returns.decline(tx, return_id=one.return_id, reason="kept it after all", actor="eve", now=NOW)
        assert ((await now_is(tx, one)).status, await buckets(tx, order_id)) == ("declined", [(1, 0, 0)])
        with pytest.raises(Conflict):
            await returns.decline(tx, return_id=one.return_id, reason="again", actor="eve", now=NOW)


async def test_a_label_that_comes_after_the_end_is_not_told(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id, one = await opened(tx, Line())
        await returns.decline(tx, return_id=one.return_id, reason="no", actor="eve", now=NOW)
        bought = recorded(order_id, Bought(return_id=one.return_id, tracking_number="SB1"))
        lost = recorded(order_id, Tracked(return_id=one.return_id, status="exception", substatus="lost"))
        await returns.attach_label(tx, [bought], now=NOW)
        await returns.follow(tx, [lost], now=NOW)
        assert await told(tx, "returns.label_bought") == []
        assert (await now_is(tx, one)).refund_minor == 0
