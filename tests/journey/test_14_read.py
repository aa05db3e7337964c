"""Read: the timeline reads like a story."""

from __future__ import annotations

from datetime import timedelta

from tests.support.shop import Shop


async def test_the_timeline_reads_like_a_story(shop: Shop) -> None:
    placed = await shop.place({"sku": "JERSEY", "personalization": {"fields": {"name": "Ada", "number": "1"}}})
    await shop.ship(placed["order_id"])
    for _ in range(30):
        await shop.pass_time(timedelta(hours=4))
    story = await shop.story(placed["order_id"])
    wanted = [
        "The order was placed.",
        "£14.95 authorized.",
        "Print workshop was asked to prepare the parcel.",
        "1 × A jersey picked.",
        "Personalized A jersey.",
        "The parcel was packed at Print workshop.",
        "£14.95 taken for what was sent.",
        "1 × A jersey delivered.",
    ]
    places = [story.index(sentence) for sentence in wanted]
    assert places == sorted(places)
    assert not any("_" in sentence or "None" in sentence or ": {" in sentence for sentence in story), story


async def test_events_can_be_read_by_position_without_a_gap(shop: Shop) -> None:
    for _ in range(3):
        await shop.place({"sku": "CARD"})
    await shop.drain()
    events = (await shop.get("/v1/events", after=0, limit=200))["items"]
    assert [event["position"] for event in events] == list(range(1, len(events) + 1))
    assert {event["kind"] for event in events} >= {"inventory.received", "orders.placed", "payments.authorized"}
