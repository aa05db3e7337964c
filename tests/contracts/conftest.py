"""The adapters under test: every one that is registered, with the twin it talks to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from doorstep.adapters import registry
from doorstep.adapters.settings import Settings
from doorstep.payments.ports import Gateway
from doorstep.shipping.ports import Carrier
from doorstep.updates.ports import Mailer, SmsSender
from tests.support.twins import (
    SECRET,
    Twin,
    carrier_process,
    carrier_twin,
    gateway_process,
    gateway_twin,
    messages_process,
    messages_twin,
)

__all__ = [
    "carrier_process",
    "carrier_twin",
    "gateway_process",
    "gateway_twin",
    "messages_process",
    "messages_twin",
]

MAILERS = [name.removeprefix("mail.") for name in registry.codes(registry.MESSAGES) if name.startswith("mail.")]
SMS_SENDERS = [name.removeprefix("sms.") for name in registry.codes(registry.MESSAGES) if name.startswith("sms.")]


def patient(base_url: str, **more: Any) -> Settings:
    """Settings that outlast a slow machine: nothing fails because a disk was busy."""
    return Settings(base_url=base_url, read_timeout_s=20.0, connect_timeout_s=10.0, **more)


def impatient(base_url: str) -> Settings:
    """Settings that give up long before a late answer: for the one call that shall be lost."""
    return Settings(base_url=base_url, read_timeout_s=0.5, connect_timeout_s=10.0)


@pytest.fixture(params=registry.codes(registry.CARRIERS))
async def carrier(request: pytest.FixtureRequest, carrier_twin: Twin) -> AsyncIterator[Carrier]:
    """A carrier."""
    made = registry.carrier(request.param, patient(carrier_twin.url, secret=SECRET))
    yield made
    await made.aclose()


@pytest.fixture
async def impatient_carrier(carrier: Carrier, carrier_twin: Twin) -> AsyncIterator[Carrier]:
    """The same carrier for a caller that gives up waiting soon."""
    made = registry.carrier(carrier.code, impatient(carrier_twin.url))
    yield made
    await made.aclose()


@pytest.fixture(params=registry.codes(registry.PAYMENTS))
async def gateway(request: pytest.FixtureRequest, gateway_twin: Twin) -> AsyncIterator[Gateway]:
    """A gateway."""
    made = registry.gateway(request.param, patient(gateway_twin.url))
    yield made
    await made.aclose()


@pytest.fixture
async def impatient_gateway(gateway: Gateway, gateway_twin: Twin) -> AsyncIterator[Gateway]:
    """The same gateway for a caller that gives up waiting soon."""
    made = registry.gateway(gateway.code, impatient(gateway_twin.url))
    yield made
    await made.aclose()


@pytest.fixture(params=MAILERS)
async def mailer(request: pytest.FixtureRequest, messages_twin: Twin) -> AsyncIterator[Mailer]:
    """A mailer."""
    made = registry.mailer(request.param, patient(messages_twin.smtp_url))
    yield made
    await made.aclose()


@pytest.fixture(params=SMS_SENDERS)
async def sms_sender(request: pytest.FixtureRequest, messages_twin: Twin) -> AsyncIterator[SmsSender]:
    """A sender of text messages."""
    made = registry.sms_sender(request.param, patient(messages_twin.url))
    yield made
    await made.aclose()


@pytest.fixture
async def impatient_sms_sender(sms_sender: SmsSender, messages_twin: Twin) -> AsyncIterator[SmsSender]:
    """The same sender for a caller that gives up waiting soon."""
    made = registry.sms_sender(sms_sender.code, impatient(messages_twin.url))
    yield made
    await made.aclose()
