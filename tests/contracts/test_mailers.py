"""What every mailer must do: hand over one message in one attempt, and say clearly how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from email.message import EmailMessage
from types import MappingProxyType
from typing import Any

import pytest

from doorstep.kit.outcomes import Refused, Retry, Unknown
from doorstep.updates.ports import Mailer
from tests.support.twins import Twin, first_attempt_only


def mail(number: int = 1, headers: Mapping[str, str] = MappingProxyType({})) -> EmailMessage:
    """A mail in two forms, in more letters than ASCII has."""
    message = EmailMessage()
    given = {
        "From": "Jäger & Söhne <orders@shop.example.test>",
        "To": "Zoë <zoe@example.test>",
        "Subject": f"Ihre Bestellung {number} ist unterwegs – schöne Grüße",
        "Message-ID": f"<upd_{number}@shop.example.test>",
    } | dict(headers)
    for name, value in given.items():
        if value:
            message[name] = value
    message.set_content(
        f"Guten Tag Zoë,\n.\n..zwei Punkte\nBestellung {number}: https://shop.example.test/o/{number}\n"
    )
    message.add_alternative(f"<p>Guten Tag <b>Zoë</b>, Bestellung {number}</p>" + "ä" * 3_000, subtype="html")
    return message


def mailbox(twin: Twin, to: str = "zoe@example.test") -> list[Any]:
    """What arrived."""
    found: list[Any] = twin.get("/sandbox/mailbox", to=to)["messages"]
    return found


async def test_a_mail_arrives_as_it_was_written(mailer: Mailer, messages_twin: Twin) -> None:
    await mailer.send(mail())
    (arrived,) = mailbox(messages_twin)
    assert arrived["kind"] == "mail"
    assert arrived["reference"] == "<upd_1@shop.example.test>"
    assert arrived["sender"] == "orders@shop.example.test"
    assert arrived["to"] == ["zoe@example.test"]
    assert arrived["subject"] == "Ihre Bestellung 1 ist unterwegs – schöne Grüße"
    assert arrived["text"] == "Guten Tag Zoë,\n.\n..zwei Punkte\nBestellung 1: https://shop.example.test/o/1\n"
    assert arrived["html"].startswith("<p>Guten Tag <b>Zoë</b>, Bestellung 1</p>ää")
    assert arrived["headers"]["from"] == "Jäger & Söhne <orders@shop.example.test>"


async def test_mails_sent_at_once_arrive_once_each(mailer: Mailer, messages_twin: Twin) -> None:
    await asyncio.gather(*[mailer.send(mail(number)) for number in range(40)])
    arrived = [each["reference"] for each in mailbox(messages_twin)]
    assert sorted(arrived) == sorted(f"<upd_{number}@shop.example.test>" for number in range(40))


async def test_a_blind_copy_arrives_and_stays_blind(mailer: Mailer, messages_twin: Twin) -> None:
    message = mail(headers={"Bcc": "archive@shop.example.test", "Cc": "Jo <jo@example.test>"})
    await mailer.send(message)
    (kept,) = mailbox(messages_twin, "archive@shop.example.test")
    assert sorted(kept["to"]) == ["archive@shop.example.test", "jo@example.test", "zoe@example.test"]
    assert "bcc" not in kept["headers"]
    assert message["Bcc"] == "archive@shop.example.test", "the caller's message is left as it was"


async def test_a_server_that_cannot_take_it_now_has_surely_not_taken_it(mailer: Mailer, messages_twin: Twin) -> None:
    messages_twin.reset(**first_attempt_only(mail_451=1.0))
    with pytest.raises(Retry):
        await mailer.send(mail())
    assert mailbox(messages_twin) == []
    await mailer.send(mail())
    assert len(mailbox(messages_twin)) == 1


async def test_a_mailbox_that_does_not_exist_is_refused_and_nobody_gets_the_mail(
    mailer: Mailer, messages_twin: Twin
) -> None:
    with pytest.raises(Refused) as refused:
        await mailer.send(mail(headers={"To": "zoe@example.test, nobody@refused.test"}))
    assert refused.value.code == "smtp_550"
    assert "nobody" not in refused.value.reason, "a reason holds no personal data"
    assert mailbox(messages_twin) == []
    await mailer.send(mail())
    assert len(mailbox(messages_twin)) == 1, "the next message is not troubled by the refused one"


async def test_an_answer_that_is_lost_is_unknown_and_the_mail_was_taken_once(
    mailer: Mailer, messages_twin: Twin
) -> None:
    messages_twin.reset(**first_attempt_only(mail_hang_up_after=1.0))
    with pytest.raises(Unknown):
        await mailer.send(mail())
    assert len(mailbox(messages_twin)) == 1


async def test_a_server_that_is_down_has_surely_taken_nothing(mailer: Mailer, messages_twin: Twin) -> None:
    messages_twin.kill()
    with pytest.raises(Retry):
        await mailer.send(mail())


async def test_a_restarted_server_keeps_what_it_took_and_is_used_again(mailer: Mailer, messages_twin: Twin) -> None:
    await mailer.send(mail(1))
    messages_twin.kill()
    messages_twin.start()
    try:
        await mailer.send(mail(2))
    except Retry:  # the kept connection was found dead
        await mailer.send(mail(2))
    assert [each["reference"] for each in mailbox(messages_twin)] == [
        "<upd_1@shop.example.test>",
        "<upd_2@shop.example.test>",
    ]


async def test_a_kill_in_the_middle_of_forty_mails_loses_none_that_was_taken(
    mailer: Mailer, messages_twin: Twin
) -> None:
    async def one(number: int) -> str | None:
        try:
            await mailer.send(mail(number))
        except (Retry, Unknown):
            return None
        return f"<upd_{number}@shop.example.test>"

    sending = [asyncio.ensure_future(one(number)) for number in range(40)]
    await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    messages_twin.kill()
    taken = {reference for reference in await asyncio.gather(*sending) if reference}
    assert 0 < len(taken) < 40, "the kill came at the wrong moment to prove anything"
    messages_twin.start()
    assert taken <= {each["reference"] for each in mailbox(messages_twin)}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Message-ID": ""}, "no_message_id"),
        ({"To": ""}, "no_address"),
        ({"From": ""}, "no_address"),
        ({"To": "zoë@example.test"}, "bad_message"),
        ({"To": "\"'><evil>@example.test"}, "bad_message"),
    ],
)
async def test_a_message_that_cannot_be_sent_is_refused(
    mailer: Mailer, messages_twin: Twin, headers: dict[str, str], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        await mailer.send(mail(headers=headers))
    assert refused.value.code == code
    assert messages_twin.get("/sandbox/ledger")["totals"] == {}
