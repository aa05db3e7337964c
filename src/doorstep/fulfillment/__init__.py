"""Work at one location: lines of an order that share location, delivery method and recipient.

Invariants: the units on live fulfillment orders follow the order's claims, location by location; nothing is picked
under an open hold, nothing packed that was not picked or whose work is not done, nothing shipped that was not packed; a
fulfillment order that has lost all its lines is canceled.

States (`status_category`): draft → activated → fulfilling → closed; draft, activated, fulfilling → canceled;
activated → rejected. `request_status` is the handshake with the location. One door a move: `model.DOORS`.
"""

from doorstep.fulfillment.accept import accept
from doorstep.fulfillment.activate import activate
from doorstep.fulfillment.audit import audit
from doorstep.fulfillment.complete_step import complete_step, complete_steps
from doorstep.fulfillment.hand_over import hand_over
from doorstep.fulfillment.model import (
    Accepted,
    Activated,
    FulfillmentLine,
    FulfillmentOrder,
    HandedOverLine,
    Outcome,
    Packed,
    Packing,
    Parcel,
    Pick,
    Picked,
    Rejected,
    ShortPicked,
    ShortReason,
    WorkDone,
    WorkReopened,
    WorkStep,
)
from doorstep.fulfillment.open_orders import open_orders
from doorstep.fulfillment.pack import pack
from doorstep.fulfillment.pick import pick
from doorstep.fulfillment.reads import of_orders, orders_of, read
from doorstep.fulfillment.reject import reject
from doorstep.fulfillment.reopen_step import reopen_step
from doorstep.fulfillment.short_pick import short_pick
from doorstep.fulfillment.withdraw import withdraw

__all__ = [
    "Accepted",
    "Activated",
    "FulfillmentLine",
    "FulfillmentOrder",
    "HandedOverLine",
    "Outcome",
    "Packed",
    "Packing",
    "Parcel",
    "Pick",
    "Picked",
    "Rejected",
    "ShortPicked",
    "ShortReason",
    "WorkDone",
    "WorkReopened",
    "WorkStep",
    "accept",
    "activate",
    "audit",
    "complete_step",
    "complete_steps",
    "hand_over",
    "of_orders",
    "open_orders",
    "orders_of",
    "pack",
    "pick",
    "read",
    "reject",
    "reopen_step",
    "short_pick",
    "withdraw",
]
