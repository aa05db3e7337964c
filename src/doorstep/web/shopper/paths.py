"""What the shopper's routes have in common: open to whoever has the link, not part of the API, errors as pages."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request
from litestar.params import Parameter

from doorstep.web.api.problems import sorry

Asked = Request[Any, Any, Any]
Token = Annotated[str, Parameter(max_length=200)]
PUBLIC: dict[str, Any] = {"opt": {"public": True}, "include_in_schema": False, "exception_handlers": {Exception: sorry}}
ACTOR = "customer"
