"""Count jobs: shelves of a location, counted one by one by people who do not see what the book says.

A count that differs little is booked at once, as of when it was counted. One that differs more is counted again: it is
booked when the second count agrees with the first or with the book, and else waits for somebody's approval.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

from doorstep.db import StartAgain, Tx, statements
from doorstep.inventory.receive import count, since_count
from doorstep.inventory.room import Claimants, shelves
from doorstep.kit.errors import BodyDiffers, Conflict, Fault, Invalid, NotFound
from doorstep.kit.ids import new_id, show
from doorstep.kit.limits import COUNT_LINES

SQL = statements(__package__)
PREFIX: Final = "cnt"
ChosenBy = Literal["list", "not_counted", "losing", "zero"]
JobState = Literal["open", "closed", "canceled"]
LineState = Literal["to_count", "to_recount", "to_approve", "booked", "skipped"]


class CountLine(msgspec.Struct, frozen=True, kw_only=True):
    """A shelf of a job. `difference` is what the last count differed from the book as of its time."""

    sku_id: int
    sku: str
    title: str
    state: LineState
    counted: int | None
    counted_at: datetime | None
    counted_by: str | None
    difference: int | None
    first_difference: int | None
    approved_by: str | None
    problem: str


class CountJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job with its lines, by SKU."""

    count_job_id: UUID
    reference: str
    location_id: int
    chosen_by: ChosenBy
    tolerance_units: int
    tolerance_percent: int
    state: JobState
    opened_by: str
    opened_at: datetime
    ended_at: datetime | None
    lines: Sequence[CountLine]

    def tolerates(self, difference: int, book: int) -> bool:
        """Whether a count that differs so from the book is believed at once."""
        return abs(difference) <= max(self.tolerance_units, self.tolerance_percent * max(book, 0) // 100)

    def line(self, sku_id: int) -> CountLine:
        """Raises NotFound when the SKU is not on it."""
        found = next((line for line in self.lines if line.sku_id == sku_id), None)
        if found is None:
            raise NotFound("This SKU is not on the list of the job.")
        return found


async def count_jobs(tx: Tx, count_job_ids: Collection[UUID]) -> dict[UUID, CountJob]:
    """Jobs by id; unknown ones are left out."""
    lines: dict[UUID, list[CountLine]] = {}
    for row in await tx.fetch(SQL.count_lines, list(count_job_ids)):
        line = CountLine(**{name: row[name] for name in CountLine.__struct_fields__})
        lines.setdefault(row["count_job_id"], []).append(line)
    rows = await tx.fetch(SQL.read_count_jobs, list(count_job_ids))
    return {row["count_job_id"]: CountJob(**dict(row), lines=lines.get(row["count_job_id"], [])) for row in rows}


async def count_job(tx: Tx, count_job_id: UUID) -> CountJob:
    """One job. Raises NotFound."""
    found = (await count_jobs(tx, [count_job_id])).get(count_job_id)
    if found is None:
        raise NotFound(f"There is no count job {show(PREFIX, count_job_id)}.")
    return found


async def page_of_count_jobs(
    tx: Tx, *, after: UUID, at: Sequence[int] | None, ended: bool, limit: int
) -> list[CountJob]:
    """Jobs before `after`, newest first, at these location_ids (None: anywhere); with `ended`, also those over."""
    keys = [row["count_job_id"] for row in await tx.fetch(SQL.list_count_jobs, after, at, ended, limit)]
    found = await count_jobs(tx, keys)
    return [found[key] for key in keys]


async def open_count_job(
    tx: Tx,
    *,
    reference: str,
    location_id: int,
    chosen_by: ChosenBy,
    sku_ids: Sequence[int] = (),
    days: int = 30,
    most: int = COUNT_LINES,
    tolerance_units: int,
    tolerance_percent: int,
    actor: str,
    now: datetime,
) -> CountJob:
    """Open a job for a list of SKUs, or for those at the location that were not counted for so many days, that kept
    losing units in them, or that came to nothing in them; `most` at a time.

    The same reference again is the same job. Raises Invalid when there is nothing to count, BodyDiffers when the
    reference was another job's.
    """
    key = new_id()
    made = await tx.fetchval(
        SQL.open_count_job, key, reference, location_id, chosen_by, tolerance_units, tolerance_percent, actor, now
    )
    if made is None:
        found = await count_job(tx, await tx.fetchval(SQL.count_job_named, reference))
        said = (found.location_id, found.chosen_by, found.tolerance_units, found.tolerance_percent)
        other = chosen_by == "list" and {line.sku_id for line in found.lines} != set(sku_ids)
        if other or said != (location_id, chosen_by, tolerance_units, tolerance_percent):
            raise BodyDiffers(f"The count job {reference!r} was another before. Another needs a reference of its own.")
        return found
    chosen = list(dict.fromkeys(sku_ids))
    if chosen_by != "list":
        rule = {"not_counted": SQL.not_counted, "losing": SQL.losing, "zero": SQL.at_zero}[chosen_by]
        chosen = [row["sku_id"] for row in await tx.fetch(rule, location_id, now - timedelta(days=days), most)]
    if not chosen:
        raise Invalid([Fault("/by", "There is nothing to count by this rule.")])
    await tx.execute(SQL.add_count_lines, key, chosen)
    return await count_job(tx, key)


async def enter_count(
    tx: Tx,
    *,
    count_job_id: UUID,
    sku_id: int,
    counted: int,
    counted_at: datetime | None = None,
    claimants: Claimants,
    actor: str,
    now: datetime,
) -> CountLine:
    """Somebody has counted a shelf, at `counted_at` or now. The line as it is then.

    Raises NotFound; Conflict when the job is over or the shelf is booked already; Invalid for a time to come.
    """
    at = counted_at or now
    if at > now:
        raise Invalid([Fault("/counted_at", "Nobody has counted yet at a time to come.")])
    job, line = await _locked(tx, count_job_id, sku_id)
    if line.state not in ("to_count", "to_recount"):
        raise Conflict("This shelf is counted already.")
    if line.counted_at is not None and at < line.counted_at:
        raise Conflict("It was counted again after that.")
    book = await _book(tx, job, sku_id, at)
    difference = counted - book
    agrees = line.state == "to_recount" and difference == line.difference
    state: LineState = "booked" if agrees or job.tolerates(difference, book) else _doubt(line)
    problem = ""
    if state == "booked":
        try:
            async with tx.transaction():  # what cannot be booked now waits for somebody who can decide
                await _count(tx, job, sku_id, counted, at, claimants, actor, now)
        except StartAgain:
            raise
        except Conflict as error:
            state, problem = "to_approve", error.detail[:500]
    await tx.execute(
        SQL.write_count, count_job_id, sku_id, state, counted, at, actor, difference, line.difference, problem
    )
    await tx.execute(SQL.end_count_job_when_done, count_job_id, now)
    return (await count_job(tx, count_job_id)).line(sku_id)


async def approve_count(
    tx: Tx, *, count_job_id: UUID, sku_id: int, claimants: Claimants, actor: str, now: datetime
) -> CountLine:
    """Book a count that differs much, as of when it was counted. Booked before, nothing happens.

    Raises NotFound, or Conflict when it is not counted, the job is over, or it cannot be booked.
    """
    job, line = await _locked(tx, count_job_id, sku_id)
    if line.state == "booked":
        return line
    if line.counted is None or line.counted_at is None:
        raise Conflict("Nobody has counted this shelf yet.")
    await _count(tx, job, sku_id, line.counted, line.counted_at, claimants, actor, now)
    await tx.execute(SQL.approve_count, count_job_id, sku_id, actor)
    await tx.execute(SQL.end_count_job_when_done, count_job_id, now)
    return (await count_job(tx, count_job_id)).line(sku_id)


async def recount(tx: Tx, *, count_job_id: UUID, sku_id: int) -> CountLine:
    """Have a shelf counted once more instead of approving it. Raises NotFound, or Conflict when it does not wait."""
    _, line = await _locked(tx, count_job_id, sku_id)
    if line.state != "to_recount" and await tx.execute(SQL.recount, count_job_id, sku_id) != "UPDATE 1":
        raise Conflict("This shelf does not wait for approval.")
    return (await count_job(tx, count_job_id)).line(sku_id)


async def end_count_job(tx: Tx, *, count_job_id: UUID, state: Literal["closed", "canceled"], now: datetime) -> CountJob:
    """Close it: what nobody has counted is skipped; or cancel it: what waits for a decision is skipped too. What is
    booked stays booked. Again, nothing happens.

    Raises NotFound, or Conflict when counts wait for a decision, or it ended otherwise.
    """
    await tx.execute(SQL.lock_count_job, count_job_id)
    found = await count_job(tx, count_job_id)
    if found.state == state:
        return found
    if found.state != "open":
        raise Conflict(f"It is {found.state} already.")
    waiting = [line.sku for line in found.lines if line.state in ("to_recount", "to_approve")]
    if waiting and state == "closed":
        raise Conflict(f"Counts of {', '.join(waiting[:5])} differ much: count them again, or approve them.")
    left = ["to_count"] if state == "closed" else ["to_count", "to_recount", "to_approve"]
    await tx.execute(SQL.skip_uncounted, count_job_id, left)
    await tx.execute(SQL.end_count_job, count_job_id, state, now)
    return await count_job(tx, count_job_id)


async def _locked(tx: Tx, count_job_id: UUID, sku_id: int) -> tuple[CountJob, CountLine]:
    """The job and a line of it, locked before any order or stock. Raises NotFound, or Conflict when it is over."""
    await tx.execute(SQL.lock_count_job, count_job_id)
    job = await count_job(tx, count_job_id)
    line = job.line(sku_id)
    if job.state != "open" and line.state != "booked":
        raise Conflict(f"This job is {job.state}.")
    return job, line


def _doubt(line: CountLine) -> LineState:
    return "to_recount" if line.state == "to_count" else "to_approve"


async def _book(tx: Tx, job: CountJob, sku_id: int, at: datetime) -> int:
    """What the book says of a shelf as of then; where there is none, nothing."""
    key = (sku_id, job.location_id)
    found: Mapping[tuple[int, int], int] = await since_count(tx, [key], at)
    shelf = (await shelves(tx, [key])).get(key)
    return (shelf.on_hand if shelf else 0) - found.get(key, 0)


async def _count(
    tx: Tx, job: CountJob, sku_id: int, counted: int, at: datetime, claimants: Claimants, actor: str, now: datetime
) -> None:
    await count(
        tx,
        reference=f"count-job:{job.count_job_id.hex}",
        counted={(sku_id, job.location_id): counted},
        counted_at=at,
        claimants=claimants,
        actor=actor,
        now=now,
    )
