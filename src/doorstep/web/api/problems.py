"""Errors as problem details (RFC 9457): one shape for everything that can go wrong, and no internals in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg
import msgspec
import structlog
from asyncpg.exceptions import _base as asyncpg_base
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.response.base import ASGIResponse

from doorstep.db.pool import GONE
from doorstep.kit.errors import Conflict, Fault, Invalid, Malformed, Problem, Unauthorized, Unavailable
from doorstep.kit.outcomes import Outcome, Refused
from doorstep.kit.templates import language_of
from doorstep.web.api.answers import Reply
from doorstep.web.api.body import fault_of
from doorstep.web.api.context import request_id
from doorstep.web.pages import page

log = structlog.get_logger()

# Titles of what the framework refuses before a handler runs.
_KINDS = {
    400: ("malformed", "The request is not well-formed"),
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "This path does not take that method"),
    413: ("too-large", "The body is too large"),
    415: ("unsupported-media-type", "Send JSON"),
}
_BROKEN = Problem("This is our fault. It is in our log under the request's id; a retry with the same key is safe.")
_RETRY_S = 2


class Shape(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem on the wire (RFC 9457, section 3.1), for the documentation; further members may stand beside these."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[Fault] = []


def respond(request: Request[Any, Any, Any], error: Exception) -> Reply:
    """The answer to any error that reached the edge."""
    problem = noted(request.scope, error)
    return Reply(render(problem, request.scope, _headers_of(error)))


def sorry(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """What a person sees instead of a page: what happened in words, and no internals."""
    problem = noted(request.scope, error)
    language = language_of(request.headers.get("accept-language", "en"))
    return page("sorry.html", language=language, status=problem.status, shop="Doorstep", code=problem.status)


def noted(scope: Any, error: Exception) -> Problem:
    """What an error means to the caller; logged when nobody meant it to happen."""
    problem = as_problem(error)
    # The route, not the path: a path can hold the key to an order.
    route = scope.get("path_template") or scope["path"]
    if problem.status >= 500 and not isinstance(problem, Unavailable):
        log.error("request_failed", path=route, exc_info=error)
    elif problem.status >= 500:
        log.warning("request_unavailable", path=route, error=repr(error)[:500])
    return problem


def members(problem: Problem, scope: Any) -> dict[str, object]:
    """A problem's members, with the path and the request's id. What is in them beside JSON's types is text."""
    return {
        **problem.extra,  # never instead of a member of ours
        "type": f"/problems/{problem.kind}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": scope["path"],
        "request_id": request_id(),
    }


def render(problem: Problem, scope: Any, headers: Mapping[str, str] | None = None) -> ASGIResponse:
    """The problem as an ASGI response."""
    more = dict(headers or {})
    if isinstance(problem, Unavailable):
        more["retry-after"] = str(problem.retry_after_s)
    if isinstance(problem, Unauthorized):
        more["www-authenticate"] = 'Bearer realm="doorstep"'
    return ASGIResponse(
        body=msgspec.json.encode(members(problem, scope), enc_hook=str),
        status_code=problem.status,
        headers=more,
        media_type="application/problem+json",
    )


def as_problem(error: Exception) -> Problem:
    """What an error means to the caller."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return _of_framework(error)
    if isinstance(error, Refused):
        return _named(400, error.code.replace("_", "-"), "Refused", error.reason)
    if isinstance(error, Outcome):
        return Unavailable(error.reason)
    if isinstance(error, (asyncpg.DataError, asyncpg_base.DataError)):
        # A number or text that no column of ours can hold; the handler's own limits should have said so.
        log.warning("input_reached_the_database", exc_info=error)
        return Invalid([Fault("", "A value is outside what can be kept.")])
    if isinstance(error, asyncpg.CheckViolationError):
        log.warning("check_refused", constraint=error.constraint_name, exc_info=error)
        return Conflict("A counter would leave its bounds. Nothing was changed.")
    if isinstance(error, GONE) and not _is_misuse(error):
        return Unavailable("The database does not answer right now.", retry_after_s=_RETRY_S)
    return _BROKEN


def _is_misuse(error: Exception) -> bool:
    """asyncpg tells a wrong number of arguments and a closed connection by the same type."""
    return isinstance(error, asyncpg.InterfaceError) and not any(
        word in str(error) for word in ("closed", "closing", "connection", "terminat")
    )


def _of_framework(error: HTTPException) -> Problem:
    if isinstance(error, ValidationException):
        return _of_parameters(error)
    if error.status_code >= 500:
        return _BROKEN
    kind, title = _KINDS.get(error.status_code, ("refused", "The request was refused"))
    detail = {404: "There is nothing at this path.", 405: "This path does not take that method."}
    return _named(error.status_code, kind, title, detail.get(error.status_code, error.detail))


def _of_parameters(error: ValidationException) -> Problem:
    """Faults in query and path parameters and headers; a body that is missing altogether."""
    faults: list[Fault] = []
    for item in error.extra if isinstance(error.extra, list) else []:
        key, text = str(item.get("key", "")), str(item.get("message", ""))
        if key.partition(".")[0] == "data" or item.get("source") == "body":
            return Malformed("A JSON body is needed.")
        faults.append(Fault(f"?{key}", fault_of(text).detail))
    return Invalid(faults or [Fault("", error.detail)])


def _named(status: int, kind: str, title: str, detail: str) -> Problem:
    problem = Problem(detail)
    problem.status, problem.kind, problem.title = status, kind, title
    return problem


def _headers_of(error: Exception) -> Mapping[str, str] | None:
    """`Allow` of a 405, as RFC 9110 wants it."""
    headers = error.headers if isinstance(error, HTTPException) else None
    return {name.lower(): value for name, value in headers.items()} if headers else None
