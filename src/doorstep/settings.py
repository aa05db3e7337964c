"""Settings: read once from the environment, then handed on. Every variable begins with DOORSTEP_."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

import msgspec

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["json", "text"]


# Every variable, without the DOORSTEP_ before it, and what it is.
VARIABLES = {
    "DATABASE_URL": "postgresql://… of a PostgreSQL 15 or later; without it one runs embedded in DATA",
    "DATA": "the data folder; .doorstep",
    "SECRET": "signs links in mail; without it one is made and kept in DATA",
    "HOST, PORT": "where the server listens; 127.0.0.1 and 8080",
    "PROCESSES": "server processes; 1",
    "WORKERS": "workers that `doorstep up` starts; 2",
    "URL": "the address under which people reach it; http://HOST:PORT",
    "PROXIES": "how many proxies of yours stand before the server, each naming its caller in X-Forwarded-For; 0",
    "ANSWER_WITHIN": "seconds an outside service may take before we ask again; 5",
    "POOL_SIZE": "connections a brand and process; 8",
    "STATEMENT_CACHE": "prepared statements a connection; 1024, 0 behind PgBouncer",
    "LOG_LEVEL, LOG_FORMAT": "debug info warning error; json or text",
    "CARRIERS": "codes of the carriers, comma separated; the first is the default one",
    "CARRIER_<CODE>_URL, _API_KEY, _SECRET": "each carrier's address, our key, what its webhooks are signed with",
    "GATEWAY, GATEWAY_URL, _API_KEY, _SECRET": "the payment gateway: its code and account",
    "MAIL_URL, _USERNAME, _API_KEY, _SENDER": "smtp://, smtps:// or smtp+starttls://, account, and who writes",
    "CLOCK_BY_HAND": "1 for a rehearsal: the console lets time pass at the press of a button; 0",
    "SMS_URL, _USERNAME, _API_KEY, _SENDER": "the text message service",
}


class SettingsError(Exception):
    """A variable that cannot be used; the text names it and says what it should be."""


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """An account at an outside service. Its webhooks are signed with `secret`; `api_key` proves who we are."""

    code: str
    url: str
    api_key: str = ""
    secret: str = ""
    username: str = ""
    sender: str = ""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of a process. `database_url` is empty when PostgreSQL runs embedded in `data`."""

    database_url: str = ""
    data: Path = Path(".doorstep")
    secret: str = ""
    host: str = "127.0.0.1"
    port: int = 8080
    processes: int = 1
    workers: int = 2
    public_url: str = ""
    proxies: int = 0
    answer_within_s: int = 5
    pool_size: int = 8
    statement_cache: int = 1024
    log_level: LogLevel = "info"
    log_format: LogFormat = "json"
    carriers: tuple[Outside, ...] = ()
    gateway: Outside | None = None
    mail: Outside | None = None
    sms: Outside | None = None
    clock_by_hand: bool = False

    @property
    def url(self) -> str:
        """Where people and partners reach this server; no slash at the end."""
        return self.public_url or f"http://{self.host}:{self.port}"


def read(env: Mapping[str, str]) -> Settings:
    """The settings in an environment, see VARIABLES. Raises SettingsError naming the variable."""
    text = _Text(env)
    codes = [code.strip() for code in text("CARRIERS").split(",") if code.strip()]
    return Settings(
        database_url=text.url("DATABASE_URL", ("postgresql", "postgres")),
        data=Path(text("DATA", ".doorstep")).absolute(),
        secret=text("SECRET"),
        host=text("HOST", "127.0.0.1"),
        port=text.number("PORT", 8080, 1, 65_535),
        processes=text.number("PROCESSES", 1, 1, 64),
        workers=text.number("WORKERS", 2, 1, 64),
        public_url=text.url("URL", ("http", "https")).rstrip("/"),
        proxies=text.number("PROXIES", 0, 0, 10),
        answer_within_s=text.number("ANSWER_WITHIN", 5, 1, 120),
        pool_size=text.number("POOL_SIZE", 8, 1, 200),
        statement_cache=text.number("STATEMENT_CACHE", 1024, 0, 100_000),
        log_level=text.choice("LOG_LEVEL", "info", get_args(LogLevel)),  # type: ignore[arg-type]  # one of the literal's own
        log_format=text.choice("LOG_FORMAT", "json", get_args(LogFormat)),  # type: ignore[arg-type]  # likewise
        carriers=tuple(text.outside(_carrier(code), code, ("http", "https")) for code in codes),
        gateway=text.optional("GATEWAY", text("GATEWAY", "sandbox"), ("http", "https")),
        mail=text.optional("MAIL", "smtp", ("smtp", "smtps", "smtp+starttls")),
        sms=text.optional("SMS", "http", ("http", "https")),
        clock_by_hand=text.choice("CLOCK_BY_HAND", "0", ("0", "1")) == "1",
    )


