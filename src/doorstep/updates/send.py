"""Send messages: render each, hand it over in one attempt, write down together what was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from doorstep import delivery, jobs
from doorstep.db import Tx
from doorstep.jobs import Done, Errand, Work
from doorstep.kit.outcomes import Refused
from doorstep.updates import store
from doorstep.updates.compose import mail, text_message
from doorstep.updates.model import Letterhead
from doorstep.updates.ports import Mailer, SmsSender
from doorstep.updates.store import JOB, Letter

__all__ = ["JOB", "retry", "send"]


_NO_ADDRESS = "no_address"  # erased since, or never known


async def _read(tx: Tx, works: Sequence[Work]) -> Mapping[Work, Letter]:
    letters = await store.letters(tx, [work.job.subject for work in works])
    return {work: letters[work.job.subject] for work in works if work.job.subject in letters}


async def _call(work: Work, letter: Letter) -> Refused | str | None:
    """Hand it over; why it was not, if it was not.

    Raises Retry and Unknown as the adapters do. After an Unknown the message goes out again under the same Message-ID
    (or reference): hearing something twice is better than never, and mail programs show such a pair once.
    """
    if letter.status != "wanted":
        return None
    address = letter.email if letter.channel == "email" else letter.phone
    if not address:
        return _NO_ADDRESS
    try:
        await _hand_over(work, letter, address)
    except Refused as error:
        return error
    return None


async def _keep(tx: Tx, done: Sequence[Done]) -> None:
    await jobs.finish_all(tx, [one.work for one in done])
    wanted = [one for one in done if one.wish.status == "wanted"]
    sent = [one.wish for one in wanted if one.answer is None]
    sent_at = await store.mark_sent(tx, [letter.update_id for letter in sent])
    told = [letter for letter in sent if letter.update_id in sent_at and "version" in letter.data]
    for letter in sorted(told, key=lambda letter: (letter.order_id, letter.data["version"])):
        await delivery.mark_told(tx, letter.order_id, letter.data["version"], sent_at[letter.update_id])
    for one in wanted:
        if isinstance(one.answer, Refused):
            await _refused(tx, one.wish, one.answer)
        elif one.answer is not None:
            await store.mark_not_sent(tx, one.wish.update_id, refused=False, because=one.answer)


send = Errand(read=_read, call=_call, keep=_keep)
"""The job of an update. No transaction is open while the mail server is spoken to."""


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


async def _refused(tx: Tx, letter: Letter, error: Refused) -> None:
    """This way is closed for good: bad news takes the other way if there is one; else a person must know."""
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
