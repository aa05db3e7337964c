"""Parcels: the label, the hand-over, the road, and what goes wrong on it.

Invariants: a parcel has one label, bought once whatever is retried; nothing is handed over without a label, and only
what was packed; the tracking status moves forward only, whatever the carrier repeats or mixes up; a promise about to
break is told before it breaks; a parcel on the road is watched until it has arrived.

States of a shipment are the tracking canon (`ports.TrackingStatus`); of a label: wanted → bought or refused (and from
there wanted again when a person says so).
"""

from doorstep.shipping.audit import audit
from doorstep.shipping.buy_label import buy_label
from doorstep.shipping.drop_return_label import drop_return_label
from doorstep.shipping.hand_over import hand_over
from doorstep.shipping.model import (
    Delivered,
    HandedOver,
    HandOverOutcome,
    LabelBought,
    Late,
    Lost,
    ReturnLabelBought,
    ReturnTracked,
    Shipment,
    Tracked,
)
from doorstep.shipping.ports import Carrier, Label, LabelRequest, ParcelSpec, Party, TrackingStatus, TrackingUpdate
from doorstep.shipping.prepare import prepare
from doorstep.shipping.reads import label_of, label_pdf, of_orders
from doorstep.shipping.receive_tracking import receive_tracking
from doorstep.shipping.want_return_label import want_return_label
from doorstep.shipping.watch import keep_watch, watch

__all__ = [
    "Carrier",
    "Delivered",
    "HandOverOutcome",
    "HandedOver",
    "Label",
    "LabelBought",
    "LabelRequest",
    "Late",
    "Lost",
    "ParcelSpec",
    "Party",
    "ReturnLabelBought",
    "ReturnTracked",
    "Shipment",
    "Tracked",
    "TrackingStatus",
    "TrackingUpdate",
    "audit",
    "buy_label",
    "drop_return_label",
    "hand_over",
    "keep_watch",
    "label_of",
    "label_pdf",
    "of_orders",
    "prepare",
    "receive_tracking",
    "want_return_label",
    "watch",
]
