"""From an event to a message in somebody's hand, on a real database."""

from __future__ import annotations

import email
from collections.abc import Sequence
from datetime import time, timedelta
from email.message import EmailMessage
from email.policy import default
from typing import Any
from uuid import UUID

import pytest

from doorstep import delivery, orders, payments, updates
from doorstep.db import Brand
from doorstep.jobs import Runner, does
from doorstep.journal import Event, Recorded
from doorstep.kit.errors import Invalid, NotFound
from doorstep.kit.ids import new_id
from doorstep.kit.outcomes import Outcome, Refused, Unknown
from doorstep.shipping import HandedOver
from tests.support.orders import NOON, recorded, stop_clock, write_order

HEAD = updates.Letterhead(base_url="https://shop.example", sender="orders@shop.example", secret="s")


class Post:
    """A mail server and an SMS provider in one; `faults` are raised one a call, `after` the message was taken."""

    code = "post"

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.texts: list[tuple[str, str, str]] = []
        self.faults: list[Outcome] = []

    def _fault(self) -> None:
        if self.faults:
            raise self.faults.pop(0)

    async def send_mail(self, message: EmailMessage) -> None:
        if not self.faults or isinstance(self.faults[0], Unknown):
            self.mails.append(email.message_from_bytes(bytes(message), policy=default))  # as it is read
        self._fault()

    async def send_text(self, *, reference: str, to: str, text: str) -> str:
        self._fault()
        self.texts.append((reference, to, text))
        return reference


class _Mailer:
    code = "post"

    def __init__(self, post: Post) -> None:
        self.send = post.send_mail

    async def aclose(self) -> None:
        return None


class _Sms:
    code = "post"

    def __init__(self, post: Post) -> None:
        self.send = post.send_text

    async def aclose(self) -> None:
        return None


@pytest.fixture
async def post(brand: Brand) -> Post:
    """The post, and a clock that stands still."""
    await stop_clock(brand)
    return Post()


async def tell(brand: Brand, *events: Recorded[Any]) -> None:
    async with brand.transaction() as tx:
        await updates.tell(tx, events, now=await tx.fetchval("SELECT clock_now()"))


async def work(brand: Brand, post: Post) -> None:
    """Send all that is due; what backs off is tried at once."""
    ports = {"Mailer": _Mailer(post), "SmsSender": _Sms(post), "Letterhead": HEAD}
    runner = Runner(brand, [does(updates.JOB, updates.send)], ports)
    while await runner.run_once():
        async with brand.transaction() as tx:
            await tx.execute("UPDATE jobs SET retry_at = '-infinity' WHERE state = 'waiting'")


async def said(brand: Brand, order_id: UUID) -> list[tuple[str, str, str]]:
    async with brand.reading() as connection:
        rows = await updates.history(connection, order_id)
    return [(row.kind, row.channel, row.suppressed_because or row.status) for row in rows]


async def prefer(brand: Brand, order_id: UUID, **terms: Any) -> None:
    async with brand.transaction() as tx:
        await updates.put_preferences(tx, order_id=order_id, preferences=orders.Preferences(**terms))


def placed(order_id: UUID) -> Recorded[Any]:
    return recorded(order_id, orders.Placed(short=False))


def shipped(order_id: UUID) -> Recorded[Any]:
    key = new_id()
    event = HandedOver(
        shipment_id=key, fulfillment_order_id=new_id(), tracking_number="SBX42", amount_minor=1,
        cause=f"shipment:{key.hex}", lines=(orders.LineQuantity(line_no=1, quantity=2),),
    )  # fmt: skip
    return recorded(order_id, event)


async def late(brand: Brand, order_id: UUID) -> Recorded[Any]:
    """A re-promise by two days, with its entries in the ledger."""
    async with brand.transaction() as tx:
        was = await tx.fetchval("SELECT promised_by FROM orders WHERE order_id = $1", order_id)
        for version in (1, 2):
            await tx.execute(
                "INSERT INTO promises VALUES ($1, 1, $2, 'standard', $3, $4, 'carrier_delay', $3)",
                order_id, version, NOON, was + timedelta(days=2 * version - 2),
            )  # fmt: skip
    event = delivery.Repromised(
        version=2, promised_by=was + timedelta(days=2), was_promised_by=was, cause="carrier_delay", line_nos=(1,)
    )
    return recorded(order_id, event)


