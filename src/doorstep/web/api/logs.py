"""Structured logs: one line an event, with the request's id; no personal data, so no bodies and no query strings."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from doorstep.settings import Settings
from doorstep.web.api.context import request_id


def configure(settings: Settings) -> None:
    """Set the process's logging: JSON lines for machines or colored text for people, to stderr."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    people = settings.log_format == "text"
    # Plain tracebacks: the prettier ones print local variables, and those may be someone's address.
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    last = console if people else structlog.processors.JSONRenderer()
    errors = [] if people else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_request_id,
            *errors,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")


def _with_request_id(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if identity := request_id():
        event["request_id"] = identity
    return event
