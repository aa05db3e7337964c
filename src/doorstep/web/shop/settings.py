"""Settings of the storefront, from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

# Every variable, without the DOORSTEP_SHOP_ before it, and what it is.
VARIABLES = {
    "API": "address of Doorstep's API; http://127.0.0.1:8080",
    "KEY": "an API key that may write",
    "DOORSTEP": "address of Doorstep for customers, where orders' pages are; the same as API",
    "HOST, PORT": "where the shop listens; 127.0.0.1 and 8090",
    "NAME": "what the shop is called; Porch & Lintel",
    "STOCK": "yes: bring its goods, services and stock into Doorstep at each start",
    "SECURE": "yes: customers come over https, so cookies are for https only",
    "ANSWER_WITHIN": "seconds Doorstep may take to answer; 5",
}


class SettingsError(Exception):
    """A variable that cannot be used; the text names it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings."""

    api_url: str = "http://127.0.0.1:8080"
    api_key: str = ""
    doorstep_url: str = "http://127.0.0.1:8080"
    host: str = "127.0.0.1"
    port: int = 8090
    name: str = "Porch & Lintel"
    stock_up: bool = False
    secure: bool = False
    answer_within_s: int = 5


def read(env: Mapping[str, str]) -> Settings:
    """The settings in an environment, see VARIABLES. Raises SettingsError."""

    def text(name: str, default: str = "") -> str:
        return env.get(f"DOORSTEP_SHOP_{name}", "").strip() or default

    def number(name: str, default: int, most: int) -> int:
        given = text(name, str(default))
        if not (given.isascii() and given.isdigit() and 1 <= int(given) <= most):
            raise SettingsError(f"DOORSTEP_SHOP_{name} must be a whole number from 1 to {most}, not {given[:40]!r}.")
        return int(given)

    def url(name: str, default: str) -> str:
        given = text(name, default).rstrip("/")
        parts = urlsplit(given)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path:
            raise SettingsError(f"DOORSTEP_SHOP_{name} must be like https://example.com, without a path.")
        return given

    api = url("API", Settings().api_url)
    return Settings(
        api_url=api,
        api_key=text("KEY"),
        doorstep_url=url("DOORSTEP", api),
        host=text("HOST", Settings().host),
        port=number("PORT", Settings().port, 65_535),
        name=text("NAME", Settings().name),
        stock_up=text("STOCK").lower() in ("yes", "1", "true"),
        secure=text("SECURE").lower() in ("yes", "1", "true"),
        answer_within_s=number("ANSWER_WITHIN", Settings().answer_within_s, 120),
    )


def environment(settings: Settings) -> dict[str, str]:
    """The settings as variables, for a child process: `read(environment(settings)) == settings`."""
    found = {
        "API": settings.api_url,
        "KEY": settings.api_key,
        "DOORSTEP": settings.doorstep_url,
        "HOST": settings.host,
        "PORT": str(settings.port),
        "NAME": settings.name,
        "STOCK": "yes" if settings.stock_up else "no",
        "SECURE": "yes" if settings.secure else "no",
        "ANSWER_WITHIN": str(settings.answer_within_s),
    }
    return {f"DOORSTEP_SHOP_{name}": value for name, value in found.items()}
