"""What messages say: every kind, in every language, as text, HTML and text message."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from importlib.resources import files
from typing import Any, get_args

import pytest
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from doorstep.kit.ids import new_id, show
from doorstep.kit.templates import LANGUAGES, translations
from doorstep.updates.compose import mail, sources, text_message
from doorstep.updates.model import Kind, Letterhead
from doorstep.updates.store import Letter

HEAD = Letterhead(base_url="https://shop.example", sender="orders@shop.example", secret="s")
GSM = set(
    "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqr"
    "stuvwxyzäöñüà"
)
GSM_TWICE = set("^{}\\[~]|€")  # these take two places
NEW_DATE = {"version": 2, "promised_by": "2026-12-10T18:00:00Z", "was_promised_by": "2026-12-08T18:00:00Z"}
VARIANTS: Mapping[str, list[dict[str, Any]]] = {
    "placed": [
        {"short": False},
        {"short": True},
        {"short": False, "awaited": True},
        {"short": False, "exchange_of": "489000"},
    ],
    "payment_declined": [{"attempt": 1, "next_at": "2026-12-02T13:00:00Z"}],
    "on_hold": [{"reason": "incorrect_address"}, {"reason": "awaiting_personalization_proof"}],
    "canceled": [
        {"by_payment": True, "everything": True, "amount_minor": 123_456},
        {"by_payment": False, "everything": True, "amount_minor": 123_456},
        {"by_payment": False, "everything": False, "amount_minor": 123_456},
        {"by_payment": False, "everything": True, "amount_minor": 0, "exchange_of": "489000"},
    ],
    "address_changed": [{}],
    "backordered": [
        NEW_DATE | {"cause": "short pick"},
        NEW_DATE | {"cause": "supply_late"},
        NEW_DATE | {"cause": "release_late"},
        NEW_DATE | {"cause": "-", "promised_by": None},
    ],
    "late": [
        NEW_DATE | {"cause": "carrier_delay"},
        NEW_DATE | {"cause": "attempt_failed", "promised_by": None, "was_promised_by": None},
    ],
    "sooner": [NEW_DATE | {"cause": "supply_early"}, NEW_DATE | {"cause": "-", "was_promised_by": None}],
    "date_known": [NEW_DATE | {"cause": "-", "was_promised_by": None}],
    "in_stock": [{}],
    "shipped": [{"tracking_number": "SBX123"}],
    "lost": [{"amount_minor": 123_456}, {"amount_minor": 0, "exchange_of": "489000"}],
    "came_back": [{"amount_minor": 123_456}, {"amount_minor": 0, "exchange_of": "489000"}],
    "delivered": [{}],
    "return_requested": [
        *({"return_id": "-", "handover": handover} for handover in ("label", "qr", "store")),
        {"return_id": "-", "handover": "label", "exchange_number": "489434-X1"},
    ],
    "return_label": [{"return_id": "-", "tracking_number": "SBX123"}],
    "return_received": [
        {"return_id": "-", "refund_minor": 123_456},
        {"return_id": "-", "refund_minor": 0},
        {"return_id": "-", "refund_minor": 0, "exchanged_minor": 5},
    ],
    "return_declined": [{"return_id": "-"}],
    "return_expired": [{"return_id": "-"}],
    "refunded": [{"amount_minor": 123_456}],
    "goodwill": [{"amount_minor": 500}],
}
CASES = [(kind, data, locale) for kind, many in VARIANTS.items() for data in many for locale in ("en", "de", "de_AT")]


def letter(kind: str, data: dict[str, Any], locale: str = "en", **changes: Any) -> Letter:
    facts: dict[str, Any] = {
        "update_id": new_id(), "order_id": new_id(), "kind": kind, "channel": "email", "locale": locale, "data": data,
        "bad_news": False, "status": "wanted", "number": "489434", "currency": "GBP", "total_minor": 123_456,
        "promised_by": datetime(2026, 12, 8, 18, 0, tzinfo=UTC), "name": "Zoë <Quayside & Sons>",
        "email": "zoe@example.test", "phone": "+447700900123", "shop": "Ridge & Vale", "brand": "main",
        "return_number": "R-1001", "exchange_of": data.get("exchange_of"),
        "refund_by": datetime(2026, 12, 24, 0, 0, tzinfo=UTC),
        "items": [["Heart T-light holder & plate", 12]], "timezone": "Europe/London",
        "now": datetime(2026, 12, 1, 9, 0, tzinfo=UTC),
    }  # fmt: skip
    return Letter(**{**facts, **changes})


def parts(message: EmailMessage) -> tuple[str, str]:
    read = message_from_bytes(message.as_bytes(), policy=SMTP)
    assert isinstance(read, EmailMessage)
    text, html = read.get_body(("plain",)), read.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


def test_every_kind_is_tried_here_and_has_its_template() -> None:
    assert set(VARIANTS) == set(get_args(Kind)) == {name[:-6] for name in sources() if name.endswith(".jinja")}


@pytest.mark.parametrize(("kind", "data", "locale"), CASES)
def test_every_message_says_the_same_in_text_and_html_and_leads_to_the_order(
    kind: str, data: dict[str, Any], locale: str
) -> None:
    told = letter(kind, data, locale)
    message = mail(told, HEAD, to="zoe@example.test")
    text, html = parts(message)
    link = re.findall(r"https://shop\.example/o/main\.[A-Za-z0-9_-]{36}", text)
    assert link
    assert f'href="{link[0]}"' in html
    assert str(message["Subject"]) in html.replace("&amp;", "&").replace("\xa0", " ")
    assert "Zoë <Quayside & Sons>" in text
    assert "Zoë &lt;Quayside &amp; Sons&gt;" in html
    assert "12 × Heart T-light holder & plate" in text
    assert "None" not in text + html
    assert "{{" not in text + html
    assert all(len(line) <= 78 for line in text.splitlines() if not line.startswith(("https://", "- ")))


@pytest.mark.parametrize(("kind", "data", "locale"), CASES)
def test_a_text_message_is_one_message_of_the_phones_own_alphabet(kind: str, data: dict[str, Any], locale: str) -> None:
    text = text_message(letter(kind, data, locale, currency="EUR"), HEAD)
    assert set(text) <= GSM | GSM_TWICE
    assert len(text) + sum(character in GSM_TWICE for character in text) <= 160
    assert text.startswith("Ridge & Vale: ")
    assert "https://shop.example/o/main." in text


def test_a_mail_is_addressed_identified_and_threaded() -> None:
    told = letter("shipped", {"tracking_number": "SBX123"}, "de")
    first, again = (mail(told, HEAD, to="zoe@example.test") for _ in range(2))
    assert first["Message-ID"] == again["Message-ID"] == f"<{show('upd', told.update_id)}@shop.example>"
    assert first["References"] == f"<{show('ord', told.order_id)}@shop.example>"
    assert [address.addr_spec for address in first["To"].addresses] == ["zoe@example.test"]
    assert first["From"].addresses[0].display_name == "Ridge & Vale"
    assert first["Content-Language"] == "de"


def test_a_line_break_in_a_name_adds_no_header() -> None:
    message = mail(letter("delivered", {}, name="Eve\r\nBcc: all@example.test"), HEAD, to="eve@example.test")
    assert message["Bcc"] is None


def test_dates_and_amounts_are_written_as_the_reader_writes_them() -> None:
    bad = letter("late", NEW_DATE | {"cause": "carrier_delay"})
    assert re.search("comes by Thursday,? 10 December 2026$", mail(bad, HEAD, to="a@b.test")["Subject"])
    german = mail(letter("late", NEW_DATE | {"cause": "carrier_delay"}, "de"), HEAD, to="a@b.test")
    assert german["Subject"].endswith("kommt bis Donnerstag, 10. Dezember 2026")
    assert "£1,234.56" in mail(letter("refunded", {"amount_minor": 123_456}), HEAD, to="a@b.test")["Subject"]
    german = mail(letter("refunded", {"amount_minor": 123_456}, "de", currency="EUR"), HEAD, to="a@b.test")
    assert "1.234,56 €" in german["Subject"]
    yen = mail(letter("refunded", {"amount_minor": 1_234}, currency="JPY"), HEAD, to="a@b.test")
    assert "¥1,234" in yen["Subject"]


def test_the_day_is_that_of_the_shops_clock() -> None:
    late = letter("shipped", {"tracking_number": "1"}, promised_by=datetime(2026, 7, 1, 23, 30, tzinfo=UTC))
    assert re.search("Thursday,? 2 July 2026", parts(mail(late, HEAD, to="a@b.test"))[0])


def test_bad_news_stands_before_the_thanks() -> None:
    text, _ = parts(mail(letter("placed", {"short": True}), HEAD, to="a@b.test"))
    assert text.splitlines()[2].startswith("A part of your order is not in stock")


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_every_sentence_is_translated_and_no_translation_is_left_over(language: str) -> None:
    options = {"trimmed": "true", "trim_blocks": "true", "lstrip_blocks": "true"}
    said = {
        message
        for source in sources().values()
        for _, _, message, _ in babel_extract(io.BytesIO(source.encode()), ("gettext", "ngettext"), [], options)
    }
    with files("doorstep.updates").joinpath("locale", f"{language}.po").open("rb") as file:
        catalog = {message.id: message for message in read_po(file, locale=language) if message.id}
    assert said == set(catalog)
    for sentence, message in catalog.items():
        assert message.string
        assert sorted(re.findall(r"%\(\w+\)s", str(sentence))) == sorted(re.findall(r"%\(\w+\)s", str(message.string)))
        assert translations("doorstep.updates", language).gettext(str(sentence)) == message.string


def test_an_unknown_language_is_told_in_english() -> None:
    assert mail(letter("delivered", {}, "fr_CA"), HEAD, to="a@b.test")["Subject"] == "Your order 489434 was delivered"
    assert mail(letter("delivered", {}, "xx"), HEAD, to="a@b.test")["Subject"] == "Your order 489434 was delivered"


def test_an_address_that_mail_cannot_carry_is_an_error_and_not_another_address() -> None:
    with pytest.raises(UnicodeEncodeError):
        mail(letter("delivered", {}), HEAD, to="zoë@example.test")
    message = mail(letter("delivered", {}), HEAD, to="zoe@example.test\r\nBcc: all@example.test")
    assert message["Bcc"] is None
