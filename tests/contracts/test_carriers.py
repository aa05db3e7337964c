"""What every carrier adapter must do: buy once, find what it bought, say clearly how a call ended."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from doorstep.adapters import registry
from doorstep.adapters.settings import Settings
from doorstep.kit.outcomes import Refused, Retry, Unknown
from doorstep.shipping.ports import Carrier, Label
from tests.support.parcels import BUYER, PARCEL, WAREHOUSE, label_request, scanned
from tests.support.twins import Twin, first_attempt_only


def purchases(twin: Twin) -> dict[str, int]:
    """How often each reference was charged."""
    return {reference: label["purchases"] for reference, label in twin.get("/sandbox/ledger")["labels"].items()}


async def test_a_bought_label_carries_a_barcode_that_reads_as_its_tracking_number(carrier: Carrier) -> None:
    label = await carrier.buy_label(label_request("pin_1"))
    assert scanned(label.label_pdf) == [label.tracking_number]
    assert label.cost_minor > 0
    assert label.currency == "GBP"


async def test_every_service_the_carrier_names_can_be_bought(carrier: Carrier, carrier_twin: Twin) -> None:
    bought = [await carrier.buy_label(label_request(f"pin_{name}", service=name)) for name in carrier.services]
    assert len(bought) == len({label.tracking_number for label in bought}) >= 3
    costs = [label.cost_minor for label in bought]
    assert costs == sorted(costs), "standard, express and fast-track grow dearer"


async def test_a_return_label_is_bought_like_any_other(carrier: Carrier, carrier_twin: Twin) -> None:
    request = label_request("pin_back", ship_from=BUYER, ship_to=WAREHOUSE, is_return=True)
    label = await carrier.buy_label(request)
    assert scanned(label.label_pdf) == [label.tracking_number]
    assert carrier_twin.get("/sandbox/ledger")["labels"]["pin_back"]["is_return"] is True


async def test_a_parcel_is_collected_on_the_day_that_was_booked(carrier: Carrier, carrier_twin: Twin) -> None:
    day = date(2099, 3, 5)
    request = label_request("pin_comes", ship_from=BUYER, ship_to=WAREHOUSE, is_return=True, collect_on=day)
    bought = await carrier.buy_label(request)
    assert await carrier.buy_label(request) == bought
    await carrier_twin.advance("2099-03-05T08:00:00Z")
    booked = carrier_twin.get("/sandbox/ledger")["labels"]["pin_comes"]
    assert (booked["collection_date"], booked["handed_over_at"]) == ("2099-03-05", None)
    for _ in range(2):  # the driver comes once
        await carrier_twin.advance("2099-03-05T18:00:00Z")
        collected = carrier_twin.get("/sandbox/ledger")["labels"]["pin_comes"]
        assert collected["handed_over_at"] == "2099-03-05T11:00:00Z"
    with pytest.raises(Refused) as refused:
        await carrier.buy_label(label_request("pin_comes", collect_on=day.replace(day=6)))
    assert refused.value.code == "reference_conflict"


async def test_a_canceled_label_is_not_collected(carrier: Carrier, carrier_twin: Twin) -> None:
    await carrier.buy_label(label_request("pin_off", is_return=True, collect_on=date(2099, 3, 5)))
    await carrier.cancel_label("pin_off")
    await carrier_twin.advance("2099-03-06T18:00:00Z")
    assert carrier_twin.get("/sandbox/ledger")["labels"]["pin_off"]["handed_over_at"] is None


async def test_a_day_on_which_nobody_comes_is_refused(carrier: Carrier) -> None:
    with pytest.raises(Refused) as refused:
        await carrier.buy_label(label_request("pin_sunday", is_return=True, collect_on=date(2099, 3, 8)))
    assert refused.value.code == "collection_not_offered"


async def test_the_same_reference_buys_once(carrier: Carrier, carrier_twin: Twin) -> None:
    first = await carrier.buy_label(label_request("pin_1"))
    assert await carrier.buy_label(label_request("pin_1")) == first
    assert purchases(carrier_twin) == {"pin_1": 1}


async def test_the_same_reference_at_the_same_moment_buys_once(carrier: Carrier, carrier_twin: Twin) -> None:
    labels = await asyncio.gather(*[carrier.buy_label(label_request("pin_1")) for _ in range(8)])
    assert {label.tracking_number for label in labels} == {labels[0].tracking_number}
    assert purchases(carrier_twin) == {"pin_1": 1}


async def test_another_parcel_under_a_used_reference_is_refused(carrier: Carrier) -> None:
    await carrier.buy_label(label_request("pin_1"))
    with pytest.raises(Refused) as refused:
        await carrier.buy_label(label_request("pin_1", parcel=msgspec.structs.replace(PARCEL, weight_g=2_000)))
    assert refused.value.code == "reference_conflict"


async def test_a_new_promise_does_not_make_a_retry_another_parcel(carrier: Carrier) -> None:
    first = await carrier.buy_label(label_request("pin_1"))
    at = datetime(2010, 1, 4, 17, tzinfo=UTC)
    assert await carrier.buy_label(label_request("pin_1", promised_at=at)) == first


@pytest.mark.parametrize("fault", ["timeout_after_success", "error_500_after", "hang_up_after", "garbage"])
async def test_a_lost_answer_is_unknown_and_the_label_is_found_and_bought_once(
    carrier: Carrier, impatient_carrier: Carrier, carrier_twin: Twin, fault: str
) -> None:
    carrier_twin.reset(**first_attempt_only(**{fault: 1.0}))
    caller = impatient_carrier if fault == "timeout_after_success" else carrier
    with pytest.raises(Unknown):
        await caller.buy_label(label_request("pin_1"))
    found = await carrier.find_label("pin_1")
    assert found is not None
    assert await carrier.buy_label(label_request("pin_1")) == found
    assert purchases(carrier_twin) == {"pin_1": 1}


async def test_a_failure_before_the_work_is_unknown_too_and_nothing_is_found(
    carrier: Carrier, carrier_twin: Twin
) -> None:
    carrier_twin.reset(**first_attempt_only(error_500=1.0))
    with pytest.raises(Unknown):
        await carrier.buy_label(label_request("pin_1"))
    assert await carrier.find_label("pin_1") is None
    label = await carrier.buy_label(label_request("pin_1"))
    assert await carrier.find_label("pin_1") == label
    assert purchases(carrier_twin) == {"pin_1": 1}


async def test_a_busy_carrier_says_when_to_come_back(carrier: Carrier, carrier_twin: Twin) -> None:
    carrier_twin.reset(**first_attempt_only(busy_429=1.0))
    with pytest.raises(Retry) as retry:
        await carrier.buy_label(label_request("pin_1"))
    assert retry.value.after == timedelta(seconds=1)
    assert await carrier.find_label("pin_1") is None


async def test_a_carrier_that_is_down_has_surely_done_nothing(carrier: Carrier, carrier_twin: Twin) -> None:
    carrier_twin.kill()
    with pytest.raises(Retry):
        await carrier.buy_label(label_request("pin_1"))
    with pytest.raises(Retry):
        await carrier.find_label("pin_1")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"service": "by-balloon"}, "service_not_offered"),
        ({"ship_to": msgspec.structs.replace(BUYER, postcode="ZZ99 3VZ")}, "postcode_not_served"),
        ({"parcel": msgspec.structs.replace(PARCEL, weight_g=30_001)}, "too_heavy"),
        ({"parcel": msgspec.structs.replace(PARCEL, weight_g=0)}, "invalid"),
    ],
)
async def test_what_the_carrier_will_never_carry_is_refused(
    carrier: Carrier, carrier_twin: Twin, changes: dict[str, object], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        await carrier.buy_label(label_request("pin_1", **changes))
    assert refused.value.code == code
    assert purchases(carrier_twin) == {}


async def test_a_wrong_key_is_refused(carrier: Carrier, carrier_twin: Twin) -> None:
    stranger = registry.carrier(carrier.code, Settings(base_url=carrier_twin.url, api_key="wrong"))
    with pytest.raises(Refused) as refused:
        await stranger.buy_label(label_request("pin_1"))
    with pytest.raises(Refused):
        await stranger.find_label("pin_1")
    await stranger.aclose()
    assert refused.value.code == "not_authenticated"


async def test_a_reference_with_any_characters_is_found_again(carrier: Carrier) -> None:
    reference = "pin/1?x=2 #3%4"
    label = await carrier.buy_label(label_request(reference))
    assert await carrier.find_label(reference) == label
    assert await carrier.find_label("pin") is None


async def test_a_canceled_label_is_gone_and_canceling_twice_is_fine(carrier: Carrier) -> None:
    await carrier.buy_label(label_request("pin_1"))
    await carrier.cancel_label("pin_1")
    await carrier.cancel_label("pin_1")
    assert await carrier.find_label("pin_1") is None
    with pytest.raises(Refused) as refused:
        await carrier.buy_label(label_request("pin_1"))
    assert refused.value.code == "canceled"


async def test_a_label_nobody_bought_cannot_be_canceled(carrier: Carrier) -> None:
    with pytest.raises(Refused) as refused:
        await carrier.cancel_label("pin_never")
    assert refused.value.code == "not_found"


async def test_a_parcel_in_the_van_cannot_be_canceled(carrier: Carrier, carrier_twin: Twin) -> None:
    label = await carrier.buy_label(label_request("pin_1"))
    carrier_twin.post("/sandbox/hand-over", {"tracking_number": label.tracking_number, "at": "2010-01-04T16:00:00Z"})
    with pytest.raises(Refused) as refused:
        await carrier.cancel_label("pin_1")
    assert refused.value.code == "already_handed_over"


async def test_a_kill_forgets_no_label(carrier: Carrier, carrier_twin: Twin) -> None:
    label = await carrier.buy_label(label_request("pin_1"))
    carrier_twin.kill()
    carrier_twin.start()
    assert await settled(carrier, "pin_1") == label
    assert purchases(carrier_twin) == {"pin_1": 1}


async def test_a_kill_in_the_middle_of_forty_purchases_buys_none_twice(carrier: Carrier, carrier_twin: Twin) -> None:
    references = [f"pin_{number}" for number in range(40)]
    buying = [asyncio.ensure_future(attempt(carrier, reference)) for reference in references]
    await asyncio.wait(buying, return_when=asyncio.FIRST_COMPLETED)
    carrier_twin.kill()
    before = dict(zip(references, await asyncio.gather(*buying), strict=True))
    assert any(before.values())
    assert not all(before.values()), "the kill came too late to prove anything"
    carrier_twin.start()
    after = {reference: await settled(carrier, reference) for reference in references}
    assert all(label == after[reference] for reference, label in before.items() if label is not None)
    assert purchases(carrier_twin) == dict.fromkeys(references, 1)


async def attempt(carrier: Carrier, reference: str) -> Label | None:
    """One attempt to buy; None when it did not end in a label."""
    try:
        return await carrier.buy_label(label_request(reference))
    except (Retry, Unknown):
        return None


async def settled(carrier: Carrier, reference: str) -> Label:
    """What a patient caller ends with: look first, buy if there is surely nothing, again while it is not clear."""
    for _ in range(20):
        try:
            return await carrier.find_label(reference) or await carrier.buy_label(label_request(reference))
        except (Retry, Unknown):
            continue
    raise AssertionError(f"{reference} came to no end")