async def test_the_right_person_is_told_once_in_their_language_with_a_link(brand: Brand, post: Post) -> None:
    order_id, other = await write_order(brand, locale="de"), await write_order(brand, email="eve@example.test")
    event = shipped(order_id)
    await tell(brand, event, event, placed(other))
    await tell(brand, event)
    await work(brand, post)
    assert sorted(str(mail["To"].addresses[0].addr_spec) for mail in post.mails) == [
        "ada@example.test",
        "eve@example.test",
    ]
    mail = next(mail for mail in post.mails if "ada" in mail["To"])
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert "unterwegs" in mail["Subject"]
    assert "SBX42" in text
    assert "- 2 × A mug & saucer" in text
    link = text.split("https://shop.example/o/")[1].split()[0]
    assert updates.read_token("s", link) == ("main", order_id)
    assert await said(brand, order_id) == [("shipped", "email", "sent")]


async def test_two_channels_are_two_messages_of_one_event(brand: Brand, post: Post) -> None:
    order_id = await write_order(brand)
    await prefer(brand, order_id, channel="both")
    await tell(brand, placed(order_id))
    await work(brand, post)
    assert len(post.mails) == 1
    reference, to, text = post.texts[0]
    assert to == "+447700900123"
    assert text.startswith("Main: We have order ")
    assert UUID(reference).version == 7


async def test_who_wants_only_bad_news_hears_only_bad_news_and_the_rest_is_kept_with_its_reason(
    brand: Brand, post: Post
) -> None:
    order_id = await write_order(brand)
    await prefer(brand, order_id, only_if_late=True)
    await tell(brand, placed(order_id), await late(brand, order_id), shipped(order_id))
    await work(brand, post)
    assert await said(brand, order_id) == [
        ("placed", "email", "only_if_late"),
        ("late", "email", "sent"),
        ("shipped", "email", "only_if_late"),
    ]
    assert [str(mail["Subject"]).startswith("Later than promised") for mail in post.mails] == [True]


async def test_telling_a_new_date_is_noted_in_the_ledger_before_the_old_date(brand: Brand, post: Post) -> None:
    order_id = await write_order(brand)
    await tell(brand, await late(brand, order_id))
    await stop_clock(brand, NOON + timedelta(hours=2))
    await work(brand, post)
    async with brand.reading() as connection:
        rows = await connection.fetch("SELECT version, told_at FROM promises WHERE order_id = $1", order_id)
        early = await updates.told_early(connection)
        findings = [finding for finding in await updates.audit(connection) if finding.measured]
    assert {row["version"]: row["told_at"] for row in rows} == {1: None, 2: NOON + timedelta(hours=2)}
    assert (early.told, early.after, early.within_a_day, early.least_h) == (1, 0, 0, 76.0)
    assert findings == []


async def test_the_audit_sees_a_new_date_that_was_told_too_late(brand: Brand, post: Post) -> None:
    order_id = await write_order(brand)
    await tell(brand, await late(brand, order_id))
    await stop_clock(brand, NOON + timedelta(days=9))
    await work(brand, post)
    async with brand.reading() as connection:
        findings = [finding.check for finding in await updates.audit(connection) if finding.measured]
    assert findings == ["every new date was told before the old one passed"]


async def test_quiet_hours_are_kept(brand: Brand, post: Post) -> None:
    order_id = await write_order(brand)
    await prefer(brand, order_id, quiet_from=time(11), quiet_until=time(14))
    await tell(brand, placed(order_id))
    await work(brand, post)
    assert post.mails == []
    await stop_clock(brand, NOON + timedelta(hours=2))
    await work(brand, post)
    assert len(post.mails) == 1


async def test_after_a_lost_answer_the_same_message_goes_out_under_the_same_id(brand: Brand, post: Post) -> None:
    order_id = await write_order(brand)
    await tell(brand, placed(order_id))
    post.faults = [Unknown("lost")]
    await work(brand, post)
    assert len({str(mail["Message-ID"]) for mail in post.mails}) == 1
    assert await said(brand, order_id) == [("placed", "email", "sent")]


