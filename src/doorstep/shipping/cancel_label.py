"""Cancel a label: what was bought and will not be used goes back to the carrier, who then charges nothing for it."""

from __future__ import annotations

from doorstep import jobs
from doorstep.db.pool import clock_now
from doorstep.jobs import Work
from doorstep.kit.outcomes import Refused
from doorstep.shipping import store
from doorstep.shipping.ports import Carrier

# The parcel is on its way after all, or the label was never sold: there is nothing to give back.
_NOTHING_TO_DO = frozenset({"already_handed_over", "not_found"})


async def cancel_label(work: Work) -> None:
    """The job, by the label's id. Canceling again is safe, so an unknown outcome is simply tried again.

    A refusal ends it with an exception for a person.
    """
    async with work.brand.reading() as tx:
        label, _ = (await store.labels(tx, [work.job.subject]))[work.job.subject]
    refusal = None
    try:
        await work.port(Carrier, label.carrier).cancel_label(label.label_id.hex)
    except Refused as error:
        refusal = error
    async with work.brand.transaction() as tx:
        await work.finish(tx)
        if refusal is None:
            await store.cancel_label(tx, label.label_id)
        elif refusal.code not in _NOTHING_TO_DO:
            await jobs.open_exception(
                tx,
                kind="label_not_canceled",
                subject=label.label_id,
                order_id=label.order_id,
                owner="shipping",
                next_action="Cancel the label with the carrier, or accept that it is charged.",
                detail={"job": work.job.kind, "carrier": label.carrier, "code": refusal.code, "reason": refusal.reason},
                now=await clock_now(tx),
                priority=3,
            )
