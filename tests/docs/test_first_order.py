"""The commands of the first page people try, run as they stand there: against a server, a worker and the twins."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

from doorstep.db import Database
from doorstep.web.api.keys import create
from tests.docs.pages import page, pages
from tests.docs.shell import environment, needs_shell, run_commands
from tests.support.twins import SECRET, Twin
from tests.support.waiting import eventually


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


@asynccontextmanager
async def running(folder: Path, env: dict[str, str], *names: str) -> AsyncIterator[None]:
    """Doorstep's processes of these names, until the block ends; they must end well."""
    children = []
    for name in names:
        with (folder / f"{name}.log").open("wb") as log:
            argv = [sys.executable, "-m", "doorstep", name]
            children.append(subprocess.Popen(argv, env=env, stdout=log, stderr=log, cwd=folder))
    try:
        yield
        for child in children:
            child.terminate()
        codes = [await asyncio.to_thread(child.wait, 20) for child in children]
        assert codes == [0] * len(children), {name: (folder / f"{name}.log").read_text()[-2000:] for name in names}
    finally:
        for child in children:
            child.kill()


def ready(url: str) -> bool:
    try:
        return httpx2.get(url, trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


@needs_shell
async def test_the_first_order_goes_as_the_page_says(
    tmp_path: Path, dsn: str, database: Database, carrier_twin: Twin, gateway_twin: Twin, messages_twin: Twin
) -> None:
    async with database.shared() as tx:
        _, key = await create(tx, brand="main", name="reader", scope="write")
    shop = f"http://127.0.0.1:{free_port()}"
    carrier_twin.reset(webhook_url=f"{shop}/v1/webhooks/carriers/main/sandbox")
    env = environment(
        tmp_path,
        dsn,
        DOORSTEP_SECRET="0123456789abcdef0123456789abcdef",
        DOORSTEP_PORT=shop.rpartition(":")[2],
        DOORSTEP_CARRIERS="sandbox",
        DOORSTEP_CARRIER_SANDBOX_URL=carrier_twin.url,
        DOORSTEP_CARRIER_SANDBOX_SECRET=SECRET,
        DOORSTEP_GATEWAY="sandbox",
        DOORSTEP_GATEWAY_URL=gateway_twin.url,
        DOORSTEP_MAIL_URL=messages_twin.smtp_url,
        DOORSTEP_MAIL_SENDER="shop@example.com",
        KEY=key,
        SHOP=shop,
        CARRIER=carrier_twin.url,
        MESSAGES=messages_twin.url,
    )
    async with running(tmp_path, env, "serve", "worker"):
        await eventually(lambda: ready(f"{shop}/readyz"), within_s=30)
        said = await run_commands("docs/howto/first-order.md", tmp_path, env)
    assert "came back to Leeds warehouse; £4.50 to refund." in said
    assert "Your order 1001 is on its way" in said
    assert (tmp_path / "label.pdf").read_bytes().startswith(b"%PDF")
    assert "<svg" in (tmp_path / "return.svg").read_text()
    await check_what_always_holds(database)


async def check_what_always_holds(database: Database) -> None:
    """The queries of the journey's pages find nothing after a journey."""
    async with (await database.brand("main")).transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM events") > 10
        for found in pages():
            if found.path.startswith("docs/journey/"):
                for query in queries(found.path):
                    assert await tx.fetch(query) == [], f"{found.path}: {query}"


def queries(path: str) -> list[str]:
    """The statements in the SQL blocks of a page."""
    return [query for block in page(path).blocks("sql") for query in block.split(";") if query.strip()]
