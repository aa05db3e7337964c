"""Every route of the API: the nouns' own handlers, and those of the edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from doorstep.carts import api as carts
from doorstep.catalog import api as catalog
from doorstep.delivery import api as delivery
from doorstep.feeds import api as feeds
from doorstep.fulfillment import api as fulfillment
from doorstep.insights import api as insights
from doorstep.inventory import api as inventory
from doorstep.inventory import channel_stock_api as channel_stock
from doorstep.inventory import levels_api as levels
from doorstep.inventory.counting import api as counting
from doorstep.inventory.supply import api as supply
from doorstep.inventory.supply import incoming_api as incoming
from doorstep.inventory.transfers import api as transfers
from doorstep.orders import api as orders
from doorstep.payments import api as payments
from doorstep.returns import api as returns
from doorstep.routing import api as routing
from doorstep.routing import availability_api as availability
from doorstep.shipping import api as shipping
from doorstep.updates import api as updates
from doorstep.web import look, pages
from doorstep.web.api import bulk, metrics, operations
from doorstep.web.console import handlers as console
from doorstep.web.shopper import handlers as shopper

# In the order of the journey.
MOUNTED = (
    catalog,
    inventory,
    feeds,
    channel_stock,
    levels,
    supply,
    incoming,
    transfers,
    counting,
    delivery,
    routing,
    availability,
    carts,
    orders,
    bulk,
    payments,
    fulfillment,
    shipping,
    updates,
    returns,
    insights,
    operations,
    metrics,
    pages,
    look,
    shopper,
    console,
)


def gather() -> Sequence[Any]:
    """All handlers, in the order of the journey."""
    return tuple(handler for one in MOUNTED for handler in one.HANDLERS)
