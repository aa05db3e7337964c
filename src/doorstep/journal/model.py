"""Events as types, and the table of what follows from them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every event. `KIND` is its name in the journal, `noun.verb_in_the_past`; the fields are its data."""

    KIND: ClassVar[str]


E_co = TypeVar("E_co", covariant=True)


class Recorded(msgspec.Struct, Generic[E_co], frozen=True, kw_only=True):
    """An event as the journal has it. `occurred_at` is the brand's clock; `order_id` is None for events of no order."""

    event_id: UUID
    position: int
    order_id: UUID | None
    lane: int
    actor: str
    occurred_at: datetime
    data: E_co

    @property
    def order(self) -> UUID:
        """The order's id, of an event that has one."""
        assert self.order_id is not None
        return self.order_id


Handler = Callable[..., Awaitable[None]]


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """What follows: after any of these kinds of event, this handler, `handler(tx, events, now=now)`.

    `later`: nothing follows from it, and many events cost it little more than one. It runs beside the others and,
    when there is much to do, every GATHERING_S only.
    """

    name: str
    kinds: tuple[str, ...]
    handler: Handler
    later: bool = False


def when(event: type[Event], *handlers: Handler) -> tuple[tuple[type[Event], Handler], ...]:
    """A row of the journey: after `event`, these handlers.

    A handler is `async def verb(tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None`; it gets up to 200
    events of all the kinds it stands behind, in order within each order, inside a transaction it must not end.
    """
    return tuple((event, handler) for handler in handlers)


def reactions(
    journey: Sequence[tuple[tuple[type[Event], Handler], ...]], *, later: Collection[Handler] = ()
) -> tuple[Reaction, ...]:
    """The journey's rows, turned round: each handler with all the events it follows."""
    kinds: dict[Handler, list[str]] = {}
    for row in journey:
        for event, handler in row:
            kinds.setdefault(handler, []).append(event.KIND)
    return tuple(
        Reaction(name=name_of(handler), kinds=tuple(behind), handler=handler, later=handler in later)
        for handler, behind in kinds.items()
    )


def name_of(handler: Handler) -> str:
    """`noun.verb`: the reaction's name in the database; renaming a verb needs a migration of `cursors`."""
    return f"{handler.__module__.split('.')[1]}.{handler.__name__}"


def kinds() -> dict[str, type[Event]]:
    """Every event type that has been imported, by its name in the journal."""
    found: dict[str, type[Event]] = {}
    waiting: list[type[Event]] = list(Event.__subclasses__())
    while waiting:
        event = waiting.pop()
        waiting.extend(event.__subclasses__())
        if hasattr(event, "KIND"):
            found[event.KIND] = event
    return found


_known: dict[str, type[Event]] = {}


def decode(kind: str, data: Any) -> Event:
    """The typed event behind a stored kind and its data. Raises KeyError for a kind nobody has imported."""
    if kind not in _known:
        _known.update(kinds())
    return msgspec.convert(data, _known[kind], strict=False)
