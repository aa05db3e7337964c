"""`python -m doorstep.web.shop`: serve the storefront until a signal. One process: carts are in its memory."""

from __future__ import annotations

import os
import sys

import structlog
import uvicorn
from litestar import Litestar

from doorstep.web.shop.app import create_app
from doorstep.web.shop.settings import VARIABLES, SettingsError, read


def build() -> Litestar:
    """The application, from its environment. Tracebacks without local variables: those may be someone's address."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    return create_app(read(os.environ))


def main() -> int:
    """Serve; the exit code."""
    try:
        settings = read(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        print("\n".join(f"  DOORSTEP_SHOP_{name}: {what}" for name, what in VARIABLES.items()), file=sys.stderr)
        return 2
    uvicorn.run(
        "doorstep.web.shop.__main__:build",
        factory=True,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        ws="none",
        proxy_headers=False,
        access_log=False,
        log_level="warning",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
