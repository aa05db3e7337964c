"""Serving: the application under Granian, in as many processes as asked for; `build` is what each process runs."""

from __future__ import annotations

import gc
import os
import resource

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.log import LogLevels
from litestar import Litestar

from doorstep import settings as settings_of
from doorstep.journal import Reaction
from doorstep.journal.model import reactions
from doorstep.journey import JOURNEY
from doorstep.kit.limits import CONNECTIONS
from doorstep.orders import Intake
from doorstep.orders.queue import Room
from doorstep.outside import close_ports, make_ports
from doorstep.settings import Settings
from doorstep.web.api.app import create_app
from doorstep.web.api.logs import configure

_BACKLOG = 2048
_COLLECT_AFTER = 20_000  # new objects, for the youngest generation: a batch of orders makes a few thousand
_FILES_BESIDE = 256  # open files that are not connections of clients
_STOP_S = 15  # what is in flight may take this long after a stop signal


def build() -> Litestar:
    """The application of one server process, from its environment."""
    settings = settings_of.read(os.environ)
    configure(settings)
    found: tuple[Reaction, ...] = reactions(JOURNEY)
    ports = make_ports(settings)
    room = Room()
    app = create_app(
        settings,
        ports=ports,
        reactions=found,
        make_intake=lambda brand: Intake(brand, room),
        closing=[lambda: close_ports(ports)],
    )
    # What stands now stands as long as the process: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    return app


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
        backpressure=_connections(),
        log_level=LogLevels.warning,
        workers_kill_timeout=_STOP_S,
        respawn_failed_workers=True,
    )
    server.serve()


def _connections() -> int:
    """How many clients may be connected to a process: as many as we want, or as the system lets us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = CONNECTIONS + _FILES_BESIDE if hard == resource.RLIM_INFINITY else min(hard, CONNECTIONS + _FILES_BESIDE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(1, files - _FILES_BESIDE)
