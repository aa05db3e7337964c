"""Commands that run it: everything at once, or one part."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click
from rich.markup import escape

from doorstep import settings as settings_of
from doorstep.commands.console import Failed, as_json, database_address, emit, err, out, run, say, settings
from doorstep.settings import Settings

_SETTINGS_HELP = "\n\n".join(f"[cyan]{name}[/]  {words}" for name, words in settings_of.VARIABLES.items())
_READY_WITHIN_S = 120.0


@click.command(
    help="Start an empty Doorstep on this machine and keep it running.\n\nPostgreSQL (embedded, unless "
    "DOORSTEP_DATABASE_URL names one), brand [cyan]main[/], server and worker. Ctrl-C stops it; the data stays.\n\n"
    "[dim]Examples:[/]  doorstep up  ·  doorstep up --port 9000 --processes 2\n\n"
    f"[bold]Settings[/] (environment, each with DOORSTEP_ before it):\n\n{_SETTINGS_HELP}"
)
@click.option("--port", type=click.IntRange(1, 65_535), help="Where the server listens; default DOORSTEP_PORT or 8080.")
@click.option("--processes", type=click.IntRange(1, 64), help="Server processes; default DOORSTEP_PROCESSES or 1.")
@as_json
def up(port: int | None, processes: int | None, as_json: bool) -> None:
    """Start everything."""
    run(_up(_with(settings(), port, processes), as_json))


def _with(found: Settings, port: int | None, processes: int | None) -> Settings:
    return msgspec.structs.replace(found, port=port or found.port, processes=processes or found.processes)


async def _up(found: Settings, machine: bool) -> None:
    from doorstep.supervisor import Child, Supervisor, postgres_guard

    _refuse_taken(found)
    found = msgspec.structs.replace(found, secret=found.secret or kept_secret(found.data))
    guards = [] if found.database_url else [postgres_guard(found.data)]
    async with Supervisor(on_change=_telling(machine)) as supervisor:
        await supervisor.start((), guards)
        await supervisor.wait_ready(_READY_WITHIN_S)
        async with database_address(found) as address:
            password = await _prepare(address)
            env = settings_of.environment(msgspec.structs.replace(found, database_url=address))
            children = [
                Child(
                    name=name,
                    argv=[sys.executable, "-m", "doorstep", name.partition("-")[0]],
                    log=found.data / f"{name}.log",
                    env=env,
                    ready=(lambda: answers(found)) if name == "serve" else None,
                )
                for name in ("serve", "worker", *(f"worker-{number}" for number in range(2, found.workers + 1)))
            ]
            await supervisor.start(children)
            await supervisor.wait_ready(_READY_WITHIN_S)
            _welcome(found, machine, password)
            await supervisor.until_signaled()
            say("stopping")


def _telling(machine: bool) -> Any:
    colors = {"ready": "green", "starting": "yellow", "waiting": "yellow", "failed": "red", "stopped": "dim"}

    def tell(name: str, state: str) -> None:
        if not machine:
            err.print(f"  [{colors.get(state, 'white')}]●[/] {name:<10} {state}")

    return tell


async def _prepare(address: str) -> str | None:
    """Migrate, make the brand, and at the first start the admin; their password, told only now."""
    from doorstep.db import Database
    from doorstep.db.migrate import create_brand, migrate
    from doorstep.web.console.people import ensure_admin

    for step in await migrate(address):
        say(f"migrated {step}")
    if await create_brand(address, "main", "Main"):
        say("made the brand main")
    database = Database(address, pool_size=1)
    try:
        return await ensure_admin(database, "main")
    finally:
        await database.close()


def _welcome(found: Settings, machine: bool, password: str | None) -> None:
    links = {
        "console": f"{found.url}/console",
        "api": f"{found.url}/v1",
        "openapi": f"{found.url}/openapi.json",
        "health": f"{found.url}/healthz",
        "data": str(found.data),
    }
    if machine:
        emit({"ready": True, **links, **({"login": "admin", "password": password} if password else {})})
        sys.stdout.flush()
        return
    out.print("\n[bold green]Doorstep is up.[/]\n")
    for name, link in links.items():
        out.print(f"  {name:<8} [cyan]{escape(link)}[/]")
    if password:
        out.print(f"\n  Log in as [bold]admin[/] with the password [bold]{password}[/]  (told only now)")
    missing = [
        name
        for name, there in (("carrier", found.carriers), ("payment gateway", found.gateway), ("mail", found.mail))
        if not there
    ]
    if missing:
        out.print(f"\n  [yellow]Not configured:[/] {', '.join(missing)}; their work waits. See doorstep up --help")
    out.print("\n  A key for your shop: [cyan]doorstep key create my-shop[/]    Stop: Ctrl-C\n")


def _refuse_taken(found: Settings) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((found.host, found.port))
        except OSError as error:
            raise Failed(
                f"{found.host}:{found.port} cannot be used: {error.strerror}.",
                advice=f"Another one may run there. Choose another port: doorstep up --port {found.port + 1}",
            ) from error


def kept_secret(data: Path) -> str:
    """The secret that signs links in mail, made once and kept in the data folder for its owner alone."""
    path = data / "secret"
    data.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32))
    return path.read_text().strip()


async def answers(found: Settings) -> bool:
    """Whether the server at these settings is ready to work."""
    import httpx2

    host = "127.0.0.1" if found.host in ("0.0.0.0", "::") else found.host  # asked, not bound
    try:
        async with httpx2.AsyncClient(timeout=2, trust_env=False) as client:
            return (await client.get(f"http://{host}:{found.port}/readyz")).status_code == 200
    except httpx2.HTTPError:
        return False


@click.command()
@click.option("--port", type=click.IntRange(1, 65_535), help="Where to listen; default DOORSTEP_PORT or 8080.")
@click.option("--processes", type=click.IntRange(1, 64), help="How many processes; default DOORSTEP_PROCESSES or 1.")
def serve(port: int | None, processes: int | None) -> None:
    """Run the web server only.

    It stops on SIGTERM or Ctrl-C, after what is in flight.

    [dim]Examples:[/]  doorstep serve --port 8080 --processes 2
    """
    from doorstep.web.api.serve import serve as start

    found = _with(settings(), port, processes)
    if found.database_url:
        start(found)
        return
    from doorstep.db import embedded

    start(msgspec.structs.replace(found, database_url=embedded.ensure(found.data, say=say).dsn()))


@click.command()
def worker() -> None:
    """Run the background worker only.

    Events, reactions and jobs of every brand. Run as many as you like.

    [dim]Examples:[/]  doorstep worker
    """
    import uvloop

    uvloop.run(_worker(settings()))


async def _worker(found: Settings) -> None:
    import signal

    from doorstep.db import Database
    from doorstep.journey import REACTIONS, WORK
    from doorstep.outside import open_ports
    from doorstep.web.api.logs import configure
    from doorstep.worker import Worker

    configure(found)
    async with database_address(found) as address, open_ports(found) as ports:
        database = Database(address, pool_size=found.pool_size, statement_cache_size=found.statement_cache)
        work = asyncio.create_task(Worker(database, REACTIONS, WORK, ports).run())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, work.cancel)
        try:
            await work
        except asyncio.CancelledError:
            say("stopping")
        finally:
            await database.close()


@click.command()
@as_json
def migrate(as_json: bool) -> None:
    """Bring the database to this version.

    The shared schema and every brand's. Again changes nothing.

    [dim]Examples:[/]  doorstep migrate
    """
    applied = run(_migrate())
    if as_json:
        emit({"applied": applied})
    elif applied:
        for step in applied:
            out.print(f"[green]✓[/] {escape(step)}")
    else:
        out.print("[green]✓[/] Nothing to do: everything is at this version.")


async def _migrate() -> list[str]:
    from doorstep.db.migrate import migrate as apply

    async with database_address(settings()) as address:
        return await apply(address)


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def demo(arguments: tuple[str, ...]) -> int:
    """Play real orders from click to doorstep and back, at high speed, with everything around them.

    [dim]Examples:[/]  doorstep demo  ·  doorstep demo --keep  ·  doorstep demo --json
    """
    from importlib import import_module

    code = import_module("doorstep.demo.main").main(list(arguments))
    return code if isinstance(code, int) else 0


@click.command()
@click.argument("parts", nargs=-1)
@click.option("--quick", is_flag=True, help="Fewer and shorter runs: about two minutes instead of twenty.")
@click.option("--rounds", type=click.IntRange(1, 99), help="How many alternating runs; the median counts.")
@as_json
def bench(parts: tuple[str, ...], quick: bool, rounds: int | None, as_json: bool) -> int:
    """Measure how fast it is on this machine, beside what PostgreSQL alone does.

    Parts: a orders one a request, b many a body, c the yardstick, d availability, e carts, f feeds, g orders among a
    million, h from placing to delivery; all when none is named. Needs a checkout of the repository, and wrk.

    [dim]Examples:[/]  doorstep bench  ·  doorstep bench a c --quick  ·  doorstep bench --json > bench.json
    """
    from importlib import import_module

    root = Path(__file__).resolve().parents[3]
    if not (root / "bench" / "__main__.py").exists():
        raise Failed("The benchmarks are not in the package.", advice="Run make bench in a checkout of the repository.")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    options = [*(["--quick"] if quick else []), *(["--json"] if as_json else [])]
    options += [f"--rounds={rounds}"] if rounds else []
    code = import_module("bench.__main__").main([*options, *parts])
    return code if isinstance(code, int) else 0
