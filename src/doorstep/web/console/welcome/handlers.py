"""Every route of the guide."""

from __future__ import annotations

from doorstep.web.console.welcome import goods, opening, steps

HANDLERS = (*steps.HANDLERS, *goods.HANDLERS, *opening.HANDLERS)
