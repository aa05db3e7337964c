"""The messages twin: `python -m doorstep.adapters.messages.sandbox --port N --smtp-port N --state FILE.sqlite ...`."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from email import policy
from email.parser import BytesHeaderParser
from hashlib import blake2b
from urllib.parse import parse_qs

from aiosmtpd.smtp import SMTP, Envelope, Session

from doorstep.adapters.messages.sandbox import contents, mailbox
from doorstep.adapters.messages.sandbox.pages import Pages
from doorstep.adapters.messages.sandbox.post import MAIL_FAULTS, SMS_FAULTS, Arrived, Kept, PostOffice
from doorstep.adapters.twin import process
from doorstep.adapters.twin.server import Answer, Handler, HttpServer, Problem, Request, json_answer
from doorstep.adapters.twin.store import Store

KNOWN_FAULTS = (*MAIL_FAULTS, *SMS_FAULTS)
MAIL_MAX_BYTES = 25_000_000
REFUSED_DOMAIN = "@refused.test"  # a domain whose mailboxes do not exist


class MailHandler:
    """What aiosmtpd calls for each mail."""

    def __init__(self, office: PostOffice) -> None:
        self._office = office

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse mailboxes that do not exist."""
        if address.lower().endswith(REFUSED_DOMAIN):
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the mail; only then say so."""
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        reference = str(BytesHeaderParser(policy=policy.compat32).parsebytes(raw)["Message-ID"] or "").strip()
        kept = await self._office.keep(
            Arrived(
                kind="mail",
                reference=reference or f"<{blake2b(raw, digest_size=16).hexdigest()}@no-message-id>",
                sender=envelope.mail_from or "",
                recipients=tuple(envelope.rcpt_tos),
                raw=raw,
            )
        )
        if kept.fault == "mail_451":
            return "451 4.3.0 Sandbox fault: try again later"
        if kept.fault == "mail_hang_up_after":
            if isinstance(server.transport, asyncio.Transport):
                server.transport.abort()
            raise ConnectionResetError("sandbox fault: hung up after keeping the mail")
        return f"250 2.0.0 Kept as {kept.number}"


class MessagesTwin:
    """The HTTP handlers."""

    def __init__(self, store: Store, office: PostOffice, api_key: str) -> None:
        self._store = store
        self._office = office
        self._started_with = office.faults
        self._api_key = api_key

    def routes(self) -> list[tuple[str, str, Handler]]:
        """What the twin answers to; `/sandbox/...` is for drivers and tests, a real provider has none of it."""
        return [
            ("POST", "/v1/messages", self._text),
            ("GET", "/sandbox/mailbox", self._mailbox),
            ("GET", "/sandbox/mailbox/{id}/raw", self._raw),
            ("GET", "/sandbox/ledger", self._ledger),
            ("POST", "/sandbox/reset", self._reset),
        ]

    async def _text(self, request: Request) -> Answer:
        account = b64encode(f"doorstep:{self._api_key}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {account}":
            raise Problem(401, "not_authenticated", "send Authorization: Basic with the account and its key")
        reference = process.idempotency_key(request)
        form = parse_qs(request.body.decode("utf-8", "replace"))
        for name in ("To", "From", "Body"):
            if not form.get(name):
                raise Problem(400, "missing_field", f"the form has no {name}")
        to = form["To"][0]
        if not (to.startswith("+") and to[1:].isdigit() and 8 <= len(to) <= 16):
            raise Problem(400, "invalid_number", "To is not a number in E.164")
        message = Arrived(kind="sms", reference=reference, sender=form["From"][0], recipients=(to,), raw=request.body)
        return await self._show(await self._office.keep(message))

    async def _show(self, kept: Kept) -> Answer:
        """The answer to a text message, with the fault that strikes it."""
        if kept.conflict:
            raise Problem(409, "reference_conflict", "this reference was used for another message")
        answer = json_answer({"sid": f"SM{kept.number:012d}", "status": "queued"}, 201) if kept.number else Answer()
        return await process.show_fault(answer, kept.fault, self._office.faults.late_answer_s)

    async def _mailbox(self, request: Request) -> Answer:
        try:
            after, limit = int(request.query.get("after", "0")), int(request.query.get("limit", "100"))
        except ValueError as error:
            raise Problem(400, "bad_request", "after and limit are numbers") from error
        found = mailbox.entries(self._store, to=request.query.get("to"), after=after, limit=limit)
        return json_answer({"messages": found, "after": found[-1].id if found else after})

    async def _raw(self, request: Request) -> Answer:
        id_ = request.names["id"]
        row = self._store.row("by_id", id=int(id_)) if id_.isascii() and id_.isdigit() and len(id_) < 18 else None
        if row is None:
            raise Problem(404, "not_found", "there is no such message")
        return Answer(body=row["raw"], content_type="message/rfc822" if row["kind"] == "mail" else "text/plain")

    async def _ledger(self, request: Request) -> Answer:
        totals = {
            row["kind"]: {"accepted": row["accepted"], "references": row["references_seen"]}
            for row in self._store.rows("totals")
        }
        return json_answer({"totals": totals, "repeated": [dict(row) for row in self._store.rows("repeated")]})

    async def _reset(self, request: Request) -> Answer:
        self._office.faults = process.faults_after(request.json(process.ResetRequest), self._started_with, KNOWN_FAULTS)
        self._store.forget()
        return json_answer({"reset": True})


async def main(stop: asyncio.Event) -> None:
    """Serve both until told to stop."""
    parser = process.arguments("messages", KNOWN_FAULTS)
    parser.add_argument("--smtp-port", type=int, required=True)
    options = parser.parse_args()
    logging.getLogger("mail").setLevel(logging.WARNING)  # aiosmtpd writes a line for each command
    store = Store(options.state, "doorstep.adapters.messages.sandbox")
    office = PostOffice(store, process.faults_from(options, KNOWN_FAULTS))
    handler = MailHandler(office)
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(
        lambda: SMTP(handler, hostname="localhost", data_size_limit=MAIL_MAX_BYTES, loop=loop),
        options.host,
        options.smtp_port,
    )
    working = [asyncio.create_task(office.work()), asyncio.create_task(contents.keep_up(store))]
    for task in working:
        task.add_done_callback(lambda _: stop.set())
    twin = MessagesTwin(store, office, options.api_key)
    pages = Pages(store, smtp=f"{options.host}:{options.smtp_port}")
    await process.serve_until(stop, HttpServer([*twin.routes(), *pages.routes()]), options.host, options.port)
    smtp.close()
    for task in working:
        task.cancel()
    await asyncio.wait(working)
    for task in working:
        if not task.cancelled():
            task.result()  # the disk failed: end with its error


if __name__ == "__main__":
    process.run(main)
