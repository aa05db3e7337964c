"""Answers: what a handler returns becomes bytes; an answer of a command is bytes already, the same ones each time."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.connection import Request
from litestar.response.base import ASGIResponse

from doorstep.journal.commands import Answer


class Reply(Response[Any]):
    """Sends a `journal.commands.Answer` (or a finished response) as it is, anything else as JSON."""

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **options: Any) -> ASGIResponse:
        """The response on the wire. A repeat of an earlier answer says so in `Idempotent-Replay: true`."""
        answer = self.content
        if isinstance(answer, ASGIResponse):
            return answer
        if not isinstance(answer, Answer):
            return super().to_asgi_response(app, request, **options)
        headers = {"idempotent-replay": "true"} if answer.replayed else None
        return ASGIResponse(body=answer.content, status_code=answer.status, headers=headers)
