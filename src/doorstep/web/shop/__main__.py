"""`python -m doorstep.web.shop`: serve the storefront until a signal. One process: carts are in its memory."""

from __future__ import annotations

import os
import sys

import structlog
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.log import LogLevels
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
    Granian(
        "doorstep.web.shop.__main__:build",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=1,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
    ).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
