"""What an order is found by: words of letters and digits, and facets such as `=status=open`, as no word can look.

Words are folded: no capitals, accents or punctuation, so that `muller` finds Müller (and so does `mueller`), and
`AB-12` is found with the hyphen or without.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec

from doorstep.kit.limits import SEARCH_WORD, SEARCH_WORDS

QUARTER: Final = timedelta(minutes=15)
LAST: Final = "\U0010ffff"  # sorts behind every character
_LETTERS: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}
)
_NEITHER: Final = re.compile("[^a-z0-9]+")
_PARTS: Final = re.compile(r"[^\W_]+")
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All an order is found by and shown with in a list. `due` is when the first of what is still awaited was promised,
    None when nothing is; `promised_by` when all of it was.
    """

    order_id: Any
    number: str
    channel: str
    placed_at: datetime
    service: str
    lane: int
    status: str
    payment_status: str
    fulfillment_status: str
    currency: str
    total_minor: int
    customer: str
    email: str | None
    recipient: str
    units: int
    kinds: list[str]
    skus: list[str]
    titles: list[str]
    promised_by: datetime | None
    due: datetime | None
    gift_wrap: bool
    holds: list[str]
    locations: list[str]
    tracking: list[str]
    announced_late: bool

    @classmethod
    def of(cls, row: Any) -> Facts:
        """From a row of the database."""
        return cls(**dict(row))

    def late(self, now: datetime) -> bool:
        """Something promised by now is not there, or a parcel on its way is known to come after its promise."""
        return self.announced_late or (self.due is not None and moment(self.due) <= moment(now))


def terms_of(facts: Facts) -> frozenset[str]:
    """Every term an order is found by."""
    return facets(facts) | named(facts) | frozenset(word for title in facts.titles for word in _title(title))


def facets(facts: Facts) -> frozenset[str]:
    """The terms behind filters."""
    found = [
        ("status", facts.status),
        ("payment", facts.payment_status),
        ("fulfillment", facts.fulfillment_status),
        ("service", facts.service),
        ("lane", str(facts.lane)),
        ("channel", facts.channel),
        ("placed", quarter(facts.placed_at)),
        *(("kind", kind) for kind in facts.kinds),
        *(("hold", reason) for reason in facts.holds),
        *(("location", code) for code in facts.locations),
        *([("wrap", "yes")] if facts.gift_wrap else []),
        *([("due", moment(facts.due))] if facts.due else []),
        *([("late", "announced")] if facts.announced_late else []),
    ]
    return frozenset(facet(name, value) for name, value in found)


def facet(name: str, value: str) -> str:
    """`=name=value`: no word begins so. With an empty value, what all of the name begin with."""
    return f"={name}={value}"


def named(facts: Facts) -> frozenset[str]:
    """Words of number, people, SKUs and parcels."""
    found = _parts(facts.number) | _person(facts.customer) | _person(facts.recipient)
    if facts.email:
        found |= {fold(facts.email), fold(facts.email.rpartition("@")[2])}
    found |= {_code(sku) for sku in facts.skus} | {fold(number) for number in facts.tracking}
    return frozenset(found - {""})


def asked(text: str) -> list[str]:
    """The words of what somebody typed, folded; each is the beginning of a word to be found."""
    return list(dict.fromkeys(word for token in text.split() if (word := fold(token))))[:SEARCH_WORDS]


def fold(text: str) -> str:
    """One word: small letters and digits only, without accents, cut to what an index keeps."""
    if text.isascii():
        return _NEITHER.sub("", text.lower())[:SEARCH_WORD]
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(character for character in plain if character.isalnum())[:SEARCH_WORD]


def moment(at: datetime) -> str:
    """A time as text that sorts by time, to the second."""
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S")


def quarter(at: datetime) -> str:
    """The quarter of an hour a time is in: days of every zone begin with one."""
    at = at.astimezone(UTC)
    return at.replace(minute=at.minute // 15 * 15).strftime("%Y%m%d%H%M")


def _parts(text: str) -> set[str]:
    """The whole, and what stands between punctuation."""
    return {fold(text), *(fold(part) for part in _PARTS.findall(text))}


@lru_cache(maxsize=20_000)
def _person(name: str) -> frozenset[str]:
    """The words of a name: `Anna-Lena Müller` by anna, lena, annalena, muller and mueller."""
    small = unicodedata.normalize("NFC", name).casefold()
    return frozenset(part for word in {*small.split(), *small.translate(_UMLAUTS).split()} for part in _parts(word))


@lru_cache(maxsize=20_000)
def _code(sku: str) -> str:
    return fold(sku)


@lru_cache(maxsize=20_000)
def _title(title: str) -> frozenset[str]:
    return frozenset(word for word in _person(title) if len(word) > 1)
