"""The people of the demo: the data has customer numbers only, so names, addresses and wishes are made up, by a seed.

Mail goes to example.test, telephone numbers are of the range that Ofcom keeps for drama (07700 900000 to 900999),
outcodes are real and everything more precise than them is made up.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterable
from importlib import resources

import msgspec

from doorstep.demo.model import Address, Customer, Preferences
from doorstep.demo.places import Outcode
from doorstep.demo.slice import Sale

GERMAN_SPEAKING = frozenset({"Germany", "Austria", "Switzerland"})
GERMAN_SHARE_AT_HOME = 0.04
SMS_SHARE = 0.18
PHONE_SHARE = 0.5
ONLY_IF_LATE_SHARE = 0.12
COMPANY_SHARE = 0.3
DRAMA_NUMBERS = 1_000

# Customers abroad receive through a forwarding agent at a port or airport: the demo delivers in the United Kingdom.
_AGENTS = {"EIRE": "LL65", "Channel Islands": "PO1", "Germany": "IP11", "Netherlands": "IP11", "Denmark": "IP11"}
_AGENT_ELSEWHERE = "CT17"
_INWARD_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What names, streets and shops are made up of."""

    first: list[str]
    last: list[str]
    german_first: list[str]
    german_last: list[str]
    streets: list[str]
    trades: list[str]


def load_words() -> Words:
    """Read the word lists that ship with the package."""
    packed = resources.files("doorstep.demo").joinpath("data").joinpath("people.json").read_bytes()
    return msgspec.json.decode(packed, type=Words)


def reference_of(sale: Sale) -> str:
    """The customer number of the data, or a reference of its own for a guest."""
    return sale.customer or f"guest-{sale.invoice}"


def people_of(sales: Iterable[Sale], outcodes: dict[str, Outcode], seed: int) -> dict[str, tuple[Customer, Address]]:
    """Make up a person and an address for every customer, in the order in which they first buy."""
    rng = random.Random(f"{seed}/people")
    words = load_words()
    codes = list(outcodes.values())
    people: dict[str, tuple[Customer, Address]] = {}
    phones = 0
    for sale in sales:
        reference = reference_of(sale)
        if reference in people:
            continue
        customer = _customer(rng, words, sale, reference, phones)
        phones += customer.phone is not None
        people[reference] = (customer, _address(rng, words, sale, customer, outcodes, codes))
    return people


def inward_code(rng: random.Random) -> str:
    """Make up the second half of a postcode: a digit and two letters of those in use."""
    return f"{rng.randint(1, 9)}{rng.choice(_INWARD_LETTERS)}{rng.choice(_INWARD_LETTERS)}"


def _customer(rng: random.Random, words: Words, sale: Sale, reference: str, phones: int) -> Customer:
    german = sale.country in GERMAN_SPEAKING or rng.random() < GERMAN_SHARE_AT_HOME
    first = rng.choice(words.german_first if german else words.first)
    last = rng.choice(words.german_last if german else words.last)
    # A number belongs to one person, so that a text message proves whom it reached.
    numbers_left = phones < DRAMA_NUMBERS
    sms = rng.random() < SMS_SHARE and numbers_left
    phone = f"+447700900{phones:03d}" if numbers_left and (sms or rng.random() < PHONE_SHARE) else None
    return Customer(
        reference=reference,
        name=f"{first} {last}",
        email=f"{_ascii(first)}.{_ascii(last)}.{reference.removeprefix('guest-')}@example.test",
        phone=phone,
        guest=not sale.customer,
        country=sale.country,
        preferences=Preferences(
            channel="sms" if sms else "email",
            language="de" if german else "en",
            only_if_late=rng.random() < ONLY_IF_LATE_SHARE,
        ),
    )


def _address(
    rng: random.Random, words: Words, sale: Sale, customer: Customer, outcodes: dict[str, Outcode], codes: list[Outcode]
) -> Address:
    abroad = sale.country != "United Kingdom"
    company: str | None
    if abroad:
        outcode = outcodes[_AGENTS.get(sale.country, _AGENT_ELSEWHERE)]
        company = f"c/o Quayside Forwarding ({sale.country.title()})"
    else:
        outcode = rng.choice(codes)
        trade = not customer.guest and rng.random() < COMPANY_SHARE
        company = f"{customer.name.split()[-1]} {rng.choice(words.trades)}" if trade else None
    return Address(
        name=customer.name,
        company=company,
        street=f"{rng.randint(1, 180)} {rng.choice(words.streets)}",
        city=outcode.place,
        outcode=outcode.outcode,
        inward=inward_code(rng),
        lat=outcode.lat,
        lon=outcode.lon,
    )


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ø", "o"))
    return "".join(letter for letter in plain.lower() if letter.isascii() and letter.isalpha())
