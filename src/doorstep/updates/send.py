"""Send one message: render it, hand it over in one attempt, write down that it was said."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from doorstep import delivery, jobs
from doorstep.db import Tx
from doorstep.jobs import Work
from doorstep.kit.outcomes import Refused
from doorstep.updates import store
from doorstep.updates.compose import mail, text_message
from doorstep.updates.model import Letterhead
from doorstep.updates.ports import Mailer, SmsSender
from doorstep.updates.store import JOB, Letter

__all__ = ["JOB", "retry", "send"]


async def send(work: Work) -> None:
    """Send the update `work.job.subject`. No transaction is open while the mail server is spoken to.

    Raises Retry and Unknown as the adapters do. After an Unknown the message goes out again under the same Message-ID
    (or reference): hearing something twice is better than never, and mail programs show such a pair once.
    """
    async with work.brand.reading() as connection:
        letter = await store.letter(connection, work.job.subject)
    address = letter.email if letter.channel == "email" else letter.phone
    try:
        if letter.status == "wanted" and address:
            await _hand_over(work, letter, address)
    except Refused as error:
        await _refused(work, letter, error)
        return
    async with work.brand.transaction() as tx:
        await work.finish(tx)
        if letter.status != "wanted":
            return
        if not address:
            # Erased since, or never known.
            await store.mark_not_sent(tx, letter.update_id, refused=False, because="no_address")
            return
        sent_at = await store.mark_sent(tx, letter.update_id)
        if sent_at and "version" in letter.data:
            await delivery.mark_told(tx, letter.order_id, letter.data["version"], sent_at)


async def _hand_over(work: Work, letter: Letter, address: str) -> None:
    letterhead = work.port(Letterhead)
    if letter.channel == "email":
        try:
            message = mail(letter, letterhead, to=address)
        except UnicodeEncodeError as error:
            raise Refused("bad_address", "the address has letters that mail servers do not take") from error
        await work.port(Mailer).send(message)
    else:
        text = text_message(letter, letterhead)
        await work.port(SmsSender).send(reference=str(letter.update_id), to=address, text=text)


async def _refused(work: Work, letter: Letter, error: Refused) -> None:
    """This way is closed for good: bad news takes the other way if there is one; else a person must know."""
    async with work.brand.transaction() as tx:
        await work.finish(tx)
        await store.mark_not_sent(tx, letter.update_id, refused=True)
        other = await store.other_way(tx, letter.update_id) if letter.bad_news else None
        if other:
            await jobs.enqueue(tx, JOB, [other], due_at=letter.now, lanes=[0])
            return
        await jobs.open_exception(
            tx,
            kind="update_refused",
            subject=letter.update_id,
            order_id=letter.order_id,
            owner="customer service",
            next_action="Correct the customer's address and retry, or reach them another way.",
            detail={"kind": letter.kind, "channel": letter.channel, "code": error.code, "reason": error.reason},
            now=letter.now,
            priority=1 if letter.bad_news else 2,
        )


async def retry(tx: Tx, *, update_id: UUID, actor: str, now: datetime) -> bool:
    """Make a refused update wanted again, after its address was corrected. False when it was not refused."""
    if not await store.want_again(tx, update_id):
        return False
    await jobs.reawaken(tx, JOB, update_id, due_at=now)
    await jobs.resolve_exception(tx, kind="update_refused", subject=update_id, by=actor, resolution="retried", now=now)
    return True
