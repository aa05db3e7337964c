"""A mail as it is written for the wire: quickly, and as the standard library would."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest

from doorstep.adapters.messages import smtp
from doorstep.updates.compose import mail
from tests.updates.test_compose import CASES, HEAD, letter


@pytest.mark.parametrize(("kind", "data", "locale"), CASES)
@pytest.mark.parametrize(
    "name", ["Ada Lovelace", "Zoë <Quayside & Sons>", 'Lovelace, "Ada"', "Ada\r\nBcc: all@example.test"]
)
def test_a_mail_is_written_the_same_whether_quickly_or_by_the_book(
    kind: str, data: dict[str, Any], locale: str, name: str
) -> None:
    message = mail(letter(kind, data, locale, name=name), HEAD, to="zoe@example.test")
    by_the_book = smtp._parsed(message)
    assert smtp.envelope(message) == by_the_book
    assert by_the_book[1] == ["zoe@example.test"]
    if name == "Ada Lovelace" and message["Subject"].isascii():
        assert smtp._simple(message) is not None


def test_a_mail_of_another_form_is_written_by_the_book() -> None:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Message-ID"] = "a@example.test", "b@example.test, c@example.test", "<1@x>"
    message.set_content("Grüße")
    assert smtp._simple(message) is None
    sender, recipients, content = smtp.envelope(message)
    assert (sender, recipients) == ("a@example.test", ["b@example.test", "c@example.test"])
    read = message_from_bytes(content, policy=SMTP)
    assert isinstance(read, EmailMessage)
    assert read.get_content() == "Grüße\n"
