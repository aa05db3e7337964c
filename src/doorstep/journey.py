"""The table of contents: what follows from what. Only steps between nouns stand here; within a noun, call the function.

Read a row as: when this has happened, these follow, each once, in order per order. To find what happens after a short
pick, look for ShortPicked.
"""

from __future__ import annotations

from typing import Final

from doorstep import delivery, fulfillment, inventory, orders, payments, returns, shipping, updates
from doorstep.jobs import does
from doorstep.journal import when
from doorstep.journal.model import reactions

JOURNEY: Final = (
    # place: claims stock and routes inside its own transaction (orders.place); then
    when(orders.Placed, payments.authorize, delivery.open_ledger, fulfillment.open_orders, updates.tell),
    when(orders.HoldPlaced, updates.tell),
    when(orders.HoldReleased, fulfillment.activate),
    when(orders.AddressChanged, updates.tell),
    # pay
    when(payments.Authorized, orders.release_payment_hold),
    when(payments.Declined, orders.await_payment_retry, updates.tell),
    when(payments.Captured, orders.refresh_payment),
    when(payments.Refunded, orders.refresh_payment, updates.tell),
    when(payments.Voided, orders.refresh_payment),
    when(payments.Failed, orders.refresh_payment),
    # change
    when(orders.Canceled, fulfillment.withdraw, payments.reduce, updates.tell),
    # route again: a location rejects, a picker finds less, goods arrive
    when(fulfillment.Rejected, orders.reroute),
    when(fulfillment.ShortPicked, orders.reroute),
    when(orders.Rerouted, fulfillment.open_orders),
    when(orders.Backordered, fulfillment.open_orders, delivery.repromise),
    when(inventory.Received, orders.allocate_waiting),
    when(orders.Allocated, fulfillment.open_orders, updates.tell),
    # fulfill and ship
    when(fulfillment.Activated, shipping.keep_watch),
    when(fulfillment.Packed, shipping.prepare),
    when(shipping.HandedOver, payments.capture, updates.tell),
    # track
    when(shipping.Late, delivery.repromise),
    when(delivery.Repromised, updates.tell),
    when(shipping.Lost, payments.refund, updates.tell),
    when(shipping.Delivered, updates.tell),
    # return
    when(returns.Requested, updates.tell),
    when(shipping.ReturnLabelBought, returns.attach_label),
    when(returns.LabelBought, updates.tell),
    when(shipping.ReturnTracked, returns.follow),
    when(returns.Received, payments.refund, updates.tell),
    when(returns.Lost, payments.refund),
    when(returns.Declined, updates.tell),
    when(returns.Expired, updates.tell),
)
REACTIONS: Final = reactions(JOURNEY)

# Work with the outside or for later: each row is an intent written by a step above, carried out by a job.
WORK: Final = (
    does("payments.call", payments.perform, owner="finance"),
    does("shipping.buy_label", shipping.buy_label, owner="warehouse"),
    does("shipping.watch", shipping.watch, owner="customer service"),
    does("updates.send", updates.send, owner="customer service"),
    does("returns.expire", returns.expire, owner="customer service"),
)
