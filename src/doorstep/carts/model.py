"""A cart's hold, as types; and what there is to say against using one that has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from doorstep.kit.errors import Conflict
from doorstep.kit.ids import show
from doorstep.kit.limits import UNITS_PER_LINE

PREFIX: Final = "cht"
Units = Mapping[int, int]  # sku_id → units
Status = Literal["open", "expired", "released", "converted"]


class HoldLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units of a SKU in the cart. A SKU on two lines counts together."""

    sku: Annotated[str, Meta(min_length=1, max_length=100)]
    quantity: Annotated[int, Meta(ge=1, le=UNITS_PER_LINE)]


class CartHold(msgspec.Struct, frozen=True, kw_only=True):
    """A hold as its row says. `lines` are the units asked for, as (sku_id, quantity), each SKU once."""

    hold_id: UUID
    channel_id: int
    lines: Sequence[tuple[int, int]]
    expires_at: datetime
    ended: Literal["released", "converted"] | None
    order_id: UUID | None

    def status(self, now: datetime) -> Status:
        """What it is at that time."""
        return self.ended or ("open" if now < self.expires_at else "expired")


class HoldEnded(Conflict):
    """409: the cart's hold was released, became another order, or was taken back after it had expired."""

    kind, title = "hold-ended", "The cart's hold has ended"

    @classmethod
    def of(cls, hold: CartHold) -> HoldEnded:
        """Why this hold, which has ended, is no more."""
        if hold.order_id is not None:
            order_id = show("ord", hold.order_id)
            return cls(f"This cart has become order {order_id}.", extra={"order_id": order_id})
        return cls("This cart's hold was released.")
