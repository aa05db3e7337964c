"""The mailbox's pages: what stands where, and that nothing a sender writes can do more than stand there."""

from __future__ import annotations

import asyncio
import re
import smtplib
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorstep.adapters.messages.sandbox import contents
from doorstep.adapters.messages.sandbox.pages import opening_elsewhere
from doorstep.adapters.messages.sandbox.reading import read
from doorstep.adapters.twin.store import Store
from tests.support.twins import Twin
from tests.support.waiting import eventually

TWIN = "doorstep.adapters.messages.sandbox"
HOSTILE = "</title></bdi><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7 * 7 }}"
BROKEN = {
    "a charset nobody knows": b"Subject: =?x-none?q?caf=C3=A9?=\nContent-Type: text/plain; charset=x-none\n\n\xc3\xa9",
    "a codec that is none": b"Subject: =?hex?q?AB?=\nContent-Type: text/plain; charset=hex\n\nABCD",
    "bytes that are no UTF-8": b"Subject: caf\xe9 \xff\nContent-Type: text/html; charset=utf-8\n\n<p>\xff\xfe\xe9",
    "base64 that is none": b"Subject: =?utf-8?b?!?= x\nContent-Transfer-Encoding: base64\n\n!!!!",
    "half a letter": b"Subject: =?utf-16?b?ANg=?=\nContent-Type: text/plain; charset=utf-7\n\n+2AA-",
    "no date of any calendar": b"Subject: when?\nDate: Tue, 99 Foo 9999999 25:61:61 +9999\n\nx",
    "the first moment there is": b"Subject: when?\nDate: Mon, 1 Jan 0001 00:00:00 +1400\n\nx",
    "an address that is none": b'Subject: who?\nTo: <<<>>>@,;:,"\nFrom: \n\nx',
    "no header at all": b"\n\nnothing",
    "nothing": b"",
    "parts without an end": b'Subject: parts\nContent-Type: multipart/mixed; boundary="a"\n\n--a\n--a\n--a',
    "parts in parts in parts": b"Subject: deep\n"
    + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(1_200)),
    "control characters": b"Subject: =?utf-8?q?a=00=1B[31m=7F=C2=9B?=\n\n\x00\x1b[31m\x0c",
    "letters that turn the line around": "Subject: =?utf-8?b?4oCuZXhl?=\n\n\u202egpj.exe".encode(),
}


