"""The mailbox as pages for people: a list, and every message as its reader sees it. No page has a script.

A mail's HTML is somebody else's: it is answered on its own, in a sandbox and with a policy that loads nothing, and the
page shows it in a frame. What is typed into an address and makes no sense is left aside; a page shows its usual self.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from doorstep.adapters.messages.sandbox import contents
from doorstep.adapters.messages.sandbox.reading import Read, read
from doorstep.adapters.twin.server import Answer, Handler, Request
from doorstep.adapters.twin.store import Store

TEXT_MOST = 100_000  # characters of a text or source on a page; the rest is in the download
KINDS = ("mail", "sms")
WIDTHS = ("desktop", "phone")
SCHEMES = ("auto", "light", "dark")
CONTENT_TYPE = "text/html; charset=utf-8"

_ALWAYS = {"referrer-policy": "no-referrer", "x-content-type-options": "nosniff", "cache-control": "no-store"}
_OF_PAGES = _ALWAYS | {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}
# `sandbox` here, too: the mail is as harmless when its address is opened by itself. Links may open a page of their own,
# and that page is outside the sandbox: it is a shop's, and works.
_OF_MAILS = _ALWAYS | {
    "content-security-policy": "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'",
}
_OF_FILES = _ALWAYS | {"cache-control": "max-age=3600"}
_LINK = re.compile(r"<(a|area)(?=[\s/])", re.IGNORECASE)


class Pages:
    """The handlers; `smtp` is where mail is taken in, as host:port, for the words on an empty mailbox."""

    def __init__(self, store: Store, *, smtp: str) -> None:
        self._store = store
        self._smtp = smtp

    def routes(self) -> list[tuple[str, str, Handler]]:
        """What a browser asks for."""
        return [
            ("GET", "/", self._list),
            ("GET", "/messages/{id}", self._message),
            ("GET", "/messages/{id}/html", self._html),
            ("GET", "/mailbox.css", self._style),
            ("GET", "/mailbox.svg", self._icon),
        ]

    async def _list(self, request: Request) -> Answer:
        query = request.query
        wanted = contents.Wanted(
            q=contents.shorten(query.get("q", ""), contents.SEARCH_MOST),
            kind=_one_of(KINDS, query.get("kind"), ""),
            to=contents.shorten(query.get("to", ""), contents.SEARCH_MOST),
            before=_number(query.get("before", "")),
            after=_number(query.get("after", "")),
        )
        return await asyncio.to_thread(self._list_now, wanted)

    def _list_now(self, wanted: contents.Wanted) -> Answer:
        contents.catch_up(self._store)
        page = contents.look(self._store, wanted)
        kept = {"q": wanted.q, "kind": wanted.kind, "to": wanted.to}
        return _page("list.html", wanted=wanted, page=page, kept=kept, smtp=self._smtp)

    async def _message(self, request: Request) -> Answer:
        return await asyncio.to_thread(self._message_now, _number(request.names["id"]), request.query)

    def _message_now(self, number: int, query: Mapping[str, str]) -> Answer:
        contents.catch_up(self._store)
        row, line = self._store.row("by_id", id=number), contents.line_of(self._store, number)
        if row is None or line is None:
            return _missing("There is no such message.")
        said = _read(row)
        views = _views(said)
        chosen = {
            "view": _one_of(views, query.get("view"), views[0]),
            "width": _one_of(WIDTHS, query.get("width"), WIDTHS[0]),
            "scheme": _one_of(SCHEMES, query.get("scheme"), SCHEMES[0]),
        }
        places = contents.places(self._store, number)
        return _page("message.html", said=said, line=line, views=views, chosen=chosen, places=places, most=TEXT_MOST)

    async def _html(self, request: Request) -> Answer:
        row = self._store.row("by_id", id=_number(request.names["id"]))
        html = await asyncio.to_thread(lambda: _read(row).html) if row else None
        if html is None:
            return _missing("There is no such message, or it has no HTML.")
        return Answer(body=opening_elsewhere(html).encode(), content_type=CONTENT_TYPE, headers=_OF_MAILS)

    async def _style(self, request: Request) -> Answer:
        return Answer(body=_file("mailbox.css"), content_type="text/css; charset=utf-8", headers=_OF_FILES)

    async def _icon(self, request: Request) -> Answer:
        return Answer(body=_file("mailbox.svg"), content_type="image/svg+xml", headers=_OF_FILES)


def opening_elsewhere(html: str) -> str:
    """A mail whose links open in a new tab, and tell the page they lead to nothing of us.

    Of attributes given twice the first one holds, so whatever the mail says about its links comes too late. Without
    quotation marks, as the match may stand inside an attribute.
    """
    return _LINK.sub(r"<\1 target=_blank rel=noreferrer ", html)


def link(path: str, query: Mapping[str, str | int] | None = None, **more: str | int) -> str:
    """An address on this server, without what is empty."""
    values = {name: value for name, value in {**(query or {}), **more}.items() if value}
    return f"{path}?{urlencode(values)}" if values else path


def _read(row: sqlite3.Row) -> Read:
    return read(row["kind"], row["raw"], row["sender"])


def _views(said: Read) -> tuple[str, ...]:
    if said.kind == "sms":
        return ("message", "source")
    return ("text", "source") if said.html is None else ("html", "text", "source")


def _one_of(known: tuple[str, ...], given: str | None, default: str) -> str:
    return given if given in known else default


def _number(text: str) -> int:
    """A message's number; 0, which none has, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _missing(reason: str) -> Answer:
    return _page("missing.html", status=404, reason=reason)


def _page(template: str, *, status: int = 200, **facts: Any) -> Answer:
    body = _environment().get_template(template).render(facts)
    return Answer(status=status, body=body.encode(), content_type=CONTENT_TYPE, headers=_OF_PAGES)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("doorstep.adapters.messages.sandbox", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # A style sheet that changed has another address: a browser may keep the one it has.
    version = blake2b(_file("mailbox.css"), digest_size=6).hexdigest()
    made.globals.update(link=link, style_version=version)
    return made


@cache
def _file(name: str) -> bytes:
    return files(__package__).joinpath("templates", name).read_bytes()
