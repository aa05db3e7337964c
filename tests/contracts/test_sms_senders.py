"""What every sender of text messages must do: hand over one text, once per reference."""

from __future__ import annotations

from datetime import timedelta

import pytest

from doorstep.kit.outcomes import Refused, Retry, Unknown
from doorstep.updates.ports import SmsSender
from tests.support.twins import Twin, first_attempt_only

NUMBER = "+447700900123"
TEXT = "Zoë: your parcel is late & now due Tue 5 Jan = +1 day. https://s.example.test/1?a=b"


async def test_a_text_arrives_as_it_was_written(sms_sender: SmsSender, messages_twin: Twin) -> None:
    await sms_sender.send(reference="upd_1", to=NUMBER, text=TEXT)
    (arrived,) = messages_twin.get("/sandbox/mailbox", to=NUMBER)["messages"]
    assert (arrived["kind"], arrived["reference"], arrived["text"]) == ("sms", "upd_1", TEXT)


async def test_the_same_reference_sends_once(sms_sender: SmsSender, messages_twin: Twin) -> None:
    first = await sms_sender.send(reference="upd_1", to=NUMBER, text=TEXT)
    assert await sms_sender.send(reference="upd_1", to=NUMBER, text=TEXT) == first
    assert len(messages_twin.get("/sandbox/mailbox")["messages"]) == 1


async def test_another_text_under_a_used_reference_is_refused(sms_sender: SmsSender) -> None:
    await sms_sender.send(reference="upd_1", to=NUMBER, text=TEXT)
    with pytest.raises(Refused) as refused:
        await sms_sender.send(reference="upd_1", to=NUMBER, text="something else")
    assert refused.value.code == "reference_conflict"


@pytest.mark.parametrize("fault", ["timeout_after_success", "error_500_after", "hang_up_after", "garbage"])
async def test_a_lost_answer_is_unknown_and_a_repetition_sends_nothing_more(
    sms_sender: SmsSender, impatient_sms_sender: SmsSender, messages_twin: Twin, fault: str
) -> None:
    messages_twin.reset(**first_attempt_only(**{fault: 1.0}))
    caller = impatient_sms_sender if fault == "timeout_after_success" else sms_sender
    with pytest.raises(Unknown):
        await caller.send(reference="upd_1", to=NUMBER, text=TEXT)
    await sms_sender.send(reference="upd_1", to=NUMBER, text=TEXT)
    assert len(messages_twin.get("/sandbox/mailbox")["messages"]) == 1


async def test_a_provider_that_fails_before_the_work_has_sent_nothing(
    sms_sender: SmsSender, messages_twin: Twin
) -> None:
    messages_twin.reset(**first_attempt_only(error_500=1.0))
    with pytest.raises(Unknown):
        await sms_sender.send(reference="upd_1", to=NUMBER, text=TEXT)
    assert messages_twin.get("/sandbox/mailbox")["messages"] == []


async def test_a_busy_provider_says_when_to_come_back(sms_sender: SmsSender, messages_twin: Twin) -> None:
    messages_twin.reset(**first_attempt_only(busy_429=1.0))
    with pytest.raises(Retry) as retry:
        await sms_sender.send(reference="upd_1", to=NUMBER, text=TEXT)
    assert retry.value.after == timedelta(seconds=1)


@pytest.mark.parametrize("number", ["07700 900123", "+44x", ""])
async def test_what_is_no_number_is_refused(sms_sender: SmsSender, messages_twin: Twin, number: str) -> None:
    with pytest.raises(Refused):
        await sms_sender.send(reference="upd_1", to=number, text=TEXT)
    assert messages_twin.get("/sandbox/mailbox")["messages"] == []


async def test_a_kill_forgets_no_text(sms_sender: SmsSender, messages_twin: Twin) -> None:
    await sms_sender.send(reference="upd_1", to=NUMBER, text=TEXT)
    messages_twin.kill()
    with pytest.raises(Retry):
        await sms_sender.send(reference="upd_2", to=NUMBER, text=TEXT)
    messages_twin.start()
    assert [each["reference"] for each in messages_twin.get("/sandbox/mailbox")["messages"]] == ["upd_1"]
