"""Settings, test mail: one message through the configured mail server, and what came back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from typing import Final
from urllib.parse import urlsplit

import msgspec
from litestar import Response, get, post

from doorstep.db import Tx
from doorstep.kit.clock import wall_now
from doorstep.kit.errors import Fault, Invalid
from doorstep.kit.outcomes import Refused, Retry, Unknown
from doorstep.updates.ports import Mailer
from doorstep.web.api.context import app_state
from doorstep.web.console.acting import Noted, act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import faults_by_field, show
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form

_ADDRESS: Final = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: `outcome` is sent, refused, later, unknown or not_set; `detail` what the server said."""

    outcome: str
    detail: str = ""


@get("/console/settings/test-mail", **needs("settings"))
async def show_test_mail(staff: Staff) -> Response[bytes]:
    """Where a test mail is sent from."""
    return await _page(staff, {"to": staff.login if "@" in staff.login else ""})


@post("/console/settings/test-mail", status_code=200, **needs("settings"))
async def send_test_mail(request: Asked, staff: Staff) -> Response[bytes]:
    """Send one, and say what came back."""
    fields = await form(request)
    try:
        result = await send(staff, fields)
    except Invalid as refused:
        return await _page(staff, fields, faults=faults_by_field(refused), status=422)
    return await _page(staff, fields, result=result)


async def send(staff: Staff, fields: Mapping[str, str]) -> Result:
    """Send a test mail to the address `to` of a form. Raises Invalid for what is no address.

    The same form again sends the same message once more, under the same Message-ID; it is noted once.
    """
    to, settings = fields.get("to", ""), app_state().settings
    if not _ADDRESS.fullmatch(to) or len(to) > 254 or not to.isascii():
        raise Invalid([Fault("/to", "An e-mail address, such as you@example.com.")])
    mailer: Mailer | None = app_state().ports.get("Mailer")
    if mailer is None or settings.mail is None:
        result = Result(outcome="not_set")
    else:
        message = _message(staff, to, settings.mail.sender, settings.url, fields.get("key", ""))
        result = await _attempt(mailer, message)

    async def noted(tx: Tx, now: datetime) -> Noted:
        return Noted({"outcome": result.outcome})  # the mail is out; the log does not keep the address

    await act(staff, fields, noted, action="mail.test", subject="test mail", detail={})
    return result


async def _attempt(mailer: Mailer, message: EmailMessage) -> Result:
    try:
        await mailer.send(message)
    except Refused as error:
        return Result(outcome="refused", detail=f"{error.code}: {error.reason}")
    except Retry as error:
        return Result(outcome="later", detail=error.reason)
    except Unknown as error:
        return Result(outcome="unknown", detail=str(error))
    return Result(outcome="sent")


def _message(staff: Staff, to: str, sender: str, url: str, key: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["Subject"] = f"Test mail from {' '.join(staff.brand_title.split())}"
    message["From"] = formataddr((" ".join(staff.brand_title.split()), sender))
    message["To"] = to
    message["Date"] = format_datetime(wall_now())
    message["Message-ID"] = f"<test_{key[:64]}@{urlsplit(url).hostname or 'localhost'}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"This is a test mail of Doorstep.\n\nIf you can read it, the shop's mail server works.\n\n{url}/console\n"
    )
    return message


async def _page(
    staff: Staff,
    fields: Mapping[str, str],
    *,
    result: Result | None = None,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response[bytes]:
    mail = app_state().settings.mail
    return await show(
        staff,
        "console/settings/test_mail.html",
        at="settings",
        status=status,
        fields=fields,
        faults=faults or {},
        result=result,
        mail=mail,
        server=urlsplit(mail.url).hostname if mail else "",
    )


HANDLERS = (show_test_mail, send_test_mail)
