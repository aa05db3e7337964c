"""Every route of the settings."""

from __future__ import annotations

from doorstep.web.console.settings import api_keys, audit_log, channels, index, locations, services, test_mail, users

HANDLERS = (
    *index.HANDLERS,
    *locations.HANDLERS,
    *services.HANDLERS,
    *channels.HANDLERS,
    *users.HANDLERS,
    *api_keys.HANDLERS,
    *test_mail.HANDLERS,
    *audit_log.HANDLERS,
)