class Seen(HTMLParser):
    """Every tag of a page with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def links(self, rel: str | None = None) -> list[str]:
        return [str(each["href"]) for tag, each in self.tags if tag == "a" and rel in (None, each.get("rel"))]


def browse(twin: Twin, path: str, status: int = 200, **query: str | int) -> httpx2.Response:
    """What a browser gets."""
    answer = httpx2.get(twin.url + path, params=query or None, trust_env=False, timeout=15.0)
    assert answer.status_code == status, answer.text
    return answer


def page(twin: Twin, path: str = "/", **query: str | int) -> str:
    return browse(twin, path, 200, **query).text


def post(twin: Twin, *mails: bytes | EmailMessage, to: str = "zoe@example.test") -> None:
    """Hand mails over by SMTP, bytes as they are."""
    with smtplib.SMTP("127.0.0.1", int(twin.smtp_url.rpartition(":")[2])) as server:
        for mail in mails:
            raw = mail if isinstance(mail, bytes) else mail.as_bytes()
            server.sendmail("shop@example.test", [to], raw.replace(b"\n", b"\r\n"))


def text(twin: Twin, body: str, to: str = "+447700900123", sender: str = "Shop") -> None:
    answer = httpx2.post(
        twin.url + "/v1/messages",
        data={"To": to, "From": sender, "Body": body},
        headers={"idempotency-key": f"t{abs(hash((body, to)))}"},
        auth=("doorstep", "sandbox"),
        trust_env=False,
    )
    assert answer.status_code == 201, answer.text


def mail(subject: str, *, to: str = "Zoë <zoe@example.test>", html: str = "", body: str = "Hello,\n\nwords\n") -> bytes:
    message = EmailMessage()
    for name, value in {"From": "Shop <shop@example.test>", "To": to, "Subject": subject}.items():
        message[name] = value
    message["Date"] = "Tue, 03 Nov 2026 15:02:00 +0100"
    message.set_content(body)
    message["Content-Language"] = "de"
    if html:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()


def subjects(html: str) -> list[str]:
    return re.findall(r'class="subject".*?<bdi[^>]*>(.*?)</bdi>', html)


def expect_harmless(html: str) -> None:
    """No script, no handler, no style and no address elsewhere but in a link that opens a tab of its own."""
    for tag, attributes in Seen(html).tags:
        assert tag not in ("script", "object", "embed", "base", "style"), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcdoc")], attributes
        for name in ("src", "href", "action", "data"):
            address = attributes.get(name) or ""
            if urlsplit(address).scheme or address.startswith("//"):
                assert tag == "a", (tag, attributes)
                assert urlsplit(address).scheme in ("http", "https", "mailto")
                assert attributes["target"] == "_blank"
                assert "noreferrer" in str(attributes["rel"])


def policy(answer: httpx2.Response) -> Mapping[str, str]:
    parts = [part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";")]
    return {name: value for name, _, value in parts}


def test_an_empty_mailbox_says_how_to_get_a_first_message(messages_twin: Twin) -> None:
    html = page(messages_twin)
    assert "Nothing has arrived yet" in html
    assert f"curl {messages_twin.smtp_url} -T -" in html
    post(messages_twin, b"To: you@example.test\nSubject: Hello\n\nIt works.\n")
    assert subjects(page(messages_twin)) == ["Hello"]


def test_the_list_says_who_got_what_and_when(messages_twin: Twin) -> None:
    text(messages_twin, "before any mail")
    body = "Guten Tag Zoë,\n\ndas Paket kommt.\n"
    post(messages_twin, mail("Ihre Bestellung 489434 ist unterwegs – schöne Grüße", body=body))
    text(messages_twin, "Shop: order 489435 was delivered.")
    html = page(messages_twin)
    assert subjects(html) == [
        "Shop: order 489435 was delivered.",
        "Ihre Bestellung 489434 ist unterwegs – schöne Grüße",
        "before any mail",
    ]
    assert '<bdi class="name">Zoë</bdi> <bdi class="address">zoe@example.test</bdi>' in html
    assert '<bdi class="name">+447700900123</bdi>' in html
    assert '<bdi class="preview" lang="de">das Paket kommt.</bdi>' in html
    assert html.count('<time datetime="2026-11-03T14:02:00+00:00">') == 2, "a text message has the mail's before it"
    assert "no date" in html, "before the first mail there is no time to go by"
    tags = [link for link in Seen(html).links() if link.startswith("/?q=")]
    assert tags == ["/?q=489435", "/?q=489434"]


def test_the_pages_of_the_list_show_every_message_once_both_ways(messages_twin: Twin) -> None:
    post(messages_twin, *[mail(f"Number {number}") for number in range(1, 121)])
    pages = [page(messages_twin)]
    while older := Seen(pages[-1]).links("next"):
        pages.append(page(messages_twin, older[0]))
    assert [len(subjects(each)) for each in pages] == [50, 50, 20]
    assert [each for shown in pages for each in subjects(shown)] == [f"Number {number}" for number in range(120, 0, -1)]
    assert "101–120 of 120" in pages[2]
    back = [page(messages_twin, Seen(pages[2]).links("prev")[0])]
    while newer := Seen(back[-1]).links("prev"):
        back.append(page(messages_twin, newer[0]))
    assert [subjects(each) for each in back] == [subjects(pages[1]), subjects(pages[0])]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "ADA@"}, ["Rechnung", "Größe 3"]),
        ({"q": "GRÖSSE"}, ["Größe 3"]),
        ({"q": "Gro\u0308ße"}, ["Größe 3"]),
        ({"q": "bob"}, ["Order 4711 left"]),
        ({"q": "4711"}, ["Your order 4711 is here", "Order 4711 left"]),
        ({"q": "%"}, []),
        ({"q": "' OR 1=1 --"}, []),
        ({"kind": "sms"}, ["Your order 4711 is here"]),
        ({"kind": "sms", "q": "ada"}, []),
        ({"kind": "fax"}, ["Your order 4711 is here", "Order 4711 left", "Rechnung", "Größe 3"]),
        ({"to": "Ada@Example.Test"}, ["Rechnung", "Größe 3"]),
        ({"to": "ada"}, []),
        ({"before": "9" * 30, "after": "x"}, ["Your order 4711 is here", "Order 4711 left", "Rechnung", "Größe 3"]),
    ],
)
def test_a_search_finds_addresses_subjects_and_order_numbers(
    messages_twin: Twin, query: dict[str, str], found: Sequence[str]
) -> None:
    post(messages_twin, mail("Größe 3", to="ada@example.test"), mail("Rechnung", to="Bo"), to="ada@example.test")
    post(messages_twin, mail("Order 4711 left", to="bob@example.test"), to="bob@example.test")
    text(messages_twin, "Your order 4711 is here")
    html = page(messages_twin, **query)
    assert subjects(html) == list(found)
    assert ("Nothing found" in html) == (not found)


def test_a_message_has_its_own_page_with_its_neighbors_to_the_same_person(messages_twin: Twin) -> None:
    post(messages_twin, mail("One"), mail("Two", html="<p>Zwei"))
    post(messages_twin, mail("Between", to="bob@example.test"), to="bob@example.test")
    post(messages_twin, mail("Three"))
    html = page(messages_twin, "/messages/2")
    assert "<title>Two · to zoe@example.test · Mailbox</title>" in html
    assert "Message 2 of 3<" in html
    assert "Shop &lt;shop@example.test&gt;" in html
    assert Seen(html).links("prev") == ["/messages/1?view=html&width=desktop&scheme=auto"]
    assert Seen(html).links("next") == ["/messages/4?view=html&width=desktop&scheme=auto"]
    assert subjects(page(messages_twin, "/", to="zoe@example.test")) == ["Three", "Two", "One"]


def test_a_mail_is_shown_as_html_text_or_source_in_two_widths_and_both_schemes(messages_twin: Twin) -> None:
    post(messages_twin, mail("Two", html="<p>Zwei</p>", body="see https://shop.example.test/o/1\n"), mail("Plain"))
    html = page(messages_twin, "/messages/1")
    (frame,) = [each for tag, each in Seen(html).tags if tag == "iframe"]
    assert frame["src"] == "/messages/1/html"
    assert frame["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
    assert page(messages_twin, "/messages/1/html").strip() == "<p>Zwei</p>"
    html = page(messages_twin, "/messages/1", width="phone", scheme="dark")
    assert 'class="device phone"' in html
    assert 'class="dark" src=' in html
    words = page(messages_twin, "/messages/1", view="text")
    assert '<a href="https://shop.example.test/o/1" rel="noopener noreferrer" target="_blank">' in words
    assert "Content-Language: de" in page(messages_twin, "/messages/1", view="source")
    assert "<iframe" not in page(messages_twin, "/messages/2", view="html"), "a mail without HTML is shown as text"
    browse(messages_twin, "/messages/2/html", 404)


def test_a_text_message_is_a_bubble_on_a_phone(messages_twin: Twin) -> None:
    text(messages_twin, "Shop: it left.\nhttps://shop.example.test/o/1 <b>")
    html = page(messages_twin, "/messages/1")
    link = '<a href="https://shop.example.test/o/1" rel="noopener noreferrer" target="_blank">'
    assert f'<p class="bubble" dir="auto">Shop: it left.\n{link}' in html
    assert "&lt;b&gt;" in html
    assert "Body=Shop%3A" in page(messages_twin, "/messages/1", view="source")


def test_nothing_a_sender_writes_leaves_its_place(messages_twin: Twin) -> None:
    post(messages_twin, mail(HOSTILE, to=f'"{HOSTILE[:20]}" <zoe@example.test>', body=HOSTILE, html=HOSTILE))
    text(messages_twin, HOSTILE, sender=HOSTILE)
    for path in ("/", "/messages/1", "/messages/1?view=text", "/messages/1?view=source", "/messages/2", "/?q=%3Cb%3E"):
        html = page(messages_twin, path)
        expect_harmless(html)
        assert "alert(1)</script>" not in html
        assert "49" not in re.sub(r"\d{3,}", "", html), "nothing is rendered twice"
    expect_harmless(page(messages_twin, "/", q=HOSTILE, to=HOSTILE))


def test_an_encoded_line_end_makes_no_header_of_ours(messages_twin: Twin) -> None:
    post(messages_twin, b"Subject: =?utf-8?q?Hello=0D=0ASet-Cookie:_a=3Db?=\nTo: zoe@example.test\n\nx")
    for path in ("/", "/messages/1", "/?q=a%0d%0aSet-Cookie:%20a=b", "/?to=a%0d%0aSet-Cookie:%20a=b"):
        answer = browse(messages_twin, path)
        assert "set-cookie" not in answer.headers
        assert "Hello\n" not in answer.text
    assert subjects(page(messages_twin)) == ["Hello Set-Cookie: a=b"]


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
def test_a_mail_that_is_broken_is_shown_all_the_same(messages_twin: Twin, raw: bytes) -> None:
    post(messages_twin, raw, mail("A good one"))
    assert len(subjects(page(messages_twin))) == 2
    for view in ("html", "text", "source"):
        expect_harmless(page(messages_twin, "/messages/1", view=view))
    assert page(messages_twin, "/messages/2")


shallow = st.sampled_from([raw for name, raw in BROKEN.items() if name != "parts in parts in parts"])


@settings(max_examples=300, deadline=None)
@given(raw=st.one_of(st.binary(max_size=300), st.tuples(shallow, st.binary()).map(b"".join)))
def test_no_bytes_are_too_strange_to_be_read(raw: bytes) -> None:
    for kind in ("mail", "sms"):
        said = read(kind, raw, "a\ud800b")
        written = [said.sender, said.to, said.name, said.subject, said.text, said.source, said.html or ""]
        assert all(each.encode() is not None for each in written), "what cannot be encoded cannot be answered"
        assert not any("\n" in each for each in written[:4])


def test_a_huge_message_is_cut_in_the_list_and_on_its_page(messages_twin: Twin) -> None:
    post(
        messages_twin, mail("S " * 25_000, body=("word " * 80 + "\n") * 2_000, html="<p>" + ("x" * 900 + "\n") * 3_400)
    )
    text(messages_twin, "T" * 300_000)
    assert len(page(messages_twin)) < 20_000
    for path in ("/messages/1?view=text", "/messages/1?view=source", "/messages/2"):
        html = page(messages_twin, path)
        assert len(html) < 250_000
        assert "Download the whole message" in html
    assert len(page(messages_twin, "/messages/1/html")) >= 3_000_000


def test_a_page_loads_nothing_from_elsewhere_and_is_in_nobodys_frame(messages_twin: Twin) -> None:
    post(messages_twin, mail("Two", html="<p>Zwei</p>"))
    for path, status in (("/", 200), ("/messages/1", 200), ("/messages/9", 404), ("/messages/9/html", 404)):
        answer = browse(messages_twin, path, status)
        allowed = policy(answer)
        assert allowed["default-src"] == "'none'"
        assert allowed["frame-ancestors"] == "'none'"
        assert allowed["style-src"] == allowed["form-action"] == allowed["frame-src"] == "'self'"
        assert "script-src" not in allowed
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        html = answer.text
        expect_harmless(html)
        assert '<html lang="en">' in html
    for path, kind in (("/mailbox.css", "text/css"), ("/mailbox.svg", "image/svg+xml")):
        answer = browse(messages_twin, path)
        assert answer.headers["content-type"].startswith(kind)
        assert "url(" not in answer.text
        assert "@import" not in answer.text


def test_a_mail_is_in_a_sandbox_wherever_it_is_opened(messages_twin: Twin) -> None:
    post(messages_twin, mail("Two", html="<meta charset=latin-1><p>Grüße <script>alert(1)</script>"))
    answer = browse(messages_twin, "/messages/1/html")
    allowed = policy(answer)
    assert allowed["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
    assert allowed["default-src"] == allowed["form-action"] == allowed["base-uri"] == "'none'"
    assert allowed["img-src"] == "data:"
    assert allowed["frame-ancestors"] == "'self'"
    assert answer.headers["content-type"] == "text/html; charset=utf-8", "ours goes before the mail's own"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "Grüße" in answer.text


@pytest.mark.parametrize(
    ("written", "opens"),
    [
        ('<a href="/x">', '<a target=_blank rel=noreferrer  href="/x">'),
        ('<A\nTARGET="_top" href=x>', '<A target=_blank rel=noreferrer \nTARGET="_top" href=x>'),
        (
            "<a/href=x><area href=y>",
            "<a target=_blank rel=noreferrer /href=x><area target=_blank rel=noreferrer  href=y>",
        ),
        ("<abbr>a < b</abbr><article>", "<abbr>a < b</abbr><article>"),
    ],
)
def test_links_of_a_mail_open_in_a_tab_of_their_own(written: str, opens: str) -> None:
    assert opening_elsewhere(written) == opens


@pytest.mark.parametrize("number", ["1", "0", "-1", "x", "²", "9" * 30, "1e3", "%00", "..%2f"])
def test_a_message_that_is_not_there_has_a_page_that_says_so(messages_twin: Twin, number: str) -> None:
    html = browse(messages_twin, f"/messages/{number}", 404).text
    assert "There is no such message" in html
    assert '<a class="button" href="/">' in html


def test_a_reset_empties_the_list_though_numbers_start_again(messages_twin: Twin) -> None:
    post(messages_twin, mail("Old"), mail("Older"))
    assert len(subjects(page(messages_twin))) == 2
    messages_twin.reset()
    assert subjects(page(messages_twin)) == []
    post(messages_twin, mail("New"))
    assert subjects(page(messages_twin)) == ["New"]


async def test_what_arrives_is_entered_though_nobody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "ENTER_EVERY_S", 0.01)
    store = Store(tmp_path / "state.sqlite", TWIN)
    for number in range(contents.BATCH + 1):
        store.run("add_message", kind="mail", reference=str(number), sender="", raw=b"Subject: Hello\n\nx")
    working = asyncio.create_task(contents.keep_up(store))
    await eventually(lambda: contents.line_of(store, contents.BATCH + 1))
    working.cancel()
    await asyncio.wait([working])
    store.close()


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2, definition) of #rrggbb."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_every_color_can_be_read_on_its_ground_in_both_schemes() -> None:
    css = files(TWIN).joinpath("templates", "mailbox.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#\w{6});", block)) for block in re.findall(r":root \{(.*?)\}", css, re.S)
    )
    assert light.keys() == dark.keys()
    read_on = {
        "ink": ("ground", "surface", "sunken", "accent-soft"),
        "quiet": ("ground", "surface", "sunken", "accent-soft"),
        "accent": ("ground", "surface", "sunken", "accent-soft"),
        "told": ("told-soft",),
        "on-accent": ("accent",),
    }
    for scheme in (light, dark):
        weak = {
            (ink, ground): round(contrast(scheme[ink], scheme[ground]), 2)
            for ink, grounds in read_on.items()
            for ground in grounds
            if contrast(scheme[ink], scheme[ground]) < 4.5
        }
        assert not weak
        for ground in ("ground", "surface"):
            assert contrast(scheme["edge"], scheme[ground]) >= 3.0, "the edge of what is typed into or pressed"


def test_headings_do_not_skip_a_level(messages_twin: Twin) -> None:
    post(messages_twin, mail("Two", html="<p>Zwei</p>"))
    for path in ("/", "/messages/1", "/?q=nothing"):
        levels = [int(tag[1]) for tag, _ in Seen(page(messages_twin, path)).tags if re.fullmatch(r"h\d", tag)]
        assert levels[0] == 1
        assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
