"""Parcels: the label, the hand-over, the road, and what goes wrong on it.

Invariants: a parcel has one label, bought once whatever is retried; nothing is handed over without a label, and only
what was packed; the tracking status moves forward only, whatever the carrier repeats or mixes up; a promise about to
break is told before it breaks; a parcel on the road is watched until it has arrived.

States of a shipment are the tracking canon (`ports.TrackingStatus`); of a label: wanted → bought, or refused (wanted
again when a person says so), or canceled; what was bought and is not used is canceled, too.
"""

from doorstep.shipping.audit import audit
from doorstep.shipping.buy_label import buy_label
from doorstep.shipping.cancel_label import cancel_label
from doorstep.shipping.drop_return_label import drop_return_label
from doorstep.shipping.hand_over import hand_over
from doorstep.shipping.lose import declare_lost
from doorstep.shipping.model import (
    CameBack,
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
from doorstep.shipping.take_back import take_back
from doorstep.shipping.want_return_label import want_return_label
from doorstep.shipping.watch import keep_watch, watch

__all__ = [
    "CameBack",
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
    "cancel_label",
    "declare_lost",
    "drop_return_label",
    "hand_over",
    "keep_watch",
    "label_of",
    "label_pdf",
    "of_orders",
    "prepare",
    "receive_tracking",
    "take_back",
    "want_return_label",
    "watch",
]
