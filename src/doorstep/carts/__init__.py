"""Carts: units held for a shopper while they check out, with a countdown.

Invariants: a hold has all of its units until it expires; expired, it keeps what nobody else needs, and may still become
an order; it becomes one order at most, named in its row, which eats its units in the transaction that places it. A hold
never blocks its own shopper. Its state is open until it is released or converted; expired is what the clock says of it.
Locks: holds by id, then stock rows; who reclaims what has expired locks stock only.
"""

from doorstep.carts.audit import audit
from doorstep.carts.convert import Conversion, convert
from doorstep.carts.hold import change, hold
from doorstep.carts.keep import extend, lapse, release
from doorstep.carts.model import PREFIX, CartHold, HoldEnded, HoldLine, Units
from doorstep.carts.store import lock

__all__ = [
    "PREFIX",
    "CartHold",
    "Conversion",
    "HoldEnded",
    "HoldLine",
    "Units",
    "audit",
    "change",
    "convert",
    "extend",
    "hold",
    "lapse",
    "lock",
    "release",
]
