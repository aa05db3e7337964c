"""Who may see an order, and who may change what hurts: links, the look-up by number, and the step-up."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request
from litestar.datastructures import Cookie

from doorstep import orders, updates
from doorstep.db import Brand, Tx, statements
from doorstep.kit.clock import wall_now
from doorstep.kit.errors import NotFound, TooMany
from doorstep.web.api.context import app_state

SQL = statements(__package__)

COOKIE = "doorstep_known"
KNOWN_FOR = timedelta(minutes=30)
WRONG_ANSWERS, FORGOTTEN_AFTER = 5, timedelta(minutes=15)


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody with an order's link. `known`: they also knew the postcode, a short while ago."""

    brand: Brand
    order_id: UUID
    token: str
    known: bool

    @property
    def path(self) -> str:
        """Where their order's page is."""
        return f"/o/{self.token}"

    def path_of(self, order_id: UUID) -> str:
        """The page of another order of theirs: an exchange, or what it was exchanged for."""
        return f"/o/{updates.token(app_state().settings.secret, self.brand.name, order_id)}"


async def guest(request: Request[Any, Any, Any], token: str) -> Guest:
    """The guest with this link. Raises NotFound for one that is not ours, whatever is wrong with it."""
    state = app_state()
    found = updates.read_token(state.settings.secret, token)
    if found is None:
        raise NotFound("There is no such order.")
    brand = await state.database.brand(found[0])
    known = _still_known(state.settings.secret, token, request.cookies.get(COOKIE, ""))
    return Guest(brand=brand, order_id=found[1], token=token, known=known)


async def look_up(tx: Tx, number: str, proof: str) -> UUID | None:
    """The order with this number, for who knows its e-mail address or postcode; None when they do not, or it is not.

    Raises TooMany after a few wrong answers for one number, or with one proof: nobody can try all postcodes on one
    number, nor one postcode on all numbers.
    """
    doors = [f"number:{_digest(number)}", f"proof:{_digest(_plain(proof))}"]
    await _not_too_many(tx, doors)
    order_id: UUID | None = await tx.fetchval(SQL.find, number, _plain(proof))
    if order_id is None:
        await tx.execute(SQL.answered_wrong, doors)
    return order_id


async def knows_order(tx: Tx, order_id: UUID, answer: str) -> bool:
    """Whether this is the order's delivery postcode. Where there is none, or it is in doubt, the customer's e-mail
    address or phone number is as good. Raises TooMany after a few wrong answers.
    """
    doors = [f"order:{order_id.hex}"]
    await _not_too_many(tx, doors)
    address = (await orders.addresses(tx, [order_id]))[order_id]
    right = [_plain(address.postcode)]
    if not right[0] or await tx.fetchval(SQL.address_in_doubt, order_id):
        contact = (await orders.contacts(tx, [order_id]))[order_id]
        right += [_plain(contact.email or ""), _plain(contact.phone or "")]
    if any(one and hmac.compare_digest(_plain(answer).encode(), one.encode()) for one in right):
        return True
    await tx.execute(SQL.answered_wrong, doors)
    return False


def known_cookie(guest: Guest) -> Cookie:
    """The proof of a right answer: for this link only, for half an hour, out of reach of scripts and other sites."""
    settings = app_state().settings
    until = int((wall_now() + KNOWN_FOR).timestamp())
    return Cookie(
        key=COOKIE,
        value=f"{until}.{_mac(settings.secret, guest.token, until)}",
        path=guest.path,
        max_age=int(KNOWN_FOR.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=settings.url.startswith("https://"),
    )


async def _not_too_many(tx: Tx, doors: Sequence[str]) -> None:
    await tx.execute(SQL.queue_at, doors)
    if await tx.fetchval(SQL.wrong_answers, doors, FORGOTTEN_AFTER) >= WRONG_ANSWERS:
        raise TooMany("Too many wrong answers. Try again in a quarter of an hour.")


def _still_known(secret: str, token: str, cookie: str) -> bool:
    until, _, mac = cookie.partition(".")
    if not (until.isascii() and until.isdigit() and len(until) <= 12):
        return False
    right = _mac(secret, token, int(until))
    return hmac.compare_digest(mac.encode(), right.encode()) and int(until) > wall_now().timestamp()


def _mac(secret: str, token: str, until: int) -> str:
    return hmac.new(secret.encode(), f"step-up\0{token}\0{until}".encode(), hashlib.sha256).hexdigest()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _plain(text: str) -> str:
    """Letters and digits, without case: nobody should fail for a space or a hyphen."""
    return re.sub(r"\W", "", text).lower()
