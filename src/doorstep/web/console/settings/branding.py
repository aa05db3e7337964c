"""Settings, branding: the shop's title, its color and its picture, on its customers' pages and in mails."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post

from doorstep.db import Tx
from doorstep.kit.colors import OURS, contrast, is_color, shades
from doorstep.kit.errors import Fault, Invalid, Malformed
from doorstep.kit.images import NoPicture, Picture, cleaned
from doorstep.web import look
from doorstep.web.console.acting import Noted, act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import faults_by_field, show
from doorstep.web.console.settings.index import SQL
from doorstep.web.console.staff import Staff
from doorstep.web.pages import HEADERS, form, see, upload

_AT: Final = "/console/settings/branding"
_LOGO_BYTES: Final = 200_000


@get(_AT, **needs("settings"))
async def show_branding(request: Asked, staff: Staff) -> Response[bytes]:
    """How the shop looks; with `accent`, how it would look in another color."""
    tried = request.query_params.get("accent", "").lower()
    return await _page(staff, tried=tried, said=request.query_params.get("said", ""))


@get(f"{_AT}/tried.css", **needs("settings"))
async def read_tried_colors(request: Asked, staff: Staff) -> Response[bytes]:
    """The shades of a color that is tried, for the two samples of the page."""
    color = request.query_params.get("accent", OURS).lower()
    made = shades(color if is_color(color) else OURS)
    text = (
        f".tried-light{{--accent:{made.accent};--accent-text:{made.accent_text};--accent-soft:{made.accent_soft}}}"
        f".tried-dark{{--accent:{made.dark_accent};--accent-text:{made.dark_text};--accent-soft:{made.dark_soft}}}"
    )
    return Response(text.encode(), media_type="text/css", headers=HEADERS)


@post(f"{_AT}/title", status_code=200, **needs("settings"))
async def set_title(request: Asked, staff: Staff) -> Response[bytes]:
    """The shop's name, as customers read it."""
    fields = await form(request)
    title = fields.get("title", "")
    if not 1 <= len(title) <= 100 or not title.isprintable():
        return await _page(staff, faults={"title": "A name has 1 to 100 printable characters."}, status=422)

    async def deed(tx: Tx, now: datetime) -> Noted:
        before = await tx.fetchval(SQL.title)
        await tx.execute(SQL.rename_brand, title)
        return Noted({"before": {"title": before}, "after": {"title": title}})

    await act(staff, fields, deed, action="branding.title", subject=title, detail={"title": title})
    return see(f"{_AT}?said=saved")


@post(f"{_AT}/accent", status_code=200, **needs("settings"))
async def set_accent(request: Asked, staff: Staff) -> Response[bytes]:
    """The shop's color; empty: ours."""
    fields = await form(request)
    accent = fields.get("accent", "").lower() or None
    if accent is not None and not is_color(accent):
        return await _page(staff, faults={"accent": "A color such as #1f4fd8."}, status=422)

    async def deed(tx: Tx, now: datetime) -> Noted:
        before = await look.accent(tx)
        await tx.execute(look.SQL.put_accent, accent)
        return Noted({"before": {"accent": before}, "after": {"accent": accent}})

    await act(staff, fields, deed, action="branding.accent", subject=accent or OURS, detail={"accent": accent})
    return see(f"{_AT}?said=saved")


@post(f"{_AT}/logo", status_code=200, **needs("settings"))
async def set_logo(request: Asked, staff: Staff) -> Response[bytes]:
    """The shop's picture: a PNG or JPEG, of which only the picture is kept."""
    fields = await form(request)
    try:
        picture = _picture(await upload(request, "logo"))
    except (Invalid, Malformed) as refused:
        faults = faults_by_field(refused) if isinstance(refused, Invalid) else {"logo": refused.detail}
        return await _page(staff, faults=faults, status=422)
    await _put_logo(staff, fields, picture)
    return see(f"{_AT}?said=saved")


@post(f"{_AT}/no-logo", status_code=200, **needs("settings"))
async def drop_logo(request: Asked, staff: Staff) -> Response[bytes]:
    """Without a picture; the title stands in its place."""
    await _put_logo(staff, await form(request), None)
    return see(f"{_AT}?said=saved")


def _picture(content: bytes) -> Picture:
    if not content:
        raise Invalid([Fault("/logo", "Choose a file first.")])
    try:
        picture = cleaned(content)
    except NoPicture as error:
        raise Invalid([Fault("/logo", str(error))]) from None
    if len(picture.content) > _LOGO_BYTES:
        raise Invalid([Fault("/logo", f"{_LOGO_BYTES:,} bytes at most: mails and pages carry it.")])
    return picture


async def _put_logo(staff: Staff, fields: Mapping[str, str], picture: Picture | None) -> None:
    digest = hashlib.sha256(picture.content).hexdigest()[:16] if picture else None

    async def deed(tx: Tx, now: datetime) -> Noted:
        before = (await look.look(tx)).logo
        if picture:
            await tx.execute(look.SQL.put_logo, picture.content, picture.media_type)
        else:
            await tx.execute(look.SQL.put_logo, None, None)
        return Noted({"before": {"logo": before}, "after": {"logo": (await look.look(tx)).logo}})

    await act(staff, fields, deed, action="branding.logo", subject=staff.brand_title, detail={"logo": digest})


async def _page(
    staff: Staff,
    *,
    tried: str = "",
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    said: str = "",
) -> Response[bytes]:
    async with staff.brand.reading() as tx:
        accent, seen = await look.accent(tx), await look.look(tx)
        title = await tx.fetchval(SQL.title)
    kept = accent or OURS
    shown = tried if is_color(tried) else kept
    made = shades(shown)
    facts: dict[str, Any] = {
        "shop_title": title,
        "kept": kept,
        "own": accent is not None,
        "shown": shown,
        "trying": shown != kept,
        "shades": made,
        "light_contrast": contrast(made.accent, "#ffffff"),
        "dark_contrast": contrast(made.dark_accent, "#1b1f29"),
        "seen": seen,
        "faults": faults or {},
        "said": said,
    }
    return await show(staff, "console/settings/branding.html", at="settings", status=status, **facts)


HANDLERS = (show_branding, read_tried_colors, set_title, set_accent, set_logo, drop_logo)
