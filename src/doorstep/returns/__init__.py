"""Returns: goods that come back, as easily as they went, and the money for them.

Invariants: a unit is in one return at a time, and only after it was delivered; what is refunded is the exact price of
what came back, so that captured less refunded stays the price of what the customer has; nothing is refunded that was
not accepted, and nothing accepted twice; in an exchange it goes over to the goods that are sent, and is given back with
what of these is taken away again; an open return has a job that ends it, or waits for a person. The original
shipment is never rewritten.

States: requested → in_transit → received (something is here, the rest is awaited or must be judged) → closed; or
declined, expired. On each line two axes: what was received, and what was decided on it.
"""

from doorstep.returns.audit import audit
from doorstep.returns.close import decline
from doorstep.returns.eligible import eligible
from doorstep.returns.exchange import alternatives, keep_even
from doorstep.returns.jobs import expire
from doorstep.returns.model import (
    EXPIRE,
    Alternative,
    Declined,
    Eligibility,
    Exchange,
    ExchangeReady,
    ExchangeUndone,
    Expired,
    Handover,
    InTransit,
    Item,
    LabelBought,
    Lost,
    Reason,
    Received,
    Requested,
    Return,
    ReturnLine,
    Waived,
    Way,
    WishLine,
)
from doorstep.returns.open_announced import open_announced
from doorstep.returns.points import (
    DropOffPoint,
    Near,
    PostcodeArea,
    kilometers,
    nearest,
    position,
    put_areas,
    put_points,
)
from doorstep.returns.qr import qr_svg
from doorstep.returns.reads import of_orders, read, read_one
from doorstep.returns.receive import decide, receive
from doorstep.returns.request import collection_days, request
from doorstep.returns.track import attach_label, drop_off, follow
from doorstep.returns.waive import waive

__all__ = [
    "EXPIRE",
    "Alternative",
    "Declined",
    "DropOffPoint",
    "Eligibility",
    "Exchange",
    "ExchangeReady",
    "ExchangeUndone",
    "Expired",
    "Handover",
    "InTransit",
    "Item",
    "LabelBought",
    "Lost",
    "Near",
    "PostcodeArea",
    "Reason",
    "Received",
    "Requested",
    "Return",
    "ReturnLine",
    "Waived",
    "Way",
    "WishLine",
    "alternatives",
    "attach_label",
    "audit",
    "collection_days",
    "decide",
    "decline",
    "drop_off",
    "eligible",
    "expire",
    "follow",
    "keep_even",
    "kilometers",
    "nearest",
    "of_orders",
    "open_announced",
    "position",
    "put_areas",
    "put_points",
    "qr_svg",
    "read",
    "read_one",
    "receive",
    "request",
    "waive",
]
