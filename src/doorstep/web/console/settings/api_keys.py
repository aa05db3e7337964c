"""Settings, API keys: made and shown once, listed without their secret, taken away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from litestar import Response, get, post

from doorstep.db import Tx
from doorstep.kit.errors import Conflict, Invalid, NotFound
from doorstep.kit.ids import parse, show
from doorstep.web.api import keys
from doorstep.web.api.context import app_state
from doorstep.web.api.keys import Key, Scope
from doorstep.web.console.acting import Noted, act, drawn
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import faults_by_field
from doorstep.web.console.frame import show as frame
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, see

_AT: Final = "/console/settings/api-keys"


@get(_AT, **needs("settings"))
async def list_api_keys(request: Asked, staff: Staff) -> Response[bytes]:
    """The brand's keys, those taken away last, and where a new one is made."""
    return await _page(staff, said=request.query_params.get("said", ""))


@post(_AT, status_code=200, **needs("settings"))
async def make_api_key(request: Asked, staff: Staff) -> Response[bytes]:
    """A new key; its secret is shown in the answer, and never again."""
    fields = await form(request)
    try:
        secret = await make(staff, fields)
    except Invalid as refused:
        return await _page(staff, fields=fields, faults=faults_by_field(refused), status=422)
    return await frame(
        staff,
        "console/settings/api_key_made.html",
        at="settings",
        secret=secret,
        name=fields["name"],
        url=app_state().settings.url,
    )


async def make(staff: Staff, fields: Mapping[str, str]) -> str:
    """Make the key that a form asks for with `name` and `scope`; the secret. The same form again: the same key."""
    name, scope = fields.get("name", ""), fields.get("scope", "write")
    wanted: Scope = "read" if scope == "read" else "write"
    random = drawn(staff, fields)

    async def deed(tx: Tx, now: datetime) -> Noted:
        key_id, _ = await keys.create(tx, brand=staff.brand.name, name=name, scope=wanted, random=random)
        return Noted({"key_id": show("key", key_id), "scope": wanted})

    await act(staff, fields, deed, action="api_keys.make", subject=name, detail={"scope": wanted})
    return keys.secret_of(staff.brand.name, random)


@get(_AT + "/{key_id:str}/revoke", **needs("settings"))
async def ask_revoke_api_key(staff: Staff, key_id: str) -> Response[bytes]:
    """What it means to take the key away."""
    key = await _key(staff, parse("key", key_id))
    return await frame(
        staff, "console/settings/api_key_ask.html", at="settings", api_key=key, path_of=f"{_AT}/{key_id}"
    )


@post(_AT + "/{key_id:str}/revoke", status_code=200, **needs("settings"))
async def revoke_api_key(request: Asked, staff: Staff, key_id: str) -> Response[bytes]:
    """Take a key away. It cannot be given back."""
    fields = await form(request)
    key = await _key(staff, parse("key", key_id))

    async def deed(tx: Tx, now: datetime) -> None:
        if not await keys.revoke(tx, key.key_id, brand=staff.brand.name):
            raise Conflict("This key was taken away already.")

    await act(staff, fields, deed, action="api_keys.revoke", subject=key.name, detail={"key_id": key_id})
    return see(f"{_AT}?said=revoked")


async def _key(staff: Staff, key_id: UUID) -> Key:
    async with staff.brand.reading() as tx:
        found = {key.key_id: key for key in await keys.every(tx, brand=staff.brand.name)}
    if key_id not in found:
        raise NotFound("There is no such key.")
    return found[key_id]


async def _page(
    staff: Staff,
    *,
    fields: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    said: str = "",
) -> Response[bytes]:
    async with staff.brand.reading() as tx:
        found = await keys.every(tx, brand=staff.brand.name)
    return await frame(
        staff,
        "console/settings/api_keys.html",
        at="settings",
        status=status,
        live=[key for key in found if key.revoked_at is None],
        gone=[key for key in found if key.revoked_at is not None],
        fields=fields or {},
        faults=faults or {},
        show_id=show,
        said=said,
    )


HANDLERS = (list_api_keys, make_api_key, ask_revoke_api_key, revoke_api_key)
