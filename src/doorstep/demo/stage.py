"""The stage: PostgreSQL, server, worker, the three twins and, to look at, a storefront: each a process of its own, kept
running whatever dies.

A folder holds everything of a run: the database, the twins' memories, logs, and `pids.json`, kept current, for those
who want to pull a plug.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

import httpx2
import msgspec

from doorstep import settings as settings_of
from doorstep.db import Brand, Database, embedded, statements
from doorstep.db.migrate import create_brand, migrate
from doorstep.demo.runfile import Ports, Run, write_run, write_whole
from doorstep.settings import Outside, Settings
from doorstep.supervisor import Child, Supervisor, postgres_guard
from doorstep.web.api.keys import create
from doorstep.web.console.people import ensure_admin
from doorstep.web.shop.settings import Settings as ShopSettings
from doorstep.web.shop.settings import environment as environment_of_shop

SQL = statements(__package__)
BRAND = "main"
BRAND_TITLE = "Porch & Lintel"
PIDS_FILE = "pids.json"
READY_WITHIN_S = 120.0

# What goes wrong outside, as probabilities. Rates of calls are low, for each costs a pause of real time. Not among them
# is a mail server that asks for half a minute of patience: on the demo's clock that would be two weeks.
CARRIER_FAULTS = {
    "timeout_after_success": 0.0003,
    "error_500": 0.002,
    "error_500_after": 0.002,
    "hang_up_after": 0.002,
    "busy_429": 0.0005,
    "garbage": 0.001,
    "late": 0.04,
    "lost": 0.005,
    "attempt_failed": 0.02,
    "duplicate": 0.02,
    "out_of_order": 0.02,
    "repeat_webhook": 0.05,
    "garbage_webhook": 0.02,
    "bad_signature": 0.02,
}
GATEWAY_FAULTS = {
    "timeout_after_success": 0.0001,
    "error_500": 0.001,
    "error_500_after": 0.001,
    "hang_up_after": 0.001,
    "busy_429": 0.0002,
}
MESSAGES_FAULTS = {"mail_hang_up_after": 0.002, "error_500": 0.002, "error_500_after": 0.002}

OnChange = Callable[[str, str], None]


class Stage:
    """The processes of a run and what one needs to talk to them. Make it with `on_stage`."""

    def __init__(
        self, folder: Path, run: Run, ports: Ports, database: Database, brand: Brand, supervisor: Supervisor
    ) -> None:
        self.folder, self.run, self.ports, self.database, self.brand = folder, run, ports, database, brand
        self._supervisor = supervisor

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name, of those that run now."""
        return self._supervisor.pids

    @property
    def api_url(self) -> str:
        """Where the server answers."""
        return _local(self.ports.server)

    @property
    def carrier_url(self) -> str:
        """Where the carrier's twin answers."""
        return _local(self.ports.carrier)

    @property
    def gateway_url(self) -> str:
        """Where the gateway's twin answers."""
        return _local(self.ports.gateway)

    @property
    def messages_url(self) -> str:
        """Where the messages twin answers."""
        return _local(self.ports.messages)

    @property
    def shop_url(self) -> str:
        """Where the storefront answers, once it is open."""
        return _local(self.ports.shop)

    async def open_shop(self) -> None:
        """Start the storefront, which brings its goods along. Not before the play: its stock is no part of the figures.

        Raises SupervisorError when it does not come up.
        """
        settings = ShopSettings(
            api_url=self.api_url,
            api_key=self.run.api_key,
            doorstep_url=self.api_url,
            port=self.ports.shop,
            name=BRAND_TITLE,
            stock_up=True,
        )
        env = environment_of_shop(settings)
        ready = _answers(self.ports.shop, "/healthz")
        await self._supervisor.start([_child(self.folder, "shop", ["doorstep.web.shop"], ready, env)])
        await self._supervisor.wait_ready(READY_WITHIN_S)


@asynccontextmanager
async def on_stage(folder: Path, run: Run, *, starts_at: datetime, port: int, tell: OnChange) -> AsyncIterator[Stage]:
    """Start everything, on a database that is migrated and has its brand, key and stopped clock; stop it at the end.

    What is there already stays as it is. Raises SupervisorError when something does not come up.
    """

    def changed(name: str, state: str) -> None:
        _write_pids(folder, supervisor)
        tell(name, state)

    async with Supervisor(on_change=changed) as supervisor:
        await supervisor.start([], [postgres_guard(folder)])
        await supervisor.wait_ready(READY_WITHIN_S)
        server = embedded.status(folder).server
        if server is None:
            raise embedded.EmbeddedError("PostgreSQL went away while it was starting")
        database = Database(server.dsn(), pool_size=2)
        try:
            run = await _prepare(database, run, starts_at)
            ports = await asyncio.to_thread(_choose_ports, run.ports, port)
            run = msgspec.structs.replace(run, ports=ports)
            write_run(folder, run)
            await supervisor.start(_children(folder, run, ports, server.dsn()))
            await supervisor.wait_ready(READY_WITHIN_S)
            yield Stage(folder, run, ports, database, await database.brand(BRAND), supervisor)
        finally:
            await database.close()


