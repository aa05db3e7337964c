"""What every gateway adapter must do: move money once, never too much, and say clearly how a call ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from doorstep.adapters import registry
from doorstep.adapters.settings import Settings
from doorstep.kit.outcomes import Refused, Retry, Unknown
from doorstep.payments.ports import AuthorizeRequest, Gateway, Receipt
from tests.support.twins import Twin, first_attempt_only

LOST_ANSWERS = ["timeout_after_success", "error_500_after", "hang_up_after", "garbage"]


def asked(reference: str, **changes: Any) -> AuthorizeRequest:
    """A request for 100.00 pounds, with changes."""
    request = AuthorizeRequest(
        reference=reference, order_number="1001", amount_minor=10_000, currency="GBP", token="tok_ok"
    )
    return msgspec.structs.replace(request, **changes)


async def captured(gateway: Gateway, amount_minor: int = 10_000) -> Receipt:
    """A capture of 100.00 pounds, or less."""
    held = await gateway.authorize(asked("pay_a"))
    return await gateway.capture(
        reference="pay_c", authorization_reference=held.gateway_reference, amount_minor=amount_minor, currency="GBP"
    )


def executions(twin: Twin) -> dict[str, int]:
    """How often money moved under each reference."""
    return {name: each["executions"] for name, each in twin.get("/sandbox/ledger")["transactions"].items()}


async def test_money_is_held_taken_and_given_back_to_the_cent(gateway: Gateway, gateway_twin: Twin) -> None:
    capture = await captured(gateway, 7_001)
    back = await gateway.refund(
        reference="pay_r", capture_reference=capture.gateway_reference, amount_minor=1_999, currency="GBP"
    )
    assert (capture.kind, capture.amount_minor, capture.status) == ("capture", 7_001, "approved")
    assert (back.kind, back.amount_minor, back.status) == ("refund", 1_999, "approved")
    totals = gateway_twin.get("/sandbox/ledger")["totals"]["GBP"]
    assert (totals["authorized_minor"], totals["captured_minor"], totals["refunded_minor"]) == (10_000, 7_001, 1_999)


async def test_the_same_reference_moves_money_once(gateway: Gateway, gateway_twin: Twin) -> None:
    first = await gateway.authorize(asked("pay_a"))
    assert await gateway.authorize(asked("pay_a")) == first
    capture = await captured(gateway)
    assert await captured(gateway) == capture
    assert executions(gateway_twin) == {"pay_a": 1, "pay_c": 1}


async def test_the_same_reference_at_the_same_moment_moves_money_once(gateway: Gateway, gateway_twin: Twin) -> None:
    receipts = await asyncio.gather(*[gateway.authorize(asked("pay_a")) for _ in range(8)])
    assert all(receipt == receipts[0] for receipt in receipts)
    assert executions(gateway_twin) == {"pay_a": 1}


async def test_another_wish_under_a_used_reference_is_refused(gateway: Gateway) -> None:
    held = await gateway.authorize(asked("pay_a"))
    with pytest.raises(Refused) as other_amount:
        await gateway.authorize(asked("pay_a", amount_minor=10_001))
    with pytest.raises(Refused) as other_kind:
        await gateway.void(reference="pay_a", authorization_reference=held.gateway_reference)
    assert other_amount.value.code == other_kind.value.code == "reference_conflict"


async def test_a_decline_is_an_answer_and_is_found_again(gateway: Gateway) -> None:
    receipt = await gateway.authorize(asked("pay_a", token="tok_declined"))
    assert (receipt.status, receipt.decline_code) == ("declined", "do_not_honor")
    assert await gateway.find("pay_a") == receipt
    with pytest.raises(Refused) as refused:
        await gateway.capture(
            reference="pay_c",
            authorization_reference=receipt.gateway_reference,
            amount_minor=1,
            currency="GBP",
        )
    assert refused.value.code == "not_approved"


async def test_a_card_without_funds_is_declined_first_and_approved_when_asked_anew(gateway: Gateway) -> None:
    poor = {"token": "tok_insufficient_then_ok"}
    first = await gateway.authorize(asked("pay_1", **poor))
    replayed = await gateway.authorize(asked("pay_1", **poor))
    second = await gateway.authorize(asked("pay_2", **poor))
    other_order = await gateway.authorize(asked("pay_3", order_number="1002", **poor))
    assert (first.status, first.decline_code) == ("declined", "insufficient_funds")
    assert replayed == first
    assert second.status == "approved"
    assert other_order.status == "declined"


async def test_a_risky_card_is_approved_with_a_high_score(gateway: Gateway) -> None:
    risky = await gateway.authorize(asked("pay_1", token="tok_risky"))
    ordinary = await gateway.authorize(asked("pay_2"))
    assert (risky.status, risky.risk_score) == ("approved", 90)
    assert ordinary.risk_score is not None
    assert ordinary.risk_score < 50


async def test_an_unknown_token_is_refused(gateway: Gateway) -> None:
    with pytest.raises(Refused) as refused:
        await gateway.authorize(asked("pay_a", token="tok_mystery"))
    assert refused.value.code == "unknown_token"


@pytest.mark.parametrize("amount_minor", [0, -1])
async def test_an_amount_that_is_not_positive_is_refused(gateway: Gateway, amount_minor: int) -> None:
    with pytest.raises(Refused):
        await gateway.authorize(asked("pay_a", amount_minor=amount_minor))


async def test_more_than_was_authorized_is_never_captured(gateway: Gateway, gateway_twin: Twin) -> None:
    held = await gateway.authorize(asked("pay_a"))
    for reference, amount_minor in (("pay_c1", 6_000), ("pay_c2", 4_000)):
        await gateway.capture(
            reference=reference,
            authorization_reference=held.gateway_reference,
            amount_minor=amount_minor,
            currency="GBP",
        )
    with pytest.raises(Refused) as refused:
        await gateway.capture(
            reference="pay_c3", authorization_reference=held.gateway_reference, amount_minor=1, currency="GBP"
        )
    assert refused.value.code == "exceeds_authorized"
    assert gateway_twin.get("/sandbox/ledger")["totals"]["GBP"]["captured_minor"] == 10_000


async def test_captures_at_the_same_moment_never_take_more_than_was_authorized(
    gateway: Gateway, gateway_twin: Twin
) -> None:
    held = await gateway.authorize(asked("pay_a"))

    async def one(number: int) -> str:
        try:
            receipt = await gateway.capture(
                reference=f"pay_c{number}",
                authorization_reference=held.gateway_reference,
                amount_minor=4_000,
                currency="GBP",
            )
        except Refused as refused:
            return refused.code
        return receipt.status

    answers = sorted(await asyncio.gather(*[one(number) for number in range(5)]))
    assert answers == ["approved"] * 2 + ["exceeds_authorized"] * 3
    assert gateway_twin.get("/sandbox/ledger")["totals"]["GBP"]["captured_minor"] == 8_000


async def test_more_than_was_captured_is_never_refunded(gateway: Gateway) -> None:
    capture = await captured(gateway, 5_000)
    await gateway.refund(
        reference="pay_r1", capture_reference=capture.gateway_reference, amount_minor=3_000, currency="GBP"
    )
    with pytest.raises(Refused) as refused:
        await gateway.refund(
            reference="pay_r2", capture_reference=capture.gateway_reference, amount_minor=2_001, currency="GBP"
        )
    assert refused.value.code == "exceeds_captured"


async def test_another_currency_is_refused(gateway: Gateway) -> None:
    held = await gateway.authorize(asked("pay_a"))
    with pytest.raises(Refused) as refused:
        await gateway.capture(
            reference="pay_c", authorization_reference=held.gateway_reference, amount_minor=1, currency="EUR"
        )
    assert refused.value.code == "currency_differs"


async def test_a_void_lets_go_of_what_is_left_and_ends_the_authorization(gateway: Gateway) -> None:
    capture = await captured(gateway, 4_000)
    held = await gateway.find("pay_a")
    assert held is not None
    void = await gateway.void(reference="pay_v", authorization_reference=held.gateway_reference)
    again = await gateway.void(reference="pay_v2", authorization_reference=held.gateway_reference)
    assert (void.kind, void.amount_minor, again.amount_minor) == ("void", 6_000, 0)
    with pytest.raises(Refused) as refused:
        await gateway.capture(
            reference="pay_c2", authorization_reference=held.gateway_reference, amount_minor=1, currency="GBP"
        )
    assert refused.value.code == "voided"
    back = await gateway.refund(
        reference="pay_r", capture_reference=capture.gateway_reference, amount_minor=4_000, currency="GBP"
    )
    assert back.status == "approved", "what was captured can still be given back"


async def test_what_does_not_exist_is_refused(gateway: Gateway) -> None:
    for call in (
        gateway.capture(reference="pay_1", authorization_reference="auth_0", amount_minor=1, currency="GBP"),
        gateway.refund(reference="pay_2", capture_reference="cap_0", amount_minor=1, currency="GBP"),
        gateway.void(reference="pay_3", authorization_reference="auth_0"),
    ):
        with pytest.raises(Refused) as refused:
            await call
        assert refused.value.code == "not_found"


@pytest.mark.parametrize("fault", LOST_ANSWERS)
async def test_a_lost_answer_is_unknown_and_the_capture_is_found_and_made_once(
    gateway: Gateway, impatient_gateway: Gateway, gateway_twin: Twin, fault: str
) -> None:
    gateway_twin.reset(**first_attempt_only(**{fault: 1.0}))
    caller = impatient_gateway if fault == "timeout_after_success" else gateway
    with pytest.raises(Unknown):
        await caller.authorize(asked("pay_a"))
    held = await gateway.find("pay_a")
    assert held is not None
    assert await gateway.authorize(asked("pay_a")) == held

    def capture(by: Gateway) -> Awaitable[Receipt]:
        return by.capture(
            reference="pay_c",
            authorization_reference=held.gateway_reference,
            amount_minor=10_000,
            currency="GBP",
        )

    with pytest.raises(Unknown):
        await capture(caller)
    found = await gateway.find("pay_c")
    assert found is not None
    assert (found.kind, found.amount_minor) == ("capture", 10_000)
    assert await capture(gateway) == found
    assert executions(gateway_twin) == {"pay_a": 1, "pay_c": 1}


async def test_a_failure_before_the_work_is_unknown_too_and_nothing_is_found(
    gateway: Gateway, gateway_twin: Twin
) -> None:
    gateway_twin.reset(**first_attempt_only(error_500=1.0))
    with pytest.raises(Unknown):
        await gateway.authorize(asked("pay_a"))
    assert await gateway.find("pay_a") is None
    assert (await gateway.authorize(asked("pay_a"))).status == "approved"


async def test_a_busy_gateway_says_when_to_come_back(gateway: Gateway, gateway_twin: Twin) -> None:
    gateway_twin.reset(**first_attempt_only(busy_429=1.0))
    with pytest.raises(Retry) as retry:
        await gateway.authorize(asked("pay_a"))
    assert retry.value.after == timedelta(seconds=1)


async def test_a_gateway_that_is_down_has_surely_done_nothing(gateway: Gateway, gateway_twin: Twin) -> None:
    gateway_twin.kill()
    with pytest.raises(Retry):
        await gateway.authorize(asked("pay_a"))
    with pytest.raises(Retry):
        await gateway.find("pay_a")


async def test_a_wrong_key_is_refused(gateway: Gateway, gateway_twin: Twin) -> None:
    stranger = registry.gateway(gateway.code, Settings(base_url=gateway_twin.url, api_key="wrong"))
    with pytest.raises(Refused) as refused:
        await stranger.authorize(asked("pay_a"))
    await stranger.aclose()
    assert refused.value.code == "not_authenticated"


async def test_a_kill_in_the_middle_of_forty_authorizations_makes_none_twice(
    gateway: Gateway, gateway_twin: Twin
) -> None:
    references = [f"pay_{number}" for number in range(40)]

    async def one(reference: str) -> Receipt | None:
        try:
            return await gateway.find(reference) or await gateway.authorize(asked(reference))
        except (Retry, Unknown):
            return None

    asking = [asyncio.ensure_future(one(reference)) for reference in references]
    await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
    gateway_twin.kill()
    before = dict(zip(references, await asyncio.gather(*asking), strict=True))
    assert not all(before.values()), "the kill came too late to prove anything"
    gateway_twin.start()
    for reference in references:
        receipt = await one(reference) or await one(reference)  # the first may meet a connection that died
        assert receipt is not None
        assert before[reference] in (None, receipt)
    assert executions(gateway_twin) == dict.fromkeys(references, 1)
