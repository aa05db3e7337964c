"""Money as intents: authorize, capture, refund, void. The gateway is called by a job, never inside a transaction.

Invariants: nothing is taken beyond the authorization, nor beyond what is due (the agreed total less what was canceled);
nothing is given back that was not taken; a shipment is charged once and a return refunded once, whatever is repeated;
what goodwill gave back is not given back again;
once nothing is left to capture, the rest of the authorization is let go.
States of an intent: wanted -> approved | declined | failed | withdrawn; a person may make a failed one wanted again.
"""

from doorstep.payments.audit import audit
from doorstep.payments.authorize import authorize
from doorstep.payments.capture import capture
from doorstep.payments.model import (
    Authorized,
    Balance,
    Captured,
    Chargeable,
    Declined,
    Failed,
    PaymentStatus,
    Reducing,
    Refunded,
    Transaction,
    Voided,
)
from doorstep.payments.perform import JOB, perform
from doorstep.payments.reads import balance, history, refundable
from doorstep.payments.reduce import reduce
from doorstep.payments.refund import refund
from doorstep.payments.retry import retry

__all__ = [
    "JOB",
    "Authorized",
    "Balance",
    "Captured",
    "Chargeable",
    "Declined",
    "Failed",
    "PaymentStatus",
    "Reducing",
    "Refunded",
    "Transaction",
    "Voided",
    "audit",
    "authorize",
    "balance",
    "capture",
    "history",
    "perform",
    "reduce",
    "refund",
    "refundable",
    "retry",
]
