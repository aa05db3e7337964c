"""Take back: a parcel that could not be delivered is here again; the customer gets the money, the shelf the goods."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import inventory, orders
from doorstep.db import Tx
from doorstep.inventory import Disposition, Restock
from doorstep.kit.errors import Conflict
from doorstep.shipping.lose import end, give_up, on_the_road
from doorstep.shipping.model import CameBack, Shipment


async def take_back(tx: Tx, *, shipment_id: UUID, disposition: Disposition, actor: str, now: datetime) -> Shipment:
    """Whatever the carrier said, the parcel is here. Its units leave the order and go where `disposition` says, at the
    location that sent them. Again changes nothing. Raises NotFound, Conflict.
    """
    parcel = await on_the_road(tx, shipment_id)
    if parcel.came_back_at is not None:
        return parcel
    if parcel.lost_at is not None:
        raise Conflict("The parcel was lost, and is paid back already: book the goods as a receipt.")
    back = msgspec.structs.replace(parcel, came_back_at=now, status="returned", substatus="", status_at=now)
    skus = {line.line_no: line.sku_id for line in (await orders.lines(tx, [parcel.order_id]))[parcel.order_id]}
    ((_, amount_minor),) = await give_up(tx, [back])
    cause = f"came_back:{shipment_id.hex}"
    event = CameBack(shipment_id=shipment_id, amount_minor=amount_minor, cause=cause, lines=parcel.lines)
    await end(tx, back, event, actor=actor, now=now)
    goods = [
        Restock(
            sku_id=skus[line.line_no],
            location_id=parcel.location_id,
            quantity=line.quantity,
            disposition=disposition,
        )
        for line in parcel.lines
    ]
    await inventory.restock(tx, items=goods, reference=cause, actor=actor, now=now)
    return back
