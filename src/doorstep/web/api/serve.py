"""Serving: the application under Granian, in as many processes as asked for; `build` is what each process runs."""

from __future__ import annotations

import os

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.log import LogLevels
from litestar import Litestar

from doorstep import settings as settings_of
from doorstep.journal import Reaction
from doorstep.journal.model import reactions
from doorstep.journey import JOURNEY
from doorstep.orders import Intake
from doorstep.outside import close_ports, make_ports
from doorstep.settings import Settings
from doorstep.web.api.app import create_app
from doorstep.web.api.logs import configure

_BACKLOG = 2048
_STOP_S = 15  # what is in flight may take this long after a stop signal


def build() -> Litestar:
    """The application of one server process, from its environment."""
    settings = settings_of.read(os.environ)
    configure(settings)
    found: tuple[Reaction, ...] = reactions(JOURNEY)
    ports = make_ports(settings)
    return create_app(settings, ports=ports, reactions=found, make_intake=Intake, closing=[lambda: close_ports(ports)])


def serve(settings: Settings) -> None:
    """Serve until a signal says stop; what is in flight is finished. Settings reach the processes by environment."""
    os.environ.update(settings_of.environment(settings))
    server = Granian(
        "doorstep.web.api.serve:build",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.processes,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        backlog=_BACKLOG,
        log_level=LogLevels.warning,
        workers_kill_timeout=_STOP_S,
        respawn_failed_workers=True,
    )
    server.serve()
