"""What a carrier tells of its parcels, from the van to the door: signed, sometimes twice, late, forged or garbled."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest

from doorstep.adapters import registry
from doorstep.adapters.settings import Settings
from doorstep.adapters.twin.server import Request
from doorstep.kit.outcomes import Refused
from doorstep.shipping.ports import Carrier, TrackingUpdate
from tests.support.parcels import BUYER, WAREHOUSE, label_request
from tests.support.receiver import Receiver, receiving
from tests.support.twins import Twin

HANDED_OVER = "2010-01-04T16:00:00Z"  # a Monday
MUCH_LATER = "2010-03-01T00:00:00Z"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


async def parcel(carrier: Carrier, twin: Twin, reference: str = "pin_1", **changes: object) -> str:
    """A parcel in the van; its tracking number."""
    label = await carrier.buy_label(label_request(reference, **changes))
    twin.post("/sandbox/hand-over", {"tracking_number": label.tracking_number, "at": HANDED_OVER})
    return label.tracking_number


def understood(carrier: Carrier, requests: Sequence[Request]) -> list[TrackingUpdate]:
    """The updates of all genuine webhooks, in the order they came."""
    return [update for request in requests for update in carrier.parse_webhook(request.headers, request.body)]


async def test_a_parcel_is_followed_from_the_van_to_the_door(
    carrier: Carrier, carrier_twin: Twin, receiver: Receiver
) -> None:
    carrier_twin.reset(webhook_url=receiver.url)
    number = await parcel(carrier, carrier_twin)
    answer = await carrier_twin.advance(MUCH_LATER)
    updates = understood(carrier, receiver.requests)
    statuses = [update.status for update in updates]
    assert (statuses[0], statuses[-2:]) == ("info_received", ["out_for_delivery", "delivered"])
    assert "in_transit" in statuses
    assert {update.tracking_number for update in updates} == {number}
    assert [update.occurred_at for update in updates] == sorted(update.occurred_at for update in updates)
    assert answer == {"sent": len(updates), "due_left": 0, "next_at": None}


async def test_nothing_is_told_before_it_happened(carrier: Carrier, carrier_twin: Twin, receiver: Receiver) -> None:
    carrier_twin.reset(webhook_url=receiver.url)
    await parcel(carrier, carrier_twin)
    first = await carrier_twin.advance("2010-01-04T16:00:00Z")
    assert first["sent"] == 1
    following = datetime.fromisoformat(first["next_at"])
    assert following == datetime(2010, 1, 4, 16, 10, tzinfo=UTC)
    assert (await carrier_twin.advance("2010-01-04T16:09:59Z"))["sent"] == 0
    assert (await carrier_twin.advance(first["next_at"]))["sent"] == 1


@pytest.mark.parametrize(
    ("fate", "status", "substatus"),
    [
        ("late", "exception", "delay"),
        ("lost", "exception", "lost"),
        ("attempt_failed", "attempt_failed", "recipient_absent"),
        ("pickup", "available_for_pickup", None),
    ],
)
async def test_what_goes_wrong_is_told_in_our_words(
    carrier: Carrier, carrier_twin: Twin, receiver: Receiver, fate: str, status: str, substatus: str | None
) -> None:
    carrier_twin.reset(webhook_url=receiver.url, faults={fate: 1.0})
    await parcel(carrier, carrier_twin)
    await carrier_twin.advance(MUCH_LATER)
    updates = understood(carrier, receiver.requests)
    assert (status, substatus) in [(update.status, update.substatus) for update in updates]
    assert ("delivered" in [update.status for update in updates]) == (fate != "lost")
    delays = [update for update in updates if update.substatus == "delay"]
    assert all(update.expected_at and update.expected_at > update.occurred_at for update in delays)


async def test_a_parcel_coming_back_is_followed_too(carrier: Carrier, carrier_twin: Twin, receiver: Receiver) -> None:
    carrier_twin.reset(webhook_url=receiver.url, faults={"attempt_failed": 1.0})
    await parcel(carrier, carrier_twin, ship_from=BUYER, ship_to=WAREHOUSE, is_return=True)
    await carrier_twin.advance(MUCH_LATER)
    statuses = [update.status for update in understood(carrier, receiver.requests)]
    assert statuses[-1] == "delivered"
    assert "attempt_failed" not in statuses, "a warehouse is always at home"


async def test_events_told_twice_carry_the_same_id_and_content(
    carrier: Carrier, carrier_twin: Twin, receiver: Receiver
) -> None:
    carrier_twin.reset(webhook_url=receiver.url, faults={"duplicate": 1.0, "repeat_webhook": 1.0})
    await parcel(carrier, carrier_twin)
    await carrier_twin.advance(MUCH_LATER)
    updates = understood(carrier, receiver.requests)
    times = Counter(update.event_id for update in updates)
    assert set(times.values()) == {4}, "each told twice, in a webhook that was sent twice"
    assert len({(update.event_id, update.status, update.occurred_at) for update in updates}) == len(times)


async def test_events_out_of_order_still_say_when_they_happened(
    carrier: Carrier, carrier_twin: Twin, receiver: Receiver
) -> None:
    carrier_twin.reset(webhook_url=receiver.url, faults={"out_of_order": 0.5}, seed=3)
    await parcel(carrier, carrier_twin)
    await carrier_twin.advance(MUCH_LATER)
    updates = understood(carrier, receiver.requests)
    in_truth = sorted(updates, key=lambda update: update.occurred_at)
    assert updates != in_truth
    assert in_truth[-1].status == "delivered"


async def test_forged_and_garbled_webhooks_are_refused_and_the_true_one_gets_through(
    carrier: Carrier, carrier_twin: Twin, receiver: Receiver
) -> None:
    refusals: list[str] = []

    def verdict(request: Request) -> int:
        try:
            carrier.parse_webhook(request.headers, request.body)
        except Refused as refused:
            refusals.append(refused.code)
            return 400
        return 204

    receiver.verdict = verdict
    carrier_twin.reset(webhook_url=receiver.url, faults={"garbage_webhook": 1.0, "bad_signature": 1.0})
    await parcel(carrier, carrier_twin)
    answer = await carrier_twin.advance(MUCH_LATER)
    assert refusals == ["garbage", "bad_signature"]
    assert answer["due_left"] == 0
    told = carrier_twin.get("/sandbox/ledger")["webhooks"]
    assert (told["forged_accepted"], told["garbage_accepted"], told["webhooks_accepted"]) == (0, 0, 1)


async def test_what_is_not_accepted_is_told_again_until_it_is(
    carrier: Carrier, carrier_twin: Twin, receiver: Receiver
) -> None:
    carrier_twin.reset(webhook_url=receiver.url)
    await parcel(carrier, carrier_twin)
    receiver.verdict = lambda request: 503
    refused = await carrier_twin.advance(MUCH_LATER)
    assert refused["sent"] == 0
    assert refused["due_left"] > 0
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1, "tries of one webhook"
    receiver.verdict = lambda request: 204
    assert await carrier_twin.advance(MUCH_LATER) == {"sent": refused["due_left"], "due_left": 0, "next_at": None}


async def test_an_absent_receiver_loses_nothing_not_even_through_a_kill(
    carrier: Carrier, carrier_twin: Twin, receiver: Receiver
) -> None:
    carrier_twin.reset(webhook_url="http://127.0.0.1:1/hook")
    await parcel(carrier, carrier_twin)
    owed = await carrier_twin.advance(MUCH_LATER)
    assert owed["sent"] == 0
    carrier_twin.kill()
    carrier_twin.start()
    totals = carrier_twin.get("/sandbox/ledger")["totals"]
    assert (totals["tellings"], totals["accepted"]) == (owed["due_left"], 0)


async def test_a_second_scan_at_the_van_tells_nothing_more(carrier: Carrier, carrier_twin: Twin) -> None:
    number = await parcel(carrier, carrier_twin)
    before = carrier_twin.get("/sandbox/ledger")["totals"]
    carrier_twin.post("/sandbox/hand-over", [{"tracking_number": number, "at": "2010-01-05T16:00:00Z"}])
    assert carrier_twin.get("/sandbox/ledger")["totals"] == before


async def test_the_same_seed_tells_the_same_story(carrier: Carrier, carrier_twin: Twin, receiver: Receiver) -> None:
    stories = []
    for seed in (7, 7, 8):
        receiver.requests.clear()
        carrier_twin.reset(
            webhook_url=receiver.url, seed=seed, faults={"late": 0.3, "duplicate": 0.3, "out_of_order": 0.3}
        )
        for number in range(5):
            await parcel(carrier, carrier_twin, f"pin_{number}")
        await carrier_twin.advance(MUCH_LATER)
        stories.append(understood(carrier, receiver.requests))
    assert stories[0] == stories[1]
    assert stories[0] != stories[2]


async def test_an_account_without_a_secret_believes_nothing(carrier: Carrier, carrier_twin: Twin) -> None:
    deaf = registry.carrier(carrier.code, Settings(base_url=carrier_twin.url))
    with pytest.raises(Refused) as refused:
        deaf.parse_webhook({}, b"{}")
    await deaf.aclose()
    assert refused.value.code == "bad_signature"
