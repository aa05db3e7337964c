"""Errors that carry their HTTP meaning (RFC 9457 problem details). Outcomes a caller must handle are values, not
errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with an input: a JSON pointer to it, and a sentence."""

    pointer: str
    detail: str


class Problem(Exception):
    """Base of every error a caller sees. `kind` is the last part of the problem's type URI."""

    status = 500
    kind = "internal"
    title = "Something went wrong on our side"

    def __init__(self, detail: str, *, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = dict(extra or {})


class Malformed(Problem):
    """400: not even well-formed; nothing of it was looked at."""

    status, kind, title = 400, "malformed", "The request is not well-formed"


class NotFound(Problem):
    """404: there is no such thing."""

    status, kind, title = 404, "not-found", "Not found"


class Invalid(Problem):
    """422: the input is well-formed but wrong; `faults` lists everything wrong with it."""

    status, kind, title = 422, "invalid", "The input is not valid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(" ".join(fault.detail for fault in faults[:3]), extra={"errors": list(faults)})
        self.faults = tuple(faults)


class Conflict(Problem):
    """409: what is asked does not fit what already is; nothing was changed."""

    status, kind, title = 409, "conflict", "This does not fit the present state"


class Short(Conflict):
    """409: not enough stock and the channel refuses short orders. A later retry may succeed."""

    kind, title = "insufficient-stock", "Not enough stock"


class BodyDiffers(Conflict):
    """409: the same key came before with another body; `fields` names what differs, where we can tell."""

    kind, title = "body-differs", "The same key came before with another body"


class TooLarge(Problem):
    """413: more than we take; nothing of it was looked at."""

    status, kind, title = 413, "too-large", "The body is too large"


class SenderSilent(Problem):
    """408: the rest of the body did not come; send it again."""

    status, kind, title = 408, "sender-silent", "The rest of the body did not come"


class UnsupportedMedia(Problem):
    """415: a kind of content that is not taken here."""

    status, kind, title = 415, "unsupported-media-type", "This kind of content is not taken here"


class Unauthorized(Problem):
    """401: no key, or not a good one."""

    status, kind, title = 401, "unauthorized", "An API key is needed"


class Forbidden(Problem):
    """403: the key may not do this."""

    status, kind, title = 403, "forbidden", "This key may not do that"


class TooMany(Problem):
    """429: too many wrong answers at one door."""

    status, kind, title = 429, "too-many-attempts", "Too many attempts"


class Unavailable(Problem):
    """503: not now; nothing was changed, or a retry with the same key finds out."""

    status, kind, title = 503, "unavailable", "Not available right now"

    def __init__(self, detail: str, *, retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