def environment(settings: Settings) -> dict[str, str]:
    """The settings as variables, for a child process: `read(environment(settings)) == settings`."""
    found = {
        "DATABASE_URL": settings.database_url,
        "DATA": str(settings.data),
        "SECRET": settings.secret,
        "HOST": settings.host,
        "PORT": str(settings.port),
        "PROCESSES": str(settings.processes),
        "WORKERS": str(settings.workers),
        "URL": settings.public_url,
        "PROXIES": str(settings.proxies),
        "ANSWER_WITHIN": str(settings.answer_within_s),
        "POOL_SIZE": str(settings.pool_size),
        "STATEMENT_CACHE": str(settings.statement_cache),
        "LOG_LEVEL": settings.log_level,
        "LOG_FORMAT": settings.log_format,
        "CARRIERS": ",".join(carrier.code for carrier in settings.carriers),
        "GATEWAY": settings.gateway.code if settings.gateway else "",
        "CLOCK_BY_HAND": "1" if settings.clock_by_hand else "",
    }
    for carrier in settings.carriers:
        found |= _flat(_carrier(carrier.code), carrier)
    for name, outside in (("GATEWAY", settings.gateway), ("MAIL", settings.mail), ("SMS", settings.sms)):
        found |= _flat(name, outside) if outside else {}
    return {f"DOORSTEP_{name}": value for name, value in found.items() if value}


def _carrier(code: str) -> str:
    return f"CARRIER_{code.upper().replace('-', '_')}"


def _flat(name: str, outside: Outside) -> dict[str, str]:
    return {
        f"{name}_URL": outside.url,
        f"{name}_API_KEY": outside.api_key,
        f"{name}_SECRET": outside.secret,
        f"{name}_USERNAME": outside.username,
        f"{name}_SENDER": outside.sender,
    }


class _Text:
    """Reads variables and says what is wrong with one."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def __call__(self, name: str, default: str = "") -> str:
        return self._env.get(f"DOORSTEP_{name}", "").strip() or default

    def number(self, name: str, default: int, least: int, most: int) -> int:
        text = self(name, str(default))
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise SettingsError(f"DOORSTEP_{name} must be a whole number from {least} to {most}, not {text[:40]!r}.")
        return int(text)

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        text = self(name, default).lower()
        if text not in choices:
            raise SettingsError(f"DOORSTEP_{name} must be one of {', '.join(choices)}, not {text[:40]!r}.")
        return text

    def url(self, name: str, schemes: tuple[str, ...]) -> str:
        text = self(name)
        if text and urlsplit(text).scheme not in schemes:
            # The value is not repeated: a database URL holds a password.
            raise SettingsError(
                f"DOORSTEP_{name} must be a URL that begins with {' or '.join(s + '://' for s in schemes)}."
            )
        return text

    def outside(self, name: str, code: str, schemes: tuple[str, ...]) -> Outside:
        url = self.url(f"{name}_URL", schemes)
        if not url:
            raise SettingsError(f"DOORSTEP_{name}_URL is missing: {code!r} is configured without an address.")
        return Outside(
            code=code,
            url=url,
            api_key=self(f"{name}_API_KEY"),
            secret=self(f"{name}_SECRET"),
            username=self(f"{name}_USERNAME"),
            sender=self(f"{name}_SENDER"),
        )

    def optional(self, name: str, code: str, schemes: tuple[str, ...]) -> Outside | None:
        return self.outside(name, code, schemes) if self(f"{name}_URL") else None
