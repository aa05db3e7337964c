"""Holds in the database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from doorstep.carts.model import PREFIX, CartHold
from doorstep.db import Tx, statements
from doorstep.kit.errors import NotFound
from doorstep.kit.ids import show

SQL = statements(__package__)


async def lock(tx: Tx, hold_ids: Iterable[UUID]) -> dict[UUID, CartHold]:
    """Lock holds against other writers, in id order, before any stock; those that do not exist are left out."""
    wanted = sorted(set(hold_ids))
    return {row["hold_id"]: _hold(row) for row in await tx.fetch(SQL.lock_holds, wanted)} if wanted else {}


async def lock_one(tx: Tx, hold_id: UUID) -> CartHold:
    """Lock one hold. Raises NotFound."""
    return _found(hold_id, (await lock(tx, [hold_id])).get(hold_id))


async def read_one(tx: Tx, hold_id: UUID) -> CartHold:
    """A hold as it is, unlocked. Raises NotFound."""
    row = await tx.fetchrow(SQL.read_hold, hold_id)
    return _found(hold_id, _hold(row) if row else None)


def _found(hold_id: UUID, hold: CartHold | None) -> CartHold:
    if hold is None:
        raise NotFound(f"There is no cart hold {show(PREFIX, hold_id)}.")
    return hold


def _hold(row: Any) -> CartHold:
    lines = [(sku_id, quantity) for sku_id, quantity in row["lines"]]
    return CartHold(**{**dict(row), "lines": lines})
