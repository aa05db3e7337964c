"""Every route of the console."""

from __future__ import annotations

from doorstep.web.console import components, entrance, exceptions, goods_back, home
from doorstep.web.console.floor import handlers as floor
from doorstep.web.console.orders import handlers as orders
from doorstep.web.console.settings import handlers as settings
from doorstep.web.console.stock import differences, feeds, waiting
from doorstep.web.console.stock import handlers as stock
from doorstep.web.console.welcome import handlers as welcome

HANDLERS = (
    *entrance.HANDLERS,
    *home.HANDLERS,
    *exceptions.HANDLERS,
    *goods_back.HANDLERS,
    *floor.HANDLERS,
    *feeds.HANDLERS,
    *differences.HANDLERS,
    *waiting.HANDLERS,
    *stock.HANDLERS,
    *settings.HANDLERS,
    *components.HANDLERS,
    *welcome.HANDLERS,
    *orders.HANDLERS,
)
