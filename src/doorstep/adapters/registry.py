"""Adapters by name: what is built in, and what other packages add through entry points.

A package that brings a carrier declares, in the group `doorstep.carriers`, a name and a factory that takes `Settings`
and returns a `Carrier`; likewise `doorstep.payments` (a `Gateway`) and `doorstep.messages`, whose names begin with
`mail.` (a `Mailer`) or `sms.` (an `SmsSender`). An entry point overrides a built-in one of the same name.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from doorstep.adapters.settings import Settings
from doorstep.payments.ports import Gateway
from doorstep.shipping.ports import Carrier
from doorstep.updates.ports import Mailer, SmsSender

CARRIERS = "doorstep.carriers"
PAYMENTS = "doorstep.payments"
MESSAGES = "doorstep.messages"

BUILT_IN = (
    EntryPoint("sandbox", "doorstep.adapters.carriers.sandbox.adapter:SandboxCarrier", CARRIERS),
    EntryPoint("sandbox", "doorstep.adapters.payments.sandbox.adapter:SandboxGateway", PAYMENTS),
    EntryPoint("mail.smtp", "doorstep.adapters.messages.smtp:SmtpMailer", MESSAGES),
    EntryPoint("sms.http", "doorstep.adapters.messages.sms_http:HttpSmsSender", MESSAGES),
)


def carrier(code: str, settings: Settings) -> Carrier:
    """The carrier registered under a code, ready to use. Raises LookupError for an unknown code."""
    made: Carrier = _factory(CARRIERS, code)(settings)
    return made


def gateway(code: str, settings: Settings) -> Gateway:
    """The payment gateway registered under a code, ready to use. Raises LookupError for an unknown code."""
    made: Gateway = _factory(PAYMENTS, code)(settings)
    return made


def mailer(code: str, settings: Settings) -> Mailer:
    """The mailer registered as `mail.<code>`, ready to use. Raises LookupError for an unknown code."""
    made: Mailer = _factory(MESSAGES, f"mail.{code}")(settings)
    return made


def sms_sender(code: str, settings: Settings) -> SmsSender:
    """The text message sender registered as `sms.<code>`, ready to use. Raises LookupError for an unknown code."""
    made: SmsSender = _factory(MESSAGES, f"sms.{code}")(settings)
    return made


def codes(group: str) -> tuple[str, ...]:
    """The names registered in a group, sorted."""
    return tuple(sorted(_registered(group)))


def _registered(group: str) -> dict[str, EntryPoint]:
    built_in = {entry.name: entry for entry in BUILT_IN if entry.group == group}
    return built_in | {entry.name: entry for entry in entry_points(group=group)}


def _factory(group: str, name: str) -> Any:
    known = _registered(group)
    if name not in known:
        raise LookupError(f"{group} has no {name!r}; it has {', '.join(sorted(known)) or 'nothing'}")
    return known[name].load()
