"""Serving: the application under uvicorn, in as many processes as asked for; `build` is what each process runs."""

from __future__ import annotations

import gc
import os
import resource
import signal
import socket
import sys
from contextlib import suppress

import structlog
import uvicorn
from litestar import Litestar
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

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
from doorstep.web.api.protocol import Protocol

log = structlog.get_logger()

_BACKLOG = 2048
_COLLECT_AFTER = 20_000  # new objects, for the youngest generation: a batch of orders makes a few thousand
_FILES_BESIDE = 1_024  # open files that are not connections of clients
_HUNG_S = 10  # a process in which no thread had a turn for so long is killed and started again
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
    configure(settings)  # of this process, which tells of the others
    config = uvicorn.Config(
        "doorstep.web.api.serve:build",
        factory=True,
        workers=settings.processes,
        loop="uvloop",
        http=Protocol,
        ws="none",
        interface="asgi3",
        proxy_headers=False,  # nobody's address is of interest to us
        server_header=False,
        access_log=False,
        log_config=None,
        log_level="warning",
        backlog=_BACKLOG,
        limit_concurrency=_connections() + 1,  # the first that is too many
        timeout_graceful_shutdown=_STOP_S,
        timeout_worker_healthcheck=_HUNG_S,
    )
    sockets = [_listen(settings)]
    if settings.processes > 1:
        _Processes(config, sockets=sockets).run()
        return
    # uvicorn raises the signal again that ended it; it has been obeyed then, and that is success.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=sockets)


class _Processes(Multiprocess):
    """uvicorn's processes; of those that die one is told, and whoever comes while they stop is refused at once."""

    def terminate_all(self) -> None:
        """Stop."""
        for one in self.sockets:
            one.close()
        super().terminate_all()

    def keep_subprocess_alive(self) -> None:
        """Start again what has died. Ends the program when the application cannot even begin."""
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        if self.should_exit.is_set() and any(process.exitcode == STARTUP_FAILURE for process in self.processes):
            raise SystemExit(STARTUP_FAILURE)
        if before != {process.pid for process in self.processes}:
            log.warning("server_process_died")


def _listen(settings: Settings) -> socket.socket:
    """The socket that all processes accept from. Ends the program, with words, when it cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SystemExit(
            f"Nobody can listen on {settings.host}, port {settings.port}: {os.strerror(error.errno or 0)}."
        ) from None


def _connections() -> int:
    """How many clients may be connected to a process: as many as we want, or as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = CONNECTIONS + _FILES_BESIDE if hard == resource.RLIM_INFINITY else min(hard, CONNECTIONS + _FILES_BESIDE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, files), hard))
    return max(1, files - _FILES_BESIDE)
