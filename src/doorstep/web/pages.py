"""Pages: made on the server, in the reader's language, with headers that let nothing foreign in and nothing out.

It imports nothing of the API, for the sandbox's storefront uses it too: errors as pages are `web.api.problems.sorry`.
An address of ours can be a key (a link in a mail), so no page tells another where its reader came from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

from litestar import Request, Response, get
from litestar.datastructures import Cookie, UploadFile
from litestar.enums import RequestEncodingType
from litestar.exceptions import HTTPException

from doorstep.kit.errors import Malformed, NotFound
from doorstep.kit.limits import LINES_PER_ORDER
from doorstep.kit.templates import environment

PACKAGE = "doorstep.web"
_CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": _CSP,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_DIGITS = 19  # of the largest number that PostgreSQL keeps
_FORM_FIELDS = 3 * LINES_PER_ORDER  # units and a reason for each line, and a few more
_FORM_BYTES = 100 * _FORM_FIELDS
UPLOAD_BYTES = 600_000  # a logo, or some thousand products
YEAR_S = 31_536_000


@cache
def _file(name: str) -> tuple[bytes, str]:
    """A static file and its digest. Raises NotFound."""
    if name not in {entry.name for entry in files(PACKAGE).joinpath("static").iterdir()}:
        raise NotFound("There is no such file.")
    content = files(PACKAGE).joinpath("static", name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]


def static(name: str) -> str:
    """The address of a static file; it changes with the content, so that a browser may keep it for ever."""
    return f"/static/{_file(name)[1]}/{name}"


@get("/static/{digest:str}/{name:str}", opt={"public": True}, include_in_schema=False)
async def read_static(digest: str, name: str) -> Response[bytes]:
    """A static file."""
    content, right = _file(name)
    kept = f"public, max-age={YEAR_S}, immutable" if digest == right else "no-cache"
    headers = {"cache-control": kept, "x-content-type-options": "nosniff"}
    return Response(content, media_type=_TYPES[name.rpartition(".")[2]], headers=headers)


def page(
    template: str,
    *,
    language: str,
    status: int = 200,
    headers: Mapping[str, str] = HEADERS,
    cookies: tuple[Cookie, ...] = (),
    **facts: Any,
) -> Response[bytes]:
    """A rendered page. `facts` must hold `shop`, its title."""
    made = environment(PACKAGE, language, html=True).get_template(template)
    text = made.render(language=language, static=static, **facts)
    return Response(text.encode(), status_code=status, media_type="text/html", headers=headers, cookies=cookies)


def see(address: str, *, cookies: tuple[Cookie, ...] = ()) -> Response[bytes]:
    """Go there with GET: what a form answers once it has acted, so that a reload does not act again."""
    return Response(b"", status_code=303, headers={**HEADERS, "location": address}, cookies=cookies)


async def form(request: Request[Any, Any, Any]) -> Mapping[str, str]:
    """The fields of a form, the last of each name. Raises Malformed, also for what another site sends."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Malformed("This form was sent by another site.")
    if request.content_type[0] == RequestEncodingType.MULTI_PART:
        given = {name: value for name, value in await _parts(request) if isinstance(value, str)}
        _check_text(given.values())
        return {name: value.strip() for name, value in given.items()}
    body = await request.body()
    if len(body) > _FORM_BYTES:
        raise Malformed("The form is too large.")
    try:
        fields = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_FORM_FIELDS)
    except ValueError:
        raise Malformed("The form cannot be read.") from None
    _check_text(value for values in fields.values() for value in values)
    return {name: values[-1].strip() for name, values in fields.items()}


async def upload(request: Request[Any, Any, Any], name: str) -> bytes:
    """The file that a form of type multipart/form-data brings under a name; empty when it brings none.

    Raises Malformed. What the browser says of its name and type is not looked at: a stranger chose them.
    """
    if request.content_type[0] != RequestEncodingType.MULTI_PART:
        return b""
    files = [value for field, value in await _parts(request) if field == name and isinstance(value, UploadFile)]
    return await files[-1].read() if files else b""


async def _parts(request: Request[Any, Any, Any]) -> list[tuple[str, Any]]:
    most: int = request.route_handler.opt.get("upload_bytes", UPLOAD_BYTES)
    if len(await request.body()) > most:
        raise Malformed(f"The form is too large: {most:,} bytes at most.")
    try:
        parts = list((await request.form()).multi_items())
    except (HTTPException, ValueError, LookupError):
        raise Malformed("The form cannot be read.") from None
    for _, value in parts:
        if isinstance(value, UploadFile):
            await value.seek(0)
    return parts


def whole(text: str, most: int, *, least: int = 0) -> int | None:
    """A whole number as people type one, from `least` to `most`; None when it is none."""
    fits = text.isascii() and text.isdigit() and len(text) <= _DIGITS and least <= int(text) <= most
    return int(text) if fits else None


def _check_text(values: Iterable[str]) -> None:
    if any("\0" in value or "\ufffd" in value for value in values):
        raise Malformed("The form holds a character that cannot be kept.")


HANDLERS = (read_static,)
