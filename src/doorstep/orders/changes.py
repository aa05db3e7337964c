"""Changes after placing, other than cancels: where it goes."""

from __future__ import annotations

from uuid import UUID

from doorstep import journal
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.kit.errors import Conflict, Fault, Invalid
from doorstep.kit.ids import new_id
from doorstep.orders.holds import release_hold
from doorstep.orders.model import AddressChanged
from doorstep.orders.requests import ShipTo, address_doubt
from doorstep.orders.store import SQL, addresses, lines, lock_one
from doorstep.routing import Network


async def change_address(tx: Tx, order_id: UUID, wanted: ShipTo, *, actor: str) -> bool:
    """Change where an order goes; False when it goes there already.

    Raises NotFound, Invalid (the service does not deliver there, or the country differs: the promise and the price were
    made for this one), or Conflict when picking has started. Releases the hold for a doubtful address when no doubt is
    left.
    """
    order = await lock_one(tx, order_id)
    now = await clock_now(tx)
    address = (await addresses(tx, [order_id]))[order_id]
    before = ShipTo(**{field: getattr(address, field) for field in ShipTo.__struct_fields__})
    if before == wanted:
        return False
    rows = (await lines(tx, [order_id]))[order_id]
    if any(line.picked or line.packed or line.kept for line in rows) or order.status == "canceled":
        raise Conflict("The order is being picked, or it is over: its address cannot be changed any more.")
    if wanted.country != before.country:
        raise Invalid([Fault("/country", f"The order was promised to {before.country}; cancel it and order again.")])
    if not (await Network.read(tx)).goes_to(order.service, wanted.country, wanted.postcode):
        raise Invalid([Fault("/postcode", f"{order.service} does not deliver there.")])
    kept = new_id()
    await tx.execute(SQL.keep_address, order_id, kept)
    await tx.execute(SQL.change_address, order_id, *(getattr(wanted, field) for field in ShipTo.__struct_fields__))
    # The change says that, not what: addresses stay in their own table, so that a person can be forgotten.
    await tx.execute(
        SQL.insert_change, new_id(), order_id, "address", {"before": kept.hex}, "address changed", actor, now
    )
    await journal.append(tx, [(order_id, AddressChanged())], actor=actor, now=now)
    hold_id = await tx.fetchval(SQL.open_hold, order_id, "incorrect_address")
    if hold_id is not None and not address_doubt(wanted):
        await release_hold(tx, order_id=order_id, hold_id=hold_id, actor="rule", now=now)
    return True


async def former_address(tx: Tx, order_id: UUID) -> ShipTo | None:
    """Where an order went before its address was last changed; None when it never was."""
    row = await tx.fetchrow(SQL.former_address, order_id)
    return ShipTo(**dict(row)) if row else None
