"""A webhook of the sandbox carrier is believed only when signed, fresh and whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from standardwebhooks import Webhook

from doorstep.adapters.carriers.sandbox.adapter import SandboxCarrier
from doorstep.adapters.settings import Settings
from doorstep.kit.clock import wall_now
from doorstep.kit.outcomes import Refused
from tests.support.twins import SECRET

OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
EVENT: dict[str, Any] = {
    "id": "ev_1",
    "tracking_number": "DS1",
    "code": "OUT_FOR_DELIVERY",
    "at": "2010-01-04T08:30:00+01:00",
    "text": "With the driver – Łódź",
    "place": "Leeds",
}


def body_of(*events: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"events": events})


def signed(body: bytes, *, secret: str = SECRET, age: timedelta = timedelta(0)) -> dict[str, str]:
    at = wall_now() - age
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": Webhook(secret).sign("msg_1", at, body.decode()),
    }


@pytest.fixture
def carrier() -> SandboxCarrier:
    return SandboxCarrier(Settings(base_url="http://127.0.0.1:1", secret=SECRET))


def test_an_event_is_told_in_our_words_and_in_utc(carrier: SandboxCarrier) -> None:
    body = body_of(EVENT)
    (update,) = carrier.parse_webhook(signed(body), body)
    assert (update.event_id, update.tracking_number, update.status) == ("ev_1", "DS1", "out_for_delivery")
    assert update.occurred_at == datetime(2010, 1, 4, 7, 30, tzinfo=UTC)
    assert update.occurred_at.tzinfo is UTC
    assert update.location == "Leeds"
    assert update.raw["code"] == "OUT_FOR_DELIVERY"
    assert msgspec.json.decode(msgspec.json.encode(update.raw)) == update.raw, "what is kept as raw is plain JSON"


def test_a_word_the_carrier_adds_tomorrow_moves_nothing_and_stops_nothing(carrier: SandboxCarrier) -> None:
    body = body_of(EVENT | {"code": "BEAMED_UP", "reason": "x"}, EVENT | {"id": "ev_2", "new_field": 1})
    first, second = carrier.parse_webhook(signed(body), body)
    assert (first.status, first.substatus) == ("pending", "unmapped")
    assert second.status == "out_for_delivery"


def test_a_second_signature_is_enough_while_a_secret_is_changed(carrier: SandboxCarrier) -> None:
    body = body_of(EVENT)
    headers = signed(body)
    headers["Webhook-Signature"] = (
        f"{signed(body, secret=OTHER_SECRET)['Webhook-Signature']} {headers['Webhook-Signature']}"
    )
    assert len(carrier.parse_webhook(headers, body)) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(body_of(EVENT), secret=OTHER_SECRET),
        signed(body_of(EVENT), age=timedelta(minutes=6)),
        signed(body_of(EVENT), age=timedelta(hours=-1)),  # signed when tests are collected, which may be a while ago
        signed(body_of(EVENT) + b" "),
        signed(body_of(EVENT)) | {"Webhook-Id": "msg_2"},
        signed(body_of(EVENT)) | {"Webhook-Signature": "v1"},
        signed(body_of(EVENT)) | {"Webhook-Signature": "v1,***"},
        signed(body_of(EVENT)) | {"Webhook-Signature": ""},
        signed(body_of(EVENT)) | {"Webhook-Timestamp": "soon"},
        signed(body_of(EVENT)) | {"Webhook-Timestamp": "nan"},
        signed(body_of(EVENT)) | {"Webhook-Timestamp": "9" * 400},
    ],
)
def test_what_is_not_signed_by_the_carrier_is_refused(carrier: SandboxCarrier, headers: dict[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        carrier.parse_webhook(headers, body_of(EVENT))
    assert refused.value.code == "bad_signature"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"events": [{"id": 1',
        b'{"events": {}}',
        body_of(EVENT | {"at": "2010-01-04T08:30:00"}),
        body_of(EVENT | {"at": "yesterday"}),
        body_of(EVENT, {"id": "ev_2"}),
    ],
)
def test_a_signed_body_that_is_no_notice_is_garbage(carrier: SandboxCarrier, body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        carrier.parse_webhook(signed(body), body)
    assert refused.value.code == "garbage"


def test_a_body_that_is_no_text_is_refused(carrier: SandboxCarrier) -> None:
    with pytest.raises(Refused) as refused:
        carrier.parse_webhook(signed(b"{}"), b"\xff\xfe\x00")
    assert refused.value.code == "bad_signature"
