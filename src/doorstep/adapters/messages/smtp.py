"""E-mail by SMTP submission (RFC 5321, RFC 6409): one attempt, and a clear word about how it ended."""

from __future__ import annotations

import asyncio
import re
from copy import deepcopy
from datetime import timedelta
from email import policy
from email.errors import MessageError
from email.headerregistry import BaseHeader, HeaderRegistry
from email.message import EmailMessage
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import aiosmtplib
from aiosmtplib.email import parse_address

from doorstep.adapters.settings import Settings
from doorstep.kit.outcomes import Refused, Retry, Unknown


class _ParsedOnce(HeaderRegistry):
    """The generator asks for the same few headers several times a mail; parsing them was most of a mail's time."""

    def __call__(self, name: str, value: str) -> BaseHeader:
        """The header, parsed."""
        return _parse(name, value)


@lru_cache(maxsize=256)
def _parse(name: str, value: str) -> BaseHeader:
    header: BaseHeader = policy.SMTP.header_factory(name, value)
    return header


# Seven bits only: the next server need not announce 8BITMIME.
_ON_THE_WIRE = policy.SMTP.clone(cte_type="7bit", header_factory=_ParsedOnce())
_SOON = timedelta(seconds=1)
_LATER = timedelta(seconds=30)  # what a 4xx asks for (greylisting, a full queue) takes longer than a lost connection
_GONE = (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, aiosmtplib.SMTPConnectError, OSError)


class SmtpMailer:
    """One mail server, with a few connections that are kept open between messages."""

    code = "smtp"

    def __init__(self, settings: Settings) -> None:
        url = urlsplit(settings.base_url)
        if url.scheme not in ("smtp", "smtps", "smtp+starttls") or not url.hostname:
            raise ValueError("a mail server's base_url is smtp://, smtps:// or smtp+starttls:// and host:port")
        self._scheme, self._host, self._port = url.scheme, url.hostname, url.port
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.connections)
        self._idle: list[aiosmtplib.SMTP] = []

    async def send(self, message: EmailMessage) -> None:
        """See `Mailer.send`."""
        sender, recipients, content = envelope(message)
        async with self._slots:
            client = await self._connection()
            try:
                await _attempt(client, sender, recipients, content)
            except BaseException:
                client.close()  # what state the dialog is in is not worth finding out
                raise
            self._idle.append(client)

    async def aclose(self) -> None:
        """See `Mailer.aclose`."""
        while self._idle:
            self._idle.pop().close()

    async def _connection(self) -> aiosmtplib.SMTP:
        """A greeted and authenticated connection. Raises Retry, or Refused when the server does not want us."""
        while self._idle:
            client = self._idle.pop()
            if client.is_connected:
                return client
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=self._scheme == "smtps",
            start_tls=self._scheme == "smtp+starttls",
            username=settings.username or None,
            password=settings.api_key or None,
            timeout=settings.read_timeout_s,
        )
        try:
            await client.connect(timeout=settings.connect_timeout_s)
            client.timeout = settings.read_timeout_s  # connect keeps its own for all that follows
        except aiosmtplib.SMTPAuthenticationError as error:
            raise Refused("not_authenticated", f"the mail server answered {error.code}") from error
        except (aiosmtplib.SMTPException, *_GONE) as error:
            raise Retry(_SOON, f"no connection to the mail server: {type(error).__name__}") from error
        return client


async def _attempt(client: aiosmtplib.SMTP, sender: str, recipients: list[str], content: bytes) -> None:
    """One transaction. Until the content has been sent nothing was taken; after that only an answer tells."""
    try:
        await client.mail(sender, options=[f"SIZE={len(content)}"] if client.supports_extension("size") else None)
        for recipient in recipients:
            await client.rcpt(recipient)
    except aiosmtplib.SMTPResponseException as error:
        raise _answered(error, before_content=True) from error
    except _GONE as error:
        raise Retry(_SOON, f"the mail server went away before it took anything: {type(error).__name__}") from error
    try:
        await client.data(content)
    except aiosmtplib.SMTPResponseException as error:
        raise _answered(error, before_content=False) from error
    except _GONE as error:
        raise Unknown(f"the mail server did not say whether it took the message: {type(error).__name__}") from error


