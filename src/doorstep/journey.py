"""The table of contents: what follows from what. Only steps between nouns stand here; within a noun, call the function.

Read a row as: when this has happened, these steps follow. Each step gets an event once, and the events of one order in
their sequence; steps of a row do not wait for one another. `# → X` names the events a step tells in turn: most have a
row of their own. `someone` is a person or a partner, who acts next by the API. To find what happens after a short pick,
look for ShortPicked.
"""

from __future__ import annotations

from typing import Final

from doorstep import delivery, feeds, fulfillment, insights, inventory, orders, payments, returns, shipping, updates
from doorstep.jobs import does
from doorstep.journal import when
from doorstep.journal.model import reactions

JOURNEY: Final = (
    # place: stock is claimed where it was promised, in the transaction of placing
    when(orders.Placed, payments.authorize, delivery.open_ledger, fulfillment.open_orders, updates.tell),
    # → payments.Authorized or Declined
    when(orders.HoldPlaced, updates.tell),
    when(orders.HoldReleased, fulfillment.activate),  # → fulfillment.Activated, when no hold is left
    when(orders.AddressChanged, updates.tell),
    # pay
    when(payments.Authorized, orders.release_payment_hold),  # → orders.HoldReleased, or HoldPlaced for a risk
    when(payments.Declined, orders.await_payment_retry, updates.tell),  # → orders.Canceled after the last try
    when(payments.Captured, orders.refresh_payment),
    when(payments.Refunded, orders.refresh_payment, updates.tell),
    when(payments.Voided, orders.refresh_payment),
    when(payments.Failed, orders.refresh_payment),
    # change
    when(orders.Canceled, fulfillment.withdraw, payments.reduce, payments.refund, returns.keep_even, updates.tell),
    # → payments.Voided; returns.ExchangeUndone, when goods sent in exchange are canceled, lost or come back
    when(orders.GoodwillGiven, payments.refund, updates.tell),  # → payments.Refunded
    # route again: a location rejects its work, or a picker finds less than the book says (the book is corrected, the
    # rest of the work goes on). What another location has is re-routed; the rest waits, with an exception for a person
    when(fulfillment.Rejected, orders.reroute),  # → orders.Rerouted, orders.Backordered, or both
    when(fulfillment.ShortPicked, orders.reroute),  # → orders.Rerouted, orders.Backordered, or both
    when(orders.Rerouted, fulfillment.open_orders, delivery.repromise),  # → Activated; delivery.Repromised if later
    when(orders.Backordered, fulfillment.open_orders, delivery.repromise),  # open_orders takes back the work on what
    # waits now; → delivery.Repromised if later or unknown
    when(delivery.Repromised, updates.tell),
    when(inventory.Received, orders.allocate_waiting),  # → orders.Allocated, first come, first served
    # supply that a claim is on moves: it comes later, earlier, less or not at all, or a place on an earlier one is free
    when(inventory.SupplyMoved, orders.follow_supply),  # → orders.Redated
    when(orders.Redated, delivery.repromise),  # → delivery.Repromised, to earlier too
    when(orders.Allocated, fulfillment.open_orders, delivery.repromise, updates.tell),  # → fulfillment.Activated, and
    # delivery.Repromised when the date was unknown or is another now
    # fulfill: someone accepts or rejects, picks, personalizes, wraps, packs
    when(fulfillment.Activated, shipping.keep_watch),
    when(fulfillment.Packed, shipping.prepare),  # → shipping.LabelBought; then someone hands the parcel over
    when(shipping.HandedOver, payments.capture, updates.tell),  # → payments.Captured
    # track: the carrier tells
    when(shipping.Late, delivery.repromise),  # → delivery.Repromised
    when(shipping.Lost, payments.refund, returns.keep_even, updates.tell),  # → payments.Refunded
    when(shipping.CameBack, payments.refund, returns.keep_even, updates.tell),  # → payments.Refunded
    when(shipping.Delivered, returns.open_announced, updates.tell),  # → returns.Requested, if that was the answer to a
    # delay: delivery.DelayAnswered
    # return: the customer asks; then someone receives and judges the goods
    when(returns.Requested, updates.tell),
    when(shipping.ReturnLabelBought, returns.attach_label),  # → returns.LabelBought
    when(returns.LabelBought, updates.tell),
    when(shipping.ReturnTracked, returns.follow),  # → returns.InTransit or Lost
    when(returns.Received, payments.refund, updates.tell),  # → payments.Refunded
    when(returns.Lost, payments.refund),  # → payments.Refunded
    when(returns.Waived, payments.refund),  # → payments.Refunded, which tells the customer
    when(returns.ExchangeReady, delivery.repromise),  # → delivery.Repromised: the goods in exchange get their date
    when(returns.ExchangeUndone, payments.refund),  # from keep_even; → payments.Refunded, of the order that paid
    when(returns.Declined, updates.tell),
    when(returns.Expired, updates.tell),
)
# read: after each of these, an order is found by other words or filters than before. Nothing follows from it.
FOUND_ANEW: Final = (
    orders.Placed, orders.HoldPlaced, orders.HoldReleased, orders.AddressChanged, orders.Canceled,
    orders.Rerouted, orders.Backordered, orders.Allocated, orders.Redated, delivery.Repromised,
    payments.Authorized, payments.Captured, payments.Refunded, payments.Voided, payments.Failed,
    fulfillment.Rejected, fulfillment.ShortPicked, fulfillment.Activated,
    shipping.LabelBought, shipping.HandedOver, shipping.Late, shipping.Lost, shipping.CameBack, shipping.Delivered,
    returns.LabelBought, returns.Received, returns.Lost, returns.Waived,
)  # fmt: skip
# and these are added up for the figures of the hour
ADDED_UP: Final = (orders.Placed, shipping.HandedOver, shipping.Delivered)
REACTIONS: Final = reactions(
    (
        *JOURNEY,
        *(when(event, insights.index_orders) for event in FOUND_ANEW),
        *(when(event, insights.add_up) for event in ADDED_UP),
    ),
    later=(insights.index_orders, insights.add_up),
)

# Work with the outside, or for later: an intent written by a step above, carried out by a job.
WORK: Final = (
    does("inventory.watch_supply", inventory.watch_supply),  # from a delivery's date: an exception when it has not come
    does("inventory.release_product", inventory.release_products),  # from a release's date; → inventory.Received
    does("payments.call", payments.perform, owner="finance"),  # from authorize, capture, refund, reduce
    does("shipping.buy_label", shipping.buy_label, owner="warehouse"),  # from prepare, and from a return by label
    does("shipping.cancel_label", shipping.cancel_label, owner="shipping"),  # from a return that ends without it
    does("shipping.watch", shipping.watch, owner="customer service", together=True),  # from keep_watch; → shipping.Late
    does("updates.send", updates.send, owner="customer service"),  # from tell
    does(
        "feeds.work_on", feeds.work_on, owner="operations"
    ),  # from a feed that is here; → feeds.Applied, inventory.Received
    does("returns.expire", returns.expire, owner="customer service"),  # from a return's request; → returns.Expired
)
