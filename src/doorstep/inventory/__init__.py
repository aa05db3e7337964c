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
from doorstep.inventory.supply.books import (
    Supply,
    asides_of_orders,
    followed,
    lock_supply,
    orders_with_news,
    read_supply,
    wait,
    what_waits,
)
from doorstep.inventory.supply.correct import supply_gone, watch_supply
from doorstep.inventory.supply.model import LATE_AFTER, Aside, Await, Delivery, SupplyMoved, Terms, Wait
from doorstep.inventory.supply.terms import (
    BeyondStockTerms,
    BeyondStockView,
    put_terms,
    read_terms,
    release_products,
)
from doorstep.inventory.supply.turn import Owed, bring, give_up, orders_with_asides, set_aside

__all__ = [
    "LATE_AFTER",
    "Aside",
    "Await",
    "BackInStock",
    "BeyondStockTerms",
    "BeyondStockView",
    "CartClaim",
    "Change",
    "ChannelStock",
    "ChannelStockData",
    "Claim",
    "ClaimRefused",
    "Delivery",
    "Disposition",
    "Drift",
    "Fate",
    "Level",
    "Location",
    "Owed",
    "PutLocation",
    "Received",
    "Restock",
    "StockLow",
    "StockOut",
    "StockSeen",
    "Supply",
    "SupplyMoved",
    "Terms",
    "Threshold",
    "Told",
    "Trust",
    "Wait",
    "adjust",
    "asides_of_orders",
    "audit",
    "bring",
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
    "followed",
    "give_back_from_cart",
    "give_up",
    "keep_cart_until",
    "lapse",
    "levels",
    "locations",
    "lock_stock",
    "lock_supply",
    "look",
    "mend",
    "orders_with_asides",
    "orders_with_news",
    "put_channel_stock",
    "put_locations",
    "put_terms",
    "put_thresholds",
    "read_channel_stock",
    "read_stock",
    "read_supply",
    "read_terms",
    "receive",
    "reclaim",
    "release",
    "release_products",
    "restock",
    "set_aside",
    "ship",
    "supply_gone",
    "take_into_cart",
    "tell_levels",
    "wait",
    "watch_supply",
    "what_waits",
]
