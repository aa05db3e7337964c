"""Orders: what was bought, where each unit of it is, and what stands in the way.

Invariants, held by the database: an order is placed once, whatever is retried; each unit of a line is in exactly one
bucket; the order as placed is never rewritten, later changes are records of their own. The statuses (status,
payment_status, fulfillment_status) are derived from the buckets, the holds and the money by one statement, in the
transaction of each change. Locks: orders first, by id; then what belongs to them; stock last.
"""

from doorstep.orders.answer_delay import Question, answer_delay, question
from doorstep.orders.audit import audit
from doorstep.orders.cancel import cancel
from doorstep.orders.channels import ChannelData, channels, put_channels
from doorstep.orders.exchange import place_exchange, release_exchange
from doorstep.orders.follow import allocate_waiting, follow_supply
from doorstep.orders.give_way import Claimants
from doorstep.orders.goodwill import give_goodwill, goodwill_room
from doorstep.orders.holds import place_hold, release_hold
from doorstep.orders.intake import Intake
from doorstep.orders.kits import KitLine, kits_of
from doorstep.orders.model import (
    BUCKETS,
    Address,
    AddressChanged,
    Allocated,
    Backordered,
    Bucket,
    Canceled,
    Contact,
    GoodwillGiven,
    GoodwillReason,
    HoldPlaced,
    HoldReleased,
    LineQuantity,
    LineRow,
    LineService,
    MoneyTold,
    Move,
    OrderRow,
    Placed,
    Redated,
    Rerouted,
)
from doorstep.orders.payment import await_payment_retry, refresh_payment, release_payment_hold
from doorstep.orders.placing import OrderPage, Outcome, PlacedOrder, Placing
from doorstep.orders.requests import PlaceOrder, Preferences
from doorstep.orders.reroute import reroute
from doorstep.orders.store import addresses, contacts, lines, lock, lock_one, money_told, move_units, read, refresh

__all__ = [
    "BUCKETS",
    "Address",
    "AddressChanged",
    "Allocated",
    "Backordered",
    "Bucket",
    "Canceled",
    "ChannelData",
    "Claimants",
    "Contact",
    "GoodwillGiven",
    "GoodwillReason",
    "HoldPlaced",
    "HoldReleased",
    "Intake",
    "KitLine",
    "LineQuantity",
    "LineRow",
    "LineService",
    "MoneyTold",
    "Move",
    "OrderPage",
    "OrderRow",
    "Outcome",
    "PlaceOrder",
    "Placed",
    "PlacedOrder",
    "Placing",
    "Preferences",
    "Question",
    "Redated",
    "Rerouted",
    "addresses",
    "allocate_waiting",
    "answer_delay",
    "audit",
    "await_payment_retry",
    "cancel",
    "channels",
    "contacts",
    "follow_supply",
    "give_goodwill",
    "goodwill_room",
    "kits_of",
    "lines",
    "lock",
    "lock_one",
    "money_told",
    "move_units",
    "place_exchange",
    "place_hold",
    "put_channels",
    "question",
    "read",
    "refresh",
    "refresh_payment",
    "release_exchange",
    "release_hold",
    "release_payment_hold",
    "reroute",
]
