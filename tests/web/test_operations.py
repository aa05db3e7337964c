"""What those who run it see: the clock, events by position, the backlog, exceptions and their retries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import msgspec
import pytest

from doorstep import jobs, journal
from doorstep.db import Brand
from doorstep.db.pool import clock_now
from doorstep.journal import Event, Reactor, Recorded, give_positions
from doorstep.journal.model import Reaction
from doorstep.kit.ids import new_id, show
from tests.web.test_edge import problem


class Rang(Event, frozen=True, kw_only=True):
    """Something happened, of no order."""

    KIND = "test.rang"
    times: int


async def ring(brand: Brand, *times: int) -> None:
    """Append events, give them their positions."""
    async with brand.transaction() as tx:
        await journal.append(tx, [(None, Rang(times=n)) for n in times], actor="test", now=await clock_now(tx))
    await give_positions(brand)


async def trouble(
    brand: Brand, *, subject: UUID | None = None, detail: dict[str, Any] | None = None, **more: Any
) -> str:
    """Open an exception; its shown id."""
    subject = subject or new_id()
    facts: dict[str, Any] = {
        "kind": "test_trouble", "order_id": None, "owner": "operations", "next_action": "Look at it.", "priority": 1,
    }  # fmt: skip
    async with brand.transaction() as tx:
        now = await clock_now(tx)
        await jobs.open_exception(tx, **(facts | more), subject=subject, detail=detail or {}, now=now)
        return show("exc", await tx.fetchval("SELECT exception_id FROM exceptions WHERE subject = $1", subject))


async def test_events_come_in_order_after_a_position(client: httpx2.AsyncClient, brand: Brand) -> None:
    await ring(brand, 1, 2, 3)
    first = (await client.get("/v1/events", params={"limit": 2})).json()
    assert [one["data"]["times"] for one in first["items"]] == [1, 2]
    assert [one["position"] for one in first["items"]] == [1, 2]
    rest = (await client.get("/v1/events", params={"after": first["last_position"]})).json()
    assert [one["data"]["times"] for one in rest["items"]] == [3]
    nothing = (await client.get("/v1/events", params={"after": rest["last_position"]})).json()
    assert nothing == {"items": [], "last_position": rest["last_position"]}


async def test_events_without_a_position_are_not_shown_yet(client: httpx2.AsyncClient, brand: Brand) -> None:
    async with brand.transaction() as tx:
        await journal.append(tx, [(None, Rang(times=1))], actor="test", now=await clock_now(tx))
    assert (await client.get("/v1/events")).json()["items"] == []
    assert (await client.get("/v1/backlog")).json()["events_unplaced"] == 1
    await give_positions(brand)
    assert len((await client.get("/v1/events")).json()["items"]) == 1


async def test_the_clock_is_the_brands(client: httpx2.AsyncClient, brand: Brand) -> None:
    async with brand.transaction() as tx:
        at = datetime(2026, 3, 2, 9, tzinfo=UTC)
        await tx.execute("UPDATE clock SET wall_from = clock_timestamp(), clock_from = $1, rate = 0", at)
    assert (await client.get("/v1/clock")).json() == {"now": "2026-03-02T09:00:00Z", "rate": 0.0}


async def test_the_backlog_counts_jobs_and_exceptions(client: httpx2.AsyncClient, brand: Brand) -> None:
    async with brand.transaction() as tx:
        await jobs.enqueue(tx, "test.work", [new_id(), new_id()], due_at=await clock_now(tx))
    await trouble(brand)
    backlog = (await client.get("/v1/backlog")).json()
    assert (backlog["jobs_due"], backlog["jobs_waiting"], backlog["exceptions_open"]) == (2, 2, 1)


async def test_exceptions_come_most_urgent_first_and_page_by_page(client: httpx2.AsyncClient, brand: Brand) -> None:
    made = {priority: await trouble(brand, priority=priority) for priority in (3, 1, 0, 2)}
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/exceptions", params=params)).json()
        seen += [one["exception_id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [made[0], made[1], made[2], made[3]]


async def test_an_exception_is_resolved_once_by_whom_and_how(client: httpx2.AsyncClient, brand: Brand) -> None:
    shown = await trouble(brand)
    path = f"/v1/exceptions/{shown}/resolve"
    done = await client.post(path, json={"resolution": "Called the customer."}, headers={"idempotency-key": "a"})
    assert done.json()["resolved_by"] == "key:console"
    assert done.json()["resolution"] == "Called the customer."
    again = await client.post(path, json={"resolution": "Called the customer."}, headers={"idempotency-key": "a"})
    assert again.content == done.content
    second = await client.post(path, json={"resolution": "Once more."}, headers={"idempotency-key": "b"})
    problem(second, 409, "conflict")
    assert (await client.get("/v1/exceptions")).json()["items"] == []
    assert (await client.get(f"/v1/exceptions/{shown}")).json()["resolution"] == "Called the customer."


async def test_a_poisoned_job_is_set_going_again(client: httpx2.AsyncClient, brand: Brand) -> None:
    subject = new_id()
    async with brand.transaction() as tx:
        await jobs.enqueue(tx, "test.work", [subject], due_at=await clock_now(tx))
        await tx.execute("UPDATE jobs SET state = 'poisoned', attempts = 12 WHERE subject = $1", subject)
    shown = await trouble(brand, kind="job_poisoned", subject=subject, detail={"job": "test.work"})
    path = f"/v1/exceptions/{shown}/retry"
    for _ in range(2):
        done = await client.post(path, headers={"idempotency-key": "a"})
        assert done.json() == {"exception_id": shown, "outcome": "set going again"}
    async with brand.reading() as tx:
        row = await tx.fetchrow("SELECT state, attempts FROM jobs WHERE subject = $1", subject)
    assert row is not None
    assert (row["state"], row["attempts"]) == ("waiting", 1)  # so that the next try looks first whether it was done
    assert (await client.get("/v1/exceptions")).json()["items"] == []


async def test_what_only_a_person_can_do_is_not_retried(client: httpx2.AsyncClient, brand: Brand) -> None:
    shown = await trouble(brand)
    answer = await client.post(f"/v1/exceptions/{shown}/retry", headers={"idempotency-key": "a"})
    assert "Look at it." in problem(answer, 409, "conflict")["detail"]


async def test_a_parked_event_is_digested_when_the_retry_succeeds(
    app: Any, client: httpx2.AsyncClient, brand: Brand
) -> None:
    state = {"fails": True, "heard": 0}

    async def hear(tx: Any, events: list[Recorded[Any]], *, now: datetime) -> None:
        if state["fails"]:
            raise RuntimeError("cannot hear")
        state["heard"] += len(events)

    reaction = Reaction(name="test.hear", kinds=(Rang.KIND,), handler=hear)
    app.state.reactions = (reaction,)
    reactor = Reactor(brand, [reaction])
    await reactor.prepare()
    await ring(brand, 1)
    await reactor.run_once()
    (shown,) = [one["exception_id"] for one in (await client.get("/v1/exceptions")).json()["items"]]
    still = await client.post(f"/v1/exceptions/{shown}/retry", headers={"idempotency-key": "a"})
    assert "cannot hear" in problem(still, 409, "conflict")["error"]
    assert (await client.get("/v1/backlog")).json()["parked_events"] == 1
    state["fails"] = False
    done = await client.post(f"/v1/exceptions/{shown}/retry", headers={"idempotency-key": "a"})
    assert done.json()["outcome"] == "done"
    assert state["heard"] == 1
    assert (await client.get("/v1/backlog")).json()["parked_events"] == 0


@pytest.mark.parametrize("identity", ["exc_1", "ord_" + "0" * 32, "exc_" + "0" * 32, "x"])
async def test_an_unknown_exception_is_not_found(client: httpx2.AsyncClient, identity: str) -> None:
    found = problem(await client.get(f"/v1/exceptions/{identity}"), 404, "not-found")
    assert "exc_" in found["detail"]


async def test_alive_says_nothing_of_the_database_and_ready_does(client: httpx2.AsyncClient) -> None:
    client.headers.pop("authorization")
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json() == {"status": "ready"}


async def test_without_a_database_it_is_alive_but_not_ready() -> None:
    from doorstep.settings import Settings
    from doorstep.web.api import create_app
    from tests.web.stub import HANDLERS

    app: Any = create_app(Settings(database_url="postgresql://nobody@127.0.0.1:9/none"), handlers=HANDLERS)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://doorstep.test") as client:
        assert (await client.get("/healthz")).status_code == 200
        unready = await client.get("/readyz")
        problem(unready, 503, "unavailable")
        key = {"authorization": f"Bearer dsk_main_{'0' * 48}"}
        problem(await client.get("/v1/clock", headers=key), 503, "unavailable")
    assert msgspec.json.decode(unready.content)["instance"] == "/readyz"
