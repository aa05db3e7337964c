"""How the shop looks to its customers: its color as a style sheet, its picture as a file, both under their digest."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.params import Parameter

from doorstep.db import Tx, statements
from doorstep.kit.colors import Shades, shades
from doorstep.kit.errors import NotFound
from doorstep.updates import logo_path
from doorstep.web.api.context import app_state
from doorstep.web.pages import YEAR_S

SQL = statements(__package__)
_KEPT = f"public, max-age={YEAR_S}, immutable"
_OPEN: dict[str, Any] = {"opt": {"public": True}, "include_in_schema": False}
Name = Annotated[str, Parameter(max_length=40)]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses of the brand's style sheet and picture, each empty for none."""

    css: str = ""
    logo: str = ""


async def look(tx: Tx) -> Look:
    """The brand's look."""
    row = await tx.fetchrow(SQL.look)
    if row is None:
        return Look()
    brand = row["brand"]
    css = f"/brand/{brand}/{_digest(style(shades(row['accent'])))}/colors.css" if row["accent"] else ""
    return Look(css=css, logo=logo_path(brand, row["logo"]) if row["logo"] else "")


async def accent(tx: Tx) -> str | None:
    """The brand's color, None for ours."""
    row = await tx.fetchrow(SQL.look)
    return row["accent"] if row else None


def style(made: Shades, *, light: str = ":root", dark: str = ":root") -> str:
    """The shades as a style sheet over that of the pages."""
    return (
        f"{light}{{--accent:{made.accent};--accent-text:{made.accent_text};--accent-soft:{made.accent_soft}}}"
        f"@media (prefers-color-scheme:dark){{{dark}{{--accent:{made.dark_accent};--accent-text:{made.dark_text};"
        f"--accent-soft:{made.dark_soft}}}}}"
    )


@get("/brand/{brand_name:str}/{digest:str}/colors.css", **_OPEN)
async def read_colors(brand_name: Name, digest: Name) -> Response[bytes]:
    """The brand's colors."""
    brand = await app_state().database.brand(brand_name)
    async with brand.reading() as tx:
        row = await tx.fetchrow(SQL.look)
    if row is None or not row["accent"]:
        raise NotFound("There is no such file.")
    text = style(shades(row["accent"]))
    return _file(text.encode(), "text/css", kept=digest == _digest(text))


@get("/brand/{brand_name:str}/{digest:str}/logo", **_OPEN)
async def read_logo(brand_name: Name, digest: Name) -> Response[bytes]:
    """The brand's picture."""
    brand = await app_state().database.brand(brand_name)
    async with brand.reading() as tx:
        row = await tx.fetchrow(SQL.logo)
    if row is None or row["logo"] is None:
        raise NotFound("There is no such file.")
    right = hashlib.sha256(row["logo"]).hexdigest()[:16]
    return _file(row["logo"], row["logo_type"], kept=digest == right)


def _file(content: bytes, media_type: str, *, kept: bool) -> Response[bytes]:
    """A file that is what it says and nothing else, whoever opens it by itself; mail programs may show it, too. Under
    another file's address it is not `kept`, or that one would not be seen when it is set again.
    """
    headers = {
        "cache-control": _KEPT if kept else "no-cache",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
        "cross-origin-resource-policy": "cross-origin",
    }
    return Response(content, media_type=media_type, headers=headers)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


HANDLERS = (read_colors, read_logo)
