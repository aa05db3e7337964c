"""Work for later: a return that never comes ends by itself."""

from __future__ import annotations

from doorstep.db.pool import clock_now
from doorstep.jobs import Work
from doorstep.returns.close import expire_now


async def expire(work: Work) -> None:
    """End the return of this job when its time is up; when it got more time, look again then."""
    async with work.brand.transaction() as tx:
        again_at = await expire_now(tx, return_id=work.job.subject, now=await clock_now(tx))
        if again_at is None:
            await work.finish(tx)
        else:
            await work.postpone(tx, again_at)