def _answered(error: aiosmtplib.SMTPResponseException, *, before_content: bool) -> Retry | Refused | Unknown:
    """4xx is for now, 5xx for good (RFC 5321, 4.2.1). Their text may hold an address, so only the code is kept."""
    if 500 <= error.code < 600:
        return Refused(f"smtp_{error.code}", f"the mail server answered {error.code}")
    if before_content or 400 <= error.code < 500:
        return Retry(_LATER, f"the mail server answered {error.code}")
    return Unknown("the mail server answered something that is not SMTP")


# One address, with a plain name before it or none. Whatever looks otherwise is parsed by the book.
_MAILBOX = re.compile(
    r"""(?:(?:[\w !#$%&'*+/=?^{|}~-]*|"[\w !#$%&'*+/=?^{|}~.,:;@()-]*") <)?([\w.+-]+@[\w.-]+\.\w+)>?""", re.ASCII
)
_ALTERNATIVES = re.compile(r'multipart/alternative; boundary="([\w=.-]+)"', re.ASCII)
_LINE = 78  # RFC 5322, 2.1.1


def envelope(message: EmailMessage) -> tuple[str, list[str], bytes]:
    """Sender, recipients (of To, Cc and Bcc; Bcc is not sent) and content. Raises Refused for what cannot be sent."""
    return _simple(message) or _parsed(message)


def _simple(message: EmailMessage) -> tuple[str, list[str], bytes] | None:
    """The envelope of a mail that stands there as it goes over the wire, such as ours: from one to one, two texts that
    are ASCII already. None for any other. To parse such a mail and write it anew took ten times as long as this.
    """
    heads = {name.lower(): str(value) for name, value in message.raw_items()}
    sender, recipient = _MAILBOX.fullmatch(heads.get("from", "")), _MAILBOX.fullmatch(heads.get("to", ""))
    form = _ALTERNATIVES.fullmatch(heads.get("content-type", ""))
    if not (sender and recipient and form and heads.get("message-id")) or {"cc", "bcc"} & heads.keys():
        return None
    parts: Any = message.get_payload()
    if not isinstance(parts, list) or any(part.is_multipart() or not part.get_payload().isascii() for part in parts):
        return None
    texts = [f"{_head(part)}\r\n{_crlf(part.get_payload())}\r\n" for part in parts]
    line = f"--{form[1]}"
    written = f"{_head(message)}\r\n" + "".join(f"{line}\r\n{text}" for text in texts) + f"{line}--\r\n"
    return sender[1], [recipient[1]], written.encode("ascii")


def _crlf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


def _head(message: EmailMessage) -> str:
    """The header lines of a mail or a part; those that are long, or not plain, are folded by the book."""
    lines = []
    for name, value in message.raw_items():
        text = str(value)
        if text.isascii() and text.isprintable() and len(name) + len(text) + 2 <= _LINE:
            lines.append(f"{name}: {text}\r\n")
        else:
            lines.append(_ON_THE_WIRE.fold(name, value))
    return "".join(lines)


def _parsed(message: EmailMessage) -> tuple[str, list[str], bytes]:
    if not message["Message-ID"]:
        raise Refused("no_message_id", "a message needs a stable Message-ID")
    try:
        origin = message["From"]
        senders = [address.addr_spec for address in origin.addresses] if origin else []
        recipients = [
            address.addr_spec
            for header in ("To", "Cc", "Bcc")
            for value in message.get_all(header, [])
            for address in value.addresses
        ]
        if not senders or not recipients:
            raise Refused("no_address", "a message needs a sender and a recipient")
        for address in (senders[0], *recipients):
            parse_address(address).encode("ascii")  # as the client will: what it would not send is refused now
        if message["Bcc"]:
            message = deepcopy(message)
            del message["Bcc"]
        return senders[0], recipients, message.as_bytes(policy=_ON_THE_WIRE)
    except (ValueError, LookupError, MessageError) as error:  # also what cannot be written in ASCII
        raise Refused("bad_message", f"the message cannot be written: {type(error).__name__}") from error
