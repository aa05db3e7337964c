"""The API's description, OpenAPI 3.1: made from the handlers, so that it cannot say something else than they do."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from litestar import Litestar, Response
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig

from doorstep import __version__
from doorstep.journal.commands import Answer
from doorstep.web.api.body import StrictBody
from doorstep.web.api.inject import READING_POSTS, dependencies

_PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457). Further members may stand beside these.",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "examples": ["/problems/invalid"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "A JSON pointer into the body, ?name for a parameter, or a header's name.",
                    },
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_PROBLEMS = {
    "400": "The request is not well-formed, or lacks its Idempotency-Key",
    "401": "No API key, or not a good one",
    "403": "The key may not do this",
    "404": "There is no such thing",
    "409": "It does not fit the present state; nothing was changed",
    "413": "The body is too large",
    "415": "The body is of a kind that is not taken here",
    "422": "Well-formed but wrong; `errors` says where",
    "503": "Not available right now; try again after `Retry-After` seconds",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Any text of your own, 1 to 200 printable ASCII characters; the same for each retry.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}
_REPLAY = {
    "Idempotent-Replay": {
        "description": "`true` when this is the answer to an earlier request with the same key.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}


class Document:
    """The description as bytes, made when first asked for."""

    def __init__(self, handlers: Sequence[Any]) -> None:
        self._handlers = handlers
        self._made: bytes | None = None

    def __call__(self) -> bytes:
        """The document, JSON."""
        if self._made is None:
            self._made = msgspec.json.encode(describe(self._handlers))
        return self._made


def describe(handlers: Sequence[Any]) -> dict[str, Any]:
    """The description as JSON values: the framework's paths and parameters, msgspec's schemas, our problems."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        # An application that only describes: the serving one has no pages of the framework's own.
        app = Litestar(
            route_handlers=list(handlers),
            dependencies=dependencies(),
            dto=StrictBody,
            openapi_config=OpenAPIConfig(title="Doorstep", version=__version__, use_handler_docstrings=True),
            logging_config=None,
        )
        document = app.openapi_schema.to_schema()
    operations = _operations(app, document)
    schemas = _schemas([one for _, handler, _ in operations for one in _types(handler)])
    for path, handler, operation in operations:
        method = sorted(handler.http_methods)[0].lower()
        _put_schemas(operation, handler, schemas.of)
        _complete(operation, path=path, method=method, is_command="command" in handler.parsed_fn_signature.parameters)
    document["components"] = {
        "schemas": {**schemas.components, "Problem": _PROBLEM},
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "dsk_<brand>_<key>"}},
    }
    document["security"] = [{"key": []}]
    # Defaults that are tuples become lists, as they will on the wire.
    described: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document))
    return described


class _Schemas:
    """The schemas of types, and the components they point at."""

    def __init__(self, types: Sequence[Any], schemas: Sequence[Any], components: dict[str, Any]) -> None:
        self._found = list(zip(types, schemas, strict=True))
        self.components = components

    def of(self, wanted: Any) -> Any:
        """The schema of a type (types with constraints are compared, not hashed)."""
        return next(schema for one, schema in self._found if one == wanted)


def _schemas(types: Sequence[Any]) -> _Schemas:
    """Described by msgspec, as it decodes and encodes; the framework's own schemas are wrong for tuples and times."""
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return _Schemas(types, schemas, components)


def _operations(app: Litestar, document: dict[str, Any]) -> list[tuple[str, HTTPRouteHandler, dict[str, Any]]]:
    found = []
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            for method in handler.http_methods:
                operation = document["paths"].get(route.path_format or "/", {}).get(method.lower())
                if operation is not None:
                    found.append((route.path_format, handler, operation))
    return found


def _types(handler: HTTPRouteHandler) -> list[Any]:
    body = _body(handler)
    return [*([body] if body else []), *(one for one in _answers(handler).values() if one is not None)]


def _body(handler: HTTPRouteHandler) -> Any:
    """The type of the body; of a line of it, when it is NDJSON, which the handler reads itself and names in `opt`."""
    field = handler.parsed_data_field
    return field.raw if field else handler.opt.get("ndjson")


def _answers(handler: HTTPRouteHandler) -> dict[str, Any]:
    """What a handler answers by status, None for what is not JSON; an `Answer`'s type stands in `responses`."""
    documented = {str(status): spec.data_container for status, spec in (handler.responses or {}).items()}
    returned = handler.parsed_return_field
    kind = returned.inner_types[0].raw if returned.is_subclass_of(Response) else returned.raw
    if kind is Answer:
        return documented
    return {str(handler.status_code): None if kind is bytes else kind, **documented}


def _put_schemas(operation: dict[str, Any], handler: HTTPRouteHandler, of: Callable[[Any], Any]) -> None:
    body = _body(handler)
    media = str(handler.media_type) if "ndjson" in handler.opt else "application/json"
    if body:
        operation["requestBody"] = {"required": True, "content": {media: {"schema": of(body)}}}
    if "body" in handler.opt:  # not JSON: a file
        operation["requestBody"] = {"required": True, "content": {one: {} for one in handler.opt["body"]}}
    told = {str(status): spec.description for status, spec in (handler.responses or {}).items()}
    answers = _answers(handler)
    operation["summary"] = handler.handler_name.replace("_", " ").capitalize()
    operation["responses"] = {
        status: {
            "description": told.get(status) or ("Created" if status == "201" else "Done"),
            "content": {str(handler.media_type): {}} if kind is None else {media: {"schema": of(kind)}},
        }
        for status, kind in answers.items()
    }


def _complete(operation: dict[str, Any], *, path: str, method: str, is_command: bool) -> None:
    responses = operation["responses"]
    public = not path.startswith("/v1/") or path.startswith("/v1/webhooks/")
    for status in _statuses(operation, path=path, method=method, public=public):
        responses[status] = {
            "description": _PROBLEMS[status],
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    if public:
        operation["security"] = []
    if is_command:
        operation.setdefault("parameters", []).append(_KEY)
        for status, response in responses.items():
            if status < "300":
                response.setdefault("headers", {}).update(_REPLAY)


def _statuses(operation: dict[str, Any], *, path: str, method: str, public: bool) -> list[str]:
    found = ["503"]
    if not public:
        found.append("401")
        if method != "get" and path not in READING_POSTS:
            found.append("403")
    if "requestBody" in operation or method != "get":
        found += ["400", "409", "413", "422"]
    if "application/json" not in operation.get("requestBody", {}).get("content", {"application/json": 1}):
        found.append("415")
    if "{" in path:
        found.append("404")
    if operation.get("parameters"):
        found.append("422")
    return sorted(set(found))