async def _prepare(database: Database, run: Run, starts_at: datetime) -> Run:
    """Bring the database to where a run can begin; the run with its key and the console's password."""
    await migrate(database.dsn)
    await create_brand(database.dsn, BRAND, BRAND_TITLE)
    if run.api_key:
        return run
    async with database.shared() as tx:
        _, secret = await create(tx, brand=BRAND, name="demo", scope="write")
    await set_clock(await database.brand(BRAND), starts_at, rate=0.0)
    # Kept in the run's file, for its owner only: whoever starts the demo again wants to log in again.
    password = await ensure_admin(database, BRAND, must_change=False)
    return msgspec.structs.replace(run, api_key=secret, console_password=password or "")


def _children(folder: Path, run: Run, ports: Ports, dsn: str) -> list[Child]:
    env = settings_of.environment(_settings(folder, run, ports, dsn))
    webhook = f"{_local(ports.server)}/v1/webhooks/carriers/{BRAND}/sandbox"
    twins = {
        "carrier": (
            ports.carrier,
            "carriers",
            CARRIER_FAULTS,
            ("--secret", run.webhook_secret, "--webhook-url", webhook),
        ),
        "gateway": (ports.gateway, "payments", GATEWAY_FAULTS, ()),
        "messages": (ports.messages, "messages", MESSAGES_FAULTS, ("--smtp-port", str(ports.smtp))),
    }
    children = [
        _child(
            folder,
            name,
            _twin(folder, name, kind, port, faults, run.seed, more),
            _answers(port, "/sandbox/ledger?summary"),
        )
        for name, (port, kind, faults, more) in twins.items()
    ]
    children.append(_child(folder, "server", ["doorstep", "serve"], _answers(ports.server, "/readyz"), env))
    children.append(_child(folder, "worker", ["doorstep", "worker"], None, env))
    return children


def _child(folder: Path, name: str, module: Sequence[str], ready: object, env: dict[str, str] | None = None) -> Child:
    return Child(
        name=name,
        argv=[sys.executable, "-m", *module],
        log=folder / "logs" / f"{name}.log",
        env=env or {},
        ready=ready,  # type: ignore[arg-type]  # a coroutine function or None, made just above
    )


def _twin(
    folder: Path, name: str, kind: str, port: int, faults: dict[str, float], seed: int, more: Sequence[str]
) -> list[str]:
    rates = ",".join(f"{fault}={rate}" for fault, rate in faults.items())
    state = str(folder / f"{name}.sqlite")
    options = ["--port", str(port), "--state", state, "--seed", str(seed), "--faults", rates, "--attempts", "1"]
    return [f"doorstep.adapters.{kind}.sandbox", *options, *more]


def _settings(folder: Path, run: Run, ports: Ports, dsn: str) -> Settings:
    return Settings(
        database_url=dsn,
        data=folder,
        secret=run.secret,
        port=ports.server,
        answer_within_s=2,  # the twins are near, and the clock waits for each answer that is late
        carriers=(Outside(code="sandbox", url=_local(ports.carrier), secret=run.webhook_secret),),
        gateway=Outside(code="sandbox", url=_local(ports.gateway)),
        mail=Outside(code="smtp", url=f"smtp://127.0.0.1:{ports.smtp}", sender="hello@porch-and-lintel.example"),
        clock_by_hand=True,
        sms=Outside(code="http", url=_local(ports.messages), sender="PorchLintel"),
    )


async def set_clock(brand: Brand, now: datetime, *, rate: float) -> None:
    """Put the brand's clock to a time, from where it runs `rate` times as fast as the wall; wake the workers."""
    async with brand.transaction() as tx:
        await tx.execute(SQL.set_clock, now, rate)
        await tx.execute(SQL.wake)


def _choose_ports(before: Ports | None, wanted: int) -> Ports:
    """The ports of the last start where they are still free, so that links stay good; else free ones."""
    taken: set[int] = set()

    def choose(*preferred: int) -> int:
        found = next((port for port in preferred if port and port not in taken and _is_free(port)), None)
        while found is None or found in taken:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                found = int(probe.getsockname()[1])
        taken.add(found)
        return found

    last = before or Ports(server=0, carrier=0, gateway=0, messages=0, smtp=0)
    return Ports(
        server=choose(last.server, wanted),
        carrier=choose(last.carrier),
        gateway=choose(last.gateway),
        messages=choose(last.messages),
        smtp=choose(last.smtp),
        shop=choose(last.shop, wanted and wanted + 1),
    )


def _is_free(port: int) -> bool:
    """Whether nobody listens there. Our server would share a port with another one in silence, so it must not try."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


def _answers(port: int, path: str) -> object:
    async def ready() -> bool:
        try:
            async with httpx2.AsyncClient(timeout=5, trust_env=False) as client:
                return (await client.get(_local(port) + path)).status_code == 200
        except httpx2.HTTPError:
            return False

    return ready


def _local(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _write_pids(folder: Path, supervisor: Supervisor) -> None:
    write_whole(folder / PIDS_FILE, msgspec.json.encode(supervisor.pids))