async def test_bad_news_that_one_channel_refuses_takes_the_other(brand: Brand, post: Post) -> None:
    order_id = await write_order(brand)
    await tell(brand, await late(brand, order_id))
    post.faults = [Refused("smtp_550", "no such mailbox")]
    await work(brand, post)
    assert await said(brand, order_id) == [("late", "email", "refused"), ("late", "sms", "sent")]
    assert len(post.texts) == 1


async def test_what_is_refused_for_good_is_for_a_person_who_may_say_retry(brand: Brand, post: Post) -> None:
    order_id = await write_order(brand, phone=None)
    await tell(brand, placed(order_id))
    post.faults = [Refused("smtp_550", "no such mailbox")]
    await work(brand, post)
    async with brand.transaction() as tx:
        row = await tx.fetchrow("SELECT kind, subject FROM exceptions WHERE resolved_at IS NULL")
        assert row is not None
        assert row["kind"] == "update_refused"
        assert await updates.retry(tx, update_id=row["subject"], actor="bea", now=NOON)
        assert not await updates.retry(tx, update_id=row["subject"], actor="bea", now=NOON)
    await work(brand, post)
    assert await said(brand, order_id) == [("placed", "email", "sent")]


async def test_someone_erased_before_sending_is_left_alone(brand: Brand, post: Post) -> None:
    order_id = await write_order(brand)
    await tell(brand, placed(order_id))
    async with brand.transaction() as tx:
        await tx.execute("UPDATE contacts SET name = '', email = NULL, phone = NULL")
    await work(brand, post)
    assert post.mails == []
    assert await said(brand, order_id) == [("placed", "email", "no_address")]


async def test_what_is_said_holds_nobodys_name(brand: Brand, post: Post) -> None:
    order_id = await write_order(brand)
    events: Sequence[Event] = [
        payments.Declined(transaction_id=new_id(), code="x", attempt=1, final=False, next_at=NOON),
        payments.Refunded(transaction_id=new_id(), amount_minor=5, cause="return:x"),
        orders.HoldPlaced(hold_id=new_id(), reason="high_risk_of_fraud"),
        orders.AddressChanged(),
    ]
    await tell(brand, *(recorded(order_id, event) for event in events), placed(order_id), shipped(order_id))
    await work(brand, post)
    async with brand.reading() as connection:
        text = str(await connection.fetch("SELECT data FROM updates"))
    assert len(post.mails) == 5  # of suspicion nothing is told
    assert "Ada" not in text
    assert "example.test" not in text


async def test_the_audit_sees_an_update_whose_job_is_gone(brand: Brand, post: Post) -> None:
    order_id = await write_order(brand)
    await tell(brand, placed(order_id))
    async with brand.transaction() as tx:
        await tx.execute("DELETE FROM jobs")
        findings = [finding.check for finding in await updates.audit(tx) if finding.measured]
    assert findings == ["every update that is wanted has its job"]


async def test_preferences_are_refused_with_all_that_is_wrong(brand: Brand, post: Post) -> None:
    order_id = await write_order(brand, phone=None)
    with pytest.raises(Invalid) as refused:
        await prefer(brand, order_id, channel="sms", events=("nonsense",), timezone="Mars/Base")
    assert {fault.pointer for fault in refused.value.faults} == {"/channel", "/events", "/timezone"}
    with pytest.raises(NotFound):
        await prefer(brand, new_id())
    await prefer(brand, order_id, events=("shipped",), timezone="Europe/Berlin")
    async with brand.reading() as connection:
        kept = await updates.preferences(connection, order_id)
    assert kept == orders.Preferences(events=("shipped",), timezone="Europe/Berlin")


async def test_a_batch_of_two_hundred_events_takes_a_handful_of_statements(brand: Brand, post: Post) -> None:
    order_ids = [await write_order(brand) for _ in range(20)]
    events = [shipped(order_id) for order_id in order_ids for _ in range(10)]
    async with brand.transaction() as tx:
        await updates.tell(tx, [placed(order_ids[0])], now=NOON)  # the driver learns the types
        queries: list[str] = []
        tx.add_query_logger(lambda record: queries.append(record.query))
        await updates.tell(tx, events, now=NOON)
    # Terms, updates, and jobs, whose statement wakes the worker, too.
    assert len([query for query in queries if query != "COMMIT;"]) == 3
    async with brand.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM jobs") == 201
