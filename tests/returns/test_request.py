"""Asking for a return: what may come back, and what is refused."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from doorstep import returns
from doorstep.db import Brand
from doorstep.kit.errors import BodyDiffers, Conflict, Invalid, NotFound
from doorstep.kit.ids import new_id
from doorstep.returns import WishLine
from tests.returns.world import DELIVERED, NOW, Line, buckets, delivered, stock_room, told


def wish(line_no: int = 1, quantity: int = 1, reason: str = "changed_mind") -> WishLine:
    return WishLine(line_no=line_no, quantity=quantity, reason=reason)  # type: ignore[arg-type]  # any, to see it refused


async def test_each_line_says_what_may_come_back_and_why_not(brand: Brand) -> None:
    async with brand.transaction() as tx:
        await stock_room(tx)
        order_id = await delivered(
            tx, Line(units=3), Line(sku="JERSEY", personalized=True), Line(sku="SOAP"), Line(units=2, waiting=2)
        )
        mug, jersey, soap, waiting = await returns.eligible(tx, order_id=order_id, now=NOW)
        later = await returns.eligible(tx, order_id=order_id, now=DELIVERED + timedelta(days=31))
    assert (mug.quantity, mug.until) == (3, DELIVERED + timedelta(days=30))
    assert "changed_mind" in mug.reasons
    assert jersey.reasons == soap.reasons == ("defective", "damaged", "wrong_item")
    assert "personalized" in jersey.why
    assert (waiting.quantity, waiting.code) == (0, "not_delivered")
    assert [line.code for line in later] == ["too_late", "too_late", "too_late", "not_delivered"]
    assert "2026-07-01" in later[0].why


async def test_the_last_second_of_the_last_day_counts(brand: Brand) -> None:
    async with brand.transaction() as tx:
        await stock_room(tx)
        order_id = await delivered(tx, Line())
        end = DELIVERED + timedelta(days=30)
        assert (await returns.eligible(tx, order_id=order_id, now=end))[0].quantity == 1
        assert (await returns.eligible(tx, order_id=order_id, now=end + timedelta(seconds=1)))[0].quantity == 0


async def test_an_order_that_does_not_exist_is_not_found(brand: Brand) -> None:
    async with brand.transaction() as tx:
        with pytest.raises(NotFound):
            await returns.eligible(tx, order_id=new_id(), now=NOW)


async def test_requested_units_wait_in_their_bucket_with_a_label_and_an_end(brand: Brand) -> None:
    async with brand.transaction() as tx:
        await stock_room(tx)
        order_id = await delivered(tx, Line(units=3))
        one = await returns.request(
            tx, order_id=order_id, wanted=[wish(quantity=2)], handover="label", actor="test", now=NOW
        )
        assert await buckets(tx, order_id) == [(1, 2, 0)]
        label = await tx.fetchrow("SELECT parcel_id, direction FROM labels")
        jobs = await tx.fetch("SELECT kind, subject FROM jobs ORDER BY kind")
        requested = await told(tx, "returns.requested")
        findings = await returns.audit(tx)
    assert label is not None
    assert (label["parcel_id"], label["direction"]) == (one.return_id, "back")
    assert [job["kind"] for job in jobs] == ["returns.expire", "shipping.buy_label"]
    assert one.refund_by > one.expires_at > NOW
    assert [event["number"] for event in requested] == [one.number]
    assert all(finding.holds for finding in findings)


async def test_the_same_units_cannot_be_returned_twice(brand: Brand) -> None:
    async with brand.transaction() as tx:
        await stock_room(tx)
        order_id = await delivered(tx, Line(units=2))
        await returns.request(
            tx, order_id=order_id, wanted=[wish(quantity=2)], handover="qr", number="A", actor="test", now=NOW
        )
        with pytest.raises(Conflict, match="open already"):
            await returns.request(tx, order_id=order_id, wanted=[wish()], handover="qr", actor="test", now=NOW)
        assert await buckets(tx, order_id) == [(0, 2, 0)]


async def test_two_who_ask_at_once_for_the_last_unit_get_one_return(brand: Brand) -> None:
    async with brand.transaction() as tx:
        await stock_room(tx)
        order_id = await delivered(tx, Line())

    async def ask() -> bool:
        try:
            async with brand.transaction() as tx:
                await returns.request(tx, order_id=order_id, wanted=[wish()], handover="qr", actor="test", now=NOW)
        except Conflict:
            return False
        return True

    answers = await asyncio.gather(*(ask() for _ in range(6)))
    async with brand.transaction() as tx:
        assert await buckets(tx, order_id) == [(0, 1, 0)]
    assert sorted(answers) == [False] * 5 + [True]


async def test_the_same_number_again_answers_the_same_return_and_takes_nothing_more(brand: Brand) -> None:
    async with brand.transaction() as tx:
        await stock_room(tx)
        order_id = await delivered(tx, Line(units=3))
        both = [
            await returns.request(
                tx, order_id=order_id, wanted=[wish()], handover="qr", number="A", actor="test", now=NOW
            )
            for _ in range(2)
        ]
        with pytest.raises(BodyDiffers) as error:
            await returns.request(
                tx, order_id=order_id, wanted=[wish(quantity=2)], handover="label", number="A", actor="test", now=NOW
            )
        assert await buckets(tx, order_id) == [(2, 1, 0)]
    assert both[0] == both[1]
    assert error.value.extra["fields"] == ["lines", "handover"]


async def test_everything_wrong_with_a_request_is_told_at_once(brand: Brand) -> None:
    async with brand.transaction() as tx:
        await stock_room(tx)
        order_id = await delivered(tx, Line(), Line(sku="JERSEY", personalized=True))
        with pytest.raises(Invalid) as error:
            await returns.request(
                tx,
                order_id=order_id,
                wanted=[wish(1), wish(1), wish(2), wish(9)],
                handover="store",
                outcome="exchange",
                location="VENDOR",
                actor="test",
                now=NOW,
            )
        assert await buckets(tx, order_id) == [(1, 0, 0), (1, 0, 0)]
    pointers = {fault.pointer for fault in error.value.faults}
    instead = {f"/lines/{place}/exchange_sku" for place in range(4)}
    assert pointers == instead | {"/location", "/lines/1/line_no", "/lines/2/reason", "/lines/3/line_no"}


async def test_a_faulty_personalized_article_may_come_back(brand: Brand) -> None:
    async with brand.transaction() as tx:
        await stock_room(tx)
        order_id = await delivered(tx, Line(sku="JERSEY", personalized=True))
        await returns.request(
            tx, order_id=order_id, wanted=[wish(reason="defective")], handover="qr", actor="test", now=NOW
        )
        assert await buckets(tx, order_id) == [(0, 1, 0)]
