"""The ledger of promises: opened from the order as placed, never overwritten, every change told once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from doorstep import delivery
from doorstep.db import Brand, Tx
from doorstep.journal import Recorded
from doorstep.kit.ids import new_id

PLACED = datetime(2026, 6, 1, 9, tzinfo=UTC)  # a Monday
WEDNESDAY, THURSDAY = (datetime(2026, 6, day, 19, tzinfo=UTC) for day in (3, 4))
MORNING = datetime(2026, 6, 2, 7, tzinfo=UTC)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    line_no: int
    quantity: int = 1


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    cause: str
    lines: Sequence[Line]
    expected_at: datetime | None


class Late(msgspec.Struct, frozen=True, kw_only=True):
    cause: str
    lines: Sequence[Line]
    expected_by: datetime | None


class Other(msgspec.Struct, frozen=True, kw_only=True):
    short: bool = False


def event(order_id: UUID, data: object) -> Recorded[Any]:
    return Recorded(
        event_id=new_id(), position=1, order_id=order_id, lane=1, actor="test", occurred_at=PLACED, data=data
    )


async def place(tx: Tx, *, short: bool = False) -> UUID:
    """Three lines: 1 sent from Leeds, 2 in two parts, 3 (personalized) sent from Leeds or, when asked for, short."""
    order_id, contact_id, address_id = new_id(), new_id(), new_id()
    location_id = await tx.fetchval(
        """
        INSERT INTO locations (code, name, kind, country, postcode, city, street, latitude, longitude, timezone)
        VALUES ('LDS', 'Leeds', 'warehouse', 'GB', 'LS1 1AA', 'Leeds', '1 Street', 53.8, -1.5, 'Europe/London')
        ON CONFLICT (code) DO UPDATE SET name = excluded.name RETURNING location_id
        """
    )
    part = {"location_id": location_id, "promised_from": MORNING, "promised_by": WEDNESDAY}
    third = [] if short else [[3, 1]]
    decision = {
        "parts": [
            {**part, "lines": [[1, 1], [2, 1], *third]},
            {**part, "promised_by": THURSDAY, "lines": [[2, 1]]},
        ],
        "short": [[3, 1]] if short else [],
    }
    await tx.execute("INSERT INTO contacts (contact_id, name) VALUES ($1, 'Ada')", contact_id)
    await tx.execute(
        "INSERT INTO addresses (address_id, name, street, city, postcode, country) VALUES ($1, '', '', '', 'M1', 'GB')",
        address_id,
    )
    await tx.execute(
        """
        INSERT INTO orders (order_id, channel_id, number, body_hash, contact_id, address_id, placed_at, service, lane,
            on_short, currency, total_minor, shipping_minor, promised_from, promised_by, decision)
        VALUES ($1, 1, 'N1', '', $2, $3, $4, 'standard', 1, 'accept', 'GBP', 0, 0, $5, $6, $7)
        """,
        order_id,
        contact_id,
        address_id,
        PLACED,
        MORNING,
        THURSDAY,
        decision,
    )
    for line_no, ordered in ((1, 1), (2, 2), (3, 1)):
        await tx.execute(
            """
            INSERT INTO order_lines (order_id, line_no, sku_id, ordered, reserved, unit_price_minor, routing_kind)
            VALUES ($1, $2, 1, $3, $3, 100, 'regular')
            """,
            order_id,
            line_no,
            ordered,
        )
    await tx.execute(
        "INSERT INTO line_services (order_id, line_no, kind, detail) VALUES ($1, 3, 'personalization', '{}')", order_id
    )
    return order_id


async def _dates(tx: Tx, order_id: UUID) -> dict[int, tuple[int, datetime | None]]:
    """By line: the version in force and its date."""
    current = (await delivery.current(tx, [order_id]))[order_id]
    return {promise.line_no: (promise.version, promise.promised_by) for promise in current}


async def _told(tx: Tx, order_id: UUID) -> list[delivery.Repromised]:
    rows = await tx.fetch("SELECT data FROM events WHERE order_id = $1 ORDER BY event_id", order_id)
    return [msgspec.convert(row["data"], delivery.Repromised, strict=False) for row in rows]


async def test_the_first_entry_is_what_was_promised_at_placing_line_by_line(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id = await place(tx)
        await delivery.open_ledger(tx, [event(order_id, Other())], now=PLACED)
        await delivery.open_ledger(tx, [event(order_id, Other())], now=PLACED)
        history = await delivery.history(tx, order_id)
        findings = await delivery.audit(tx)
    assert {promise.line_no: promise.promised_by for promise in history} == {1: WEDNESDAY, 2: THURSDAY, 3: WEDNESDAY}
    assert {promise.cause for promise in history} == {"placed"}
    assert all(finding.holds for finding in findings)


async def test_a_line_that_came_up_short_has_no_date_until_goods_are_expected(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id = await place(tx, short=True)
        await delivery.seed_defaults(tx, "GBP")
        await delivery.open_ledger(tx, [event(order_id, Other())], now=PLACED)
        assert (await _dates(tx, order_id))[3] == (1, None)
        goods = Missing(cause="short", lines=[Line(line_no=3)], expected_at=datetime(2026, 6, 8, 9, tzinfo=UTC))
        await delivery.repromise(tx, [event(order_id, goods)], now=PLACED)
        # Monday, one working day of personalizing, three of transit, by 20:00 in London.
        assert (await _dates(tx, order_id))[3] == (2, datetime(2026, 6, 12, 19, tzinfo=UTC))


async def test_a_late_parcel_moves_its_lines_and_no_others_and_is_told_once(brand: Brand) -> None:
    friday = THURSDAY + timedelta(days=1)
    late = Late(cause="carrier_delay", lines=[Line(line_no=1), Line(line_no=2)], expected_by=friday)
    async with brand.transaction() as tx:
        order_id = await place(tx)
        for _ in range(2):
            await delivery.repromise(tx, [event(order_id, late)], now=MORNING)
        dates, told = await _dates(tx, order_id), await _told(tx, order_id)
        history = await delivery.history(tx, order_id)
    assert dates == {1: (2, friday), 2: (2, friday), 3: (1, WEDNESDAY)}
    assert [(entry.was_promised_by, entry.promised_by, entry.line_nos) for entry in told] == [
        (WEDNESDAY, friday, (1,)),
        (THURSDAY, friday, (2,)),
    ]
    assert len(history) == 5
    assert {entry.cause for entry in history if entry.version == 2} == {"carrier_delay"}


async def test_events_of_one_batch_build_on_each_other(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id = await place(tx)
        events = [
            event(order_id, Late(cause="late", lines=[Line(line_no=1)], expected_by=THURSDAY + timedelta(days=days)))
            for days in (1, 4)
        ]
        await delivery.repromise(tx, events, now=MORNING)
        versions = [(entry.version, entry.was_promised_by) for entry in await _told(tx, order_id)]
    assert versions == [(2, WEDNESDAY), (3, THURSDAY + timedelta(days=1))]


async def test_a_date_that_still_holds_is_not_promised_anew(brand: Brand) -> None:
    earlier = Late(cause="late", lines=[Line(line_no=2)], expected_by=WEDNESDAY)
    async with brand.transaction() as tx:
        order_id = await place(tx)
        await delivery.repromise(tx, [event(order_id, earlier)], now=MORNING)
        assert (await _dates(tx, order_id))[2] == (1, THURSDAY)
        assert await _told(tx, order_id) == []


async def test_nobody_knows_when_is_said_as_such_and_any_date_is_better(brand: Brand) -> None:
    unknown = Missing(cause="short_pick", lines=[Line(line_no=1)], expected_at=None)
    known = Late(cause="found", lines=[Line(line_no=1)], expected_by=WEDNESDAY)
    async with brand.transaction() as tx:
        order_id = await place(tx)
        await delivery.repromise(tx, [event(order_id, unknown), event(order_id, unknown)], now=MORNING)
        assert (await _dates(tx, order_id))[1] == (2, None)
        await delivery.repromise(tx, [event(order_id, known)], now=MORNING)
        assert (await _dates(tx, order_id))[1] == (3, WEDNESDAY)


async def test_goods_expected_in_the_past_are_ready_now_at_the_earliest(brand: Brand) -> None:
    gone_by = Missing(cause="short_pick", lines=[Line(line_no=1)], expected_at=PLACED - timedelta(days=9))
    async with brand.transaction() as tx:
        order_id = await place(tx)
        await delivery.seed_defaults(tx, "GBP")
        await delivery.repromise(tx, [event(order_id, gone_by)], now=PLACED)
        assert (await _dates(tx, order_id))[1] == (2, datetime(2026, 6, 4, 19, tzinfo=UTC))


async def test_telling_is_noted_once(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id = await place(tx)
        await delivery.open_ledger(tx, [event(order_id, Other())], now=PLACED)
        await delivery.mark_told(tx, order_id, 1, MORNING)
        await delivery.mark_told(tx, order_id, 1, WEDNESDAY)
        assert {promise.told_at for promise in await delivery.history(tx, order_id)} == {MORNING}


async def test_a_promise_cannot_be_overwritten(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id = await place(tx)
        await delivery.open_ledger(tx, [event(order_id, Other())], now=PLACED)
    async with brand.transaction() as tx:
        with pytest.raises(asyncpg.UniqueViolationError):
            async with tx.transaction():
                await tx.execute(
                    """
                    INSERT INTO promises (order_id, line_no, version, service, promised_from, cause, made_at)
                    VALUES ($1, 1, 1, 'standard', $2, 'forged', $2)
                    """,
                    order_id,
                    THURSDAY,
                )
        assert (await _dates(tx, order_id))[1] == (1, WEDNESDAY)


async def test_the_audit_finds_a_line_that_nobody_promised(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id = await place(tx)
        findings = await delivery.audit(tx)
    assert [finding.measured for finding in findings] == [3, 0, 0]
    assert findings[0].examples[0].startswith(str(order_id))
