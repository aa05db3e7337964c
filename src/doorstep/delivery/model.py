"""What a shop sells as delivery, and how long things take. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from typing import Annotated, ClassVar, Final, Literal, Protocol, get_args
from uuid import UUID

import msgspec
from msgspec import Meta

from doorstep.journal import Event
from doorstep.kit.limits import AMOUNT_MINOR

ANYWHERE: Final = "ZZ"
"""In the transit table: every country without a row of its own (a code ISO 3166-1 leaves to its users)."""
_REMEMBER: Final = 10_000  # destinations; what is typed into a form must not fill the memory

Work = Literal["personalize", "gift_wrap"]
Amount = Annotated[int, Meta(ge=0, le=AMOUNT_MINOR)]
ServiceCode = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,39}$")]


class Service(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A delivery service. Prices in minor units of `currency`; `lane` 0 is express, worked before 1 everywhere.

    What is ready before `cut_off` (local time of the location) leaves the same working day, after `handling_days`
    working days more. With `saturday`, Saturdays are working days, for leaving as for arriving. `rank` sorts the list.
    `parcel_cost_minor` and `kilogram_cost_minor` are what a parcel costs us.
    """

    service: ServiceCode
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    carrier: Annotated[str, Meta(min_length=1, max_length=100)]
    lane: Literal[0, 1] = 1
    rank: Annotated[int, Meta(ge=0, le=10_000)] = 100
    price_minor: Amount
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
    parcel_cost_minor: Amount
    kilogram_cost_minor: Amount = 0
    cut_off: time
    handling_days: Annotated[int, Meta(ge=0, le=60)] = 0
    saturday: bool = False
    enabled: bool = True

    def cost_minor(self, weight_g: int) -> int:
        """What a parcel of this weight costs us: a fixed part, and each kilogram started."""
        return self.parcel_cost_minor + self.kilogram_cost_minor * -(-weight_g // 1000)


class TransitDays(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most working days a service is under way to a country, or to the postcodes there that start with a prefix."""

    service: ServiceCode
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")]
    postcode_prefix: Annotated[str, Meta(max_length=10, pattern=r"^[A-Za-z0-9 -]*$")] = ""
    days: Annotated[int, Meta(ge=0, le=90)]


class WorkTime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The working days a line's work takes before it can be packed, and its fee in minor units."""

    work: Work
    days: Annotated[int, Meta(ge=0, le=60)]
    fee_minor: Amount


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat"]
WEEKDAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)
"""The days on which a service may leave, in their order; Saturday only with `saturday`, Sunday never."""


class Origin(Protocol):
    """Where a parcel leaves from: a location, as far as dates hang on it."""

    @property
    def location_id(self) -> int:
        """Its key."""

    @property
    def country(self) -> str:
        """Whose days off it keeps."""

    @property
    def timezone(self) -> str:
        """Its IANA time zone."""


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """An origin, where there is no location at hand."""

    location_id: int
    country: str
    timezone: str


class DayOff(msgspec.Struct, frozen=True, kw_only=True):
    """A day on which nothing leaves from a location, or nothing leaves and arrives in a country: one of the two."""

    location_id: int | None = None
    country: str | None = None
    day: date
    reason: str


class Transit:
    """The transit table, ready to be asked: the longest postcode prefix wins, then the country, then `ANYWHERE`."""

    def __init__(self, rows: Iterable[TransitDays]) -> None:
        self.rows: Sequence[TransitDays] = tuple(rows)
        self._days = {(row.service, row.country, plain_postcode(row.postcode_prefix)): row.days for row in self.rows}
        self._longest = max((len(key[2]) for key in self._days), default=0)
        self._asked: dict[tuple[str, str, str], int | None] = {}

    def days(self, service: str, country: str, postcode: str) -> int | None:
        """Working days to this destination; None when the service does not go there."""
        asked = service, country, postcode
        try:
            return self._asked[asked]  # each location of an order asks the same
        except KeyError:
            if len(self._asked) >= _REMEMBER:
                self._asked.clear()
            found = self._asked[asked] = self._look_up(service, country, postcode)
            return found

    def _look_up(self, service: str, country: str, postcode: str) -> int | None:
        code = plain_postcode(postcode)
        for length in range(min(len(code), self._longest), -1, -1):
            found = self._days.get((service, country, code[:length]))
            if found is not None:
                return found
        return self._days.get((service, ANYWHERE, ""))


def plain_postcode(postcode: str) -> str:
    """A postcode as it is compared: capitals, no spaces and hyphens."""
    return postcode.upper().replace(" ", "").replace("-", "")


class Repromised(Event, frozen=True, kw_only=True):
    """Some lines of an order have a new date (None: not known); `version` is that of their new entries."""

    KIND: ClassVar[str] = "delivery.repromised"

    version: int
    promised_by: datetime | None
    was_promised_by: datetime | None
    cause: str
    line_nos: tuple[int, ...]


DelayAnswer = Literal["wait", "cancel", "send_back"]


class DelayAnswered(Event, frozen=True, kw_only=True):
    """The customer said what they want after a delay; `seq` is the number of its delivery.repromised in the order."""

    KIND: ClassVar[str] = "delivery.delay_answered"

    seq: int
    answer: DelayAnswer
    line_nos: tuple[int, ...]


class Affected(Protocol):
    """A line in an event that moves a date."""

    @property
    def line_no(self) -> int:
        """The line's number in its order."""


class GoodsMissing(Protocol):
    """An event after which lines wait for goods; `expected_at` says until when, None: nobody knows."""

    @property
    def cause(self) -> str:
        """Why they are missing."""

    @property
    def lines(self) -> Sequence[Affected]:
        """The lines that wait."""

    @property
    def expected_at(self) -> datetime | None:
        """When the goods are expected."""


class ParcelLate(Protocol):
    """An event after which a parcel will arrive late, by `expected_by`; None: nobody knows."""

    @property
    def cause(self) -> str:
        """Why it is late."""

    @property
    def lines(self) -> Sequence[Affected]:
        """The lines in it."""

    @property
    def expected_by(self) -> datetime | None:
        """The new date."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What the next date of a line depends on: where it leaves, where it goes, by which service, after which work."""

    order_id: UUID
    line_no: int
    service: str
    timezone: str
    location_id: int
    from_country: str
    country: str
    postcode: str
    works: tuple[Work, ...]

    @property
    def sender(self) -> Sender:
        """Where it leaves."""
        return Sender(location_id=self.location_id, country=self.from_country, timezone=self.timezone)
