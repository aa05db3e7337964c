"""Settings, messages: a brand's own words for what customers are told, tried on a sample order before they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post

from doorstep import delivery, updates
from doorstep.db import Tx
from doorstep.kit.errors import Invalid, NotFound
from doorstep.kit.templates import LANGUAGES
from doorstep.updates import Letterhead, Preview, Wording
from doorstep.web.api.context import app_state
from doorstep.web.console.acting import Noted, act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.forms import difference
from doorstep.web.console.frame import faults_by_field, show, zone
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, see

_AT: Final = "/console/settings/messages"


@get(_AT, **needs("settings"))
async def list_messages(request: Asked, staff: Staff) -> Response[bytes]:
    """Every kind of message, and in which languages it speaks the brand's own words."""
    async with staff.brand.reading() as tx:
        own = {(one.kind, one.language) for one in await updates.wordings(tx)}
    return await show(
        staff, "console/settings/messages.html", at="settings", kinds=updates.KINDS, languages=LANGUAGES, own=own
    )


@get(_AT + "/{kind:str}/{language:str}", **needs("settings"))
async def show_message(request: Asked, staff: Staff, kind: str, language: str) -> Response[bytes]:
    """A message: our words, the brand's, and how it reads."""
    own = await _wording(staff, kind, language)
    fields = {part: getattr(own, part) or "" for part in updates.LIMITS}
    return await _page(staff, own, fields, said=request.query_params.get("said", ""))


@post(_AT + "/{kind:str}/{language:str}", status_code=200, **needs("settings"))
async def change_message(request: Asked, staff: Staff, kind: str, language: str) -> Response[bytes]:
    """Keep the brand's words, or say how they would read; all empty: ours again."""
    fields = await form(request)
    before = await _wording(staff, kind, language)
    given = {} if fields.get("do") == "reset" else {part: _lines(fields.get(part, "")) for part in updates.LIMITS}
    wanted = Wording(kind=kind, language=language, **given)
    try:
        updates.check(wanted)
    except Invalid as refused:
        return await _page(staff, before, fields, faults=faults_by_field(refused), status=422)
    if fields.get("do") not in ("save", "reset"):
        return await _page(staff, wanted, fields, tried=True)

    async def deed(tx: Tx, now: datetime) -> Noted:
        known = {(one.kind, one.language): one for one in await updates.wordings(tx)}
        await updates.put_wording(tx, wanted)
        return Noted(difference(known.get((kind, language)), wanted))

    action = "messages.reset" if fields.get("do") == "reset" else "messages.change"
    await act(staff, fields, deed, action=action, subject=f"{kind} ({language})", detail=given)
    return see(f"{_AT}/{kind}/{language}?said=saved")


def _lines(text: str) -> str | None:
    """A part as it is kept: lines end as they do in templates; nothing is None."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip() or None


async def _wording(staff: Staff, kind: str, language: str) -> Wording:
    if kind not in updates.KINDS or language not in LANGUAGES:
        raise NotFound("There is no such message.")
    async with staff.brand.reading() as tx:
        own = {(one.kind, one.language): one for one in await updates.wordings(tx)}
    return own.get((kind, language)) or Wording(kind=kind, language=language)


async def _page(
    staff: Staff,
    wording: Wording,
    fields: Mapping[str, str],
    *,
    tried: bool = False,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    said: str = "",
) -> Response[bytes]:
    ours = await _preview(staff, Wording(kind=wording.kind, language=wording.language))
    facts: dict[str, Any] = {
        "kind": wording.kind,
        "message_language": wording.language,
        "languages": LANGUAGES,
        "fields": fields,
        "faults": faults or {},
        "limits": updates.LIMITS,
        "ours": ours,
        "reads": await _preview(staff, wording),
        "names": [(name, ours.facts.get(name) or "") for name in updates.FACTS],
        "own": any(getattr(wording, part) for part in updates.LIMITS),
        "tried": tried,
        "said": said,
    }
    return await show(staff, "console/settings/message.html", at="settings", status=status, **facts)


async def _preview(staff: Staff, wording: Wording) -> Preview:
    settings, now = app_state().settings, await staff.brand.now()
    async with staff.brand.reading() as tx:
        currency = next((one.currency for one in (await delivery.services(tx)).values()), "GBP")
    sender = settings.mail.sender if settings.mail else ""
    return updates.preview(
        wording.kind,
        wording.language,
        Letterhead(base_url=settings.url, sender=sender, secret=settings.secret),
        brand=staff.brand.name,
        shop=staff.brand_title,
        currency=currency,
        timezone=(await zone(staff)).key,
        now=now,
        own=(wording.subject, wording.body, wording.sms),
    )


HANDLERS = (list_messages, show_message, change_message)
