"""Stock: what is where, who claims it, and every movement of it. The no-oversell core.

Invariants, held by the database: `reserved` is never below zero nor above what may be sold; a claim never gives back
more than it took; on_hand, damaged and quality_control are the sums of the movements; `reserved` is the sum of open
claims, of orders and of carts. Locks are taken by (sku_id, location_id), after the rows of the orders.
"""

from doorstep.inventory.adjust import Change, adjust
from doorstep.inventory.audit import audit
from doorstep.inventory.channel_stock import (
    ChannelStock,
    ChannelStockData,
    StockSeen,
    channel_stock,
    look,
    put_channel_stock,
    read_channel_stock,
)
from doorstep.inventory.claim import ClaimRefused, claim, lock_stock, read_stock
from doorstep.inventory.drift import Drift, Trust, drift, mend
from doorstep.inventory.fed import Fate, Told, correct, fed, fed_after
from doorstep.inventory.levels import Level, Threshold, levels, put_thresholds, tell_levels
from doorstep.inventory.locations import PutLocation, locations, put_locations
from doorstep.inventory.model import (
    BackInStock,
    CartClaim,
    Claim,
    Disposition,
    Location,
    Received,
    Restock,
    StockLow,
    StockOut,
)
from doorstep.inventory.move import claims_of, correct_shelf, release, restock, ship
from doorstep.inventory.receive import count, expect, expected, receive
from doorstep.inventory.soft import (
    cart_claims,
    ever_held,
    expired_in_carts,
    give_back_from_cart,
    keep_cart_until,
    lapse,
    reclaim,
    take_into_cart,
)

__all__ = [
    "BackInStock",
    "CartClaim",
    "Change",
    "ChannelStock",
    "ChannelStockData",
    "Claim",
    "ClaimRefused",
    "Disposition",
    "Drift",
    "Fate",
    "Level",
    "Location",
    "PutLocation",
    "Received",
    "Restock",
    "StockLow",
    "StockOut",
    "StockSeen",
    "Threshold",
    "Told",
    "Trust",
    "adjust",
    "audit",
    "cart_claims",
    "channel_stock",
    "claim",
    "claims_of",
    "correct",
    "correct_shelf",
    "count",
    "drift",
    "ever_held",
    "expect",
    "expected",
    "expired_in_carts",
    "fed",
    "fed_after",
    "give_back_from_cart",
    "keep_cart_until",
    "lapse",
    "levels",
    "locations",
    "lock_stock",
    "look",
    "mend",
    "put_channel_stock",
    "put_locations",
    "put_thresholds",
    "read_channel_stock",
    "read_stock",
    "receive",
    "reclaim",
    "release",
    "restock",
    "ship",
    "take_into_cart",
    "tell_levels",
]
