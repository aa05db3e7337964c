"""The adapters of the settings, by the names `jobs.Work.port` asks for: `Carrier:<code>`, `Carrier`, `Gateway` …"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from doorstep.adapters import registry
from doorstep.adapters.settings import Settings as Account
from doorstep.settings import Outside, Settings
from doorstep.updates import Letterhead


def make_ports(settings: Settings) -> dict[str, object]:
    """All adapters, ready to use; the first carrier is also the default one. Raises LookupError for an unknown code.

    Beside them, how messages are headed: `Letterhead`.
    """
    sender = settings.mail.sender if settings.mail else ""
    ports: dict[str, object] = {"Letterhead": Letterhead(base_url=settings.url, sender=sender, secret=settings.secret)}
    for carrier in settings.carriers:
        ports[f"Carrier:{carrier.code}"] = made = registry.carrier(carrier.code, _account(carrier, settings))
        ports.setdefault("Carrier", made)
    if settings.gateway:
        ports["Gateway"] = made_gateway = registry.gateway(settings.gateway.code, _account(settings.gateway, settings))
        ports[f"Gateway:{settings.gateway.code}"] = made_gateway
    if settings.mail:
        ports["Mailer"] = registry.mailer(settings.mail.code, _account(settings.mail, settings))
    if settings.sms:
        ports["SmsSender"] = registry.sms_sender(settings.sms.code, _account(settings.sms, settings))
    return ports


@asynccontextmanager
async def open_ports(settings: Settings) -> AsyncIterator[dict[str, object]]:
    """The adapters for as long as the block lasts; their connections are closed at its end."""
    ports = make_ports(settings)
    try:
        yield ports
    finally:
        await close_ports(ports)


async def close_ports(ports: dict[str, object]) -> None:
    """Close the adapters' connections, each once."""
    for adapter in {id(one): one for one in ports.values()}.values():
        close: Any = getattr(adapter, "aclose", None)
        if close is not None:
            await close()


def _account(outside: Outside, settings: Settings) -> Account:
    return Account(
        base_url=outside.url,
        api_key=outside.api_key,
        secret=outside.secret,
        username=outside.username,
        sender=outside.sender,
        read_timeout_s=settings.answer_within_s,
    )
