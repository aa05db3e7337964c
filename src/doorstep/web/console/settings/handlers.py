"""Every route of the settings."""

from __future__ import annotations

from doorstep.web.console.settings import (
    api_keys,
    audit_log,
    branding,
    calendar,
    channel_stock,
    channels,
    index,
    locations,
    messages,
    services,
    set_back,
    test_mail,
    users,
)

HANDLERS = (
    *index.HANDLERS,
    *locations.HANDLERS,
    *services.HANDLERS,
    *calendar.HANDLERS,
    *channels.HANDLERS,
    *channel_stock.HANDLERS,
    *branding.HANDLERS,
    *messages.HANDLERS,
    *test_mail.HANDLERS,
    *users.HANDLERS,
    *api_keys.HANDLERS,
    *audit_log.HANDLERS,
    *set_back.HANDLERS,
)
