"""Request bodies: decoded once, strictly, straight from bytes into the handler's type.

The framework's own way goes over Python objects and lenient conversion (the text "5" would pass for the number 5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from litestar.dto import AbstractDTO
from litestar.dto.data_structures import DTOFieldDefinition
from litestar.typing import FieldDefinition

from doorstep.kit.errors import Fault, Invalid, Malformed

if TYPE_CHECKING:
    from litestar._openapi.schema_generation import SchemaCreator
    from litestar.openapi.spec import Reference, Schema

_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_NAMED = re.compile(r"(?:missing required|contains unknown) field `([^`]*)`")


class StrictBody(AbstractDTO[Any]):
    """Decodes `data` of every handler; refuses unknown fields, wrong types and NUL with a JSON pointer."""

    model_type = object
    _decoders: ClassVar[dict[str, msgspec.json.Decoder[Any]]] = {}

    def decode_bytes(self, value: bytes) -> Any:
        """The body as the handler's type. Raises Malformed or Invalid."""
        return decode(value, self._decoders[self.asgi_connection.route_handler.handler_id])

    @classmethod
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: Any = None
    ) -> None:
        """Make the decoder of a handler's body, once, at start."""
        cls._decoders[handler_id] = msgspec.json.Decoder(field_definition.raw)

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:
        """Bodies only: answers are encoded from their own types."""
        return False

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: SchemaCreator
    ) -> Reference | Schema:
        """The body's schema is that of its type."""
        return schema_creator.for_field_definition(field_definition)

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Iterator[DTOFieldDefinition]:  # type: ignore[override]  # narrower
        """None: nothing is transferred field by field."""
        return iter(())

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """Nothing is nested, see above."""
        return False


def decode(value: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Decode a JSON body. Raises Malformed when it is not JSON, Invalid when it is not what the decoder's type says."""
    try:
        found = decoder.decode(value)
    except msgspec.ValidationError as error:
        raise Invalid([fault_of(str(error))]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"The body is not JSON: {error}") from None
    if b"\\u0000" in value:
        refuse_nul(msgspec.json.decode(value))
    return found


def fault_of(message: str) -> Fault:
    """The fault that a message of msgspec tells: "Expected `int`, got `str` - at `$.lines[0].quantity`".

    A field of that name may itself hold a dot; then the pointer ends early, which is still a place to look.
    """
    found = _AT.match(message)
    what, path = (found["what"], found["path"] or "") if found else (message, "")
    steps = [name or index for name, index in _STEP.findall(path) if index != "..."]
    named = _NAMED.search(what)
    if named:
        steps.append(named[1])
    return Fault("".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps), what + ".")


def refuse_nul(value: object, pointer: str = "") -> None:
    """Raise Invalid at the first text with a NUL character: PostgreSQL cannot keep one."""
    if isinstance(value, str):
        if "\0" in value:
            raise Invalid([Fault(pointer, "A text must not hold the NUL character.")])
    elif isinstance(value, dict):
        for key, item in value.items():
            refuse_nul(key, pointer)
            refuse_nul(item, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            refuse_nul(item, f"{pointer}/{index}")
