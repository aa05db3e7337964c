"""Every route of the settings."""

from __future__ import annotations

from doorstep.web.console.settings import api_keys, audit_log, index, users

HANDLERS = (
    *index.HANDLERS,
    *users.HANDLERS,
    *api_keys.HANDLERS,
    *audit_log.HANDLERS,
)
