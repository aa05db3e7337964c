"""From a form's texts to typed values, with all that is wrong by field; and what changed, for the audit log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from doorstep.kit.errors import Fault, Invalid
from doorstep.kit.limits import AMOUNT_MINOR
from doorstep.kit.money import digits
from doorstep.web.console.places import CURRENCIES

T = TypeVar("T", bound=msgspec.Struct)
_NUMBER = re.compile(r"[0-9]{1,18}([.,][0-9]{1,4})?")  # as people write it, without exponents

# What to say of a field that does not fit its type.
_SAID = {
    "code": "A code has 1 to 40 letters, digits, _ and -, beginning with a letter or a digit.",
    "channel": "A channel's name has 1 to 40 small letters, digits, _ and -.",
    "service": "A service's code has 1 to 40 small letters, digits and -, beginning with a letter.",
    "name": "1 to 200 characters are needed.",
    "title": "1 to 200 characters are needed.",
    "city": "1 to 200 characters are needed.",
    "street": "1 to 200 characters are needed.",
    "carrier": "1 to 100 characters are needed.",
    "country": "Two capital letters, such as GB.",
    "currency": "Three capital letters, such as GBP.",
    "postcode": "1 to 20 characters are needed.",
    "latitude": "A number from -90 to 90, such as 51.5.",
    "longitude": "A number from -180 to 180, such as -0.12.",
    "cut_off": "A time of day, such as 14:00.",
    "priority": "A whole number from 0 to 10000.",
    "rank": "A whole number from 0 to 10000.",
    "risk_limit": "A whole number from 0 to 100.",
    "buffer_percent": "A whole number from 0 to 100.",
    "buffer_units": "A whole number, 1,000,000 at most.",
    "show_at_most": "A whole number from 1 to 1,000,000.",
    "feed_max_age_minutes": "A whole number of minutes from 1 to 525,600, which is a year.",
    "handling_days": "A whole number from 0 to 60.",
    "days": "A whole number from 0 to 90.",
    "sku": "A SKU has 1 to 100 characters.",
    "weight_g": "A whole number of grams, 2,000,000 at most.",
}


def typed(kind: type[T], values: Mapping[str, object]) -> T:
    """The values as a struct; a field that is missing gets its default. Raises Invalid naming every field at fault."""
    faults, made = [], {}
    for field in msgspec.structs.fields(kind):
        if field.name not in values:
            if field.required:
                faults.append(Fault(f"/{field.name}", _SAID.get(field.name, "This is needed.")))
            continue
        try:
            made[field.name] = msgspec.convert(values[field.name], field.type, strict=False)
        except msgspec.ValidationError as error:
            faults.append(Fault(f"/{field.name}", _SAID.get(field.name, f"{error}.")))
    if faults:
        raise Invalid(faults)
    return kind(**made)


def minor(text: str, currency: str, *, field: str) -> int:
    """An amount such as 3.95 (or 3,95) in minor units. Raises Invalid naming the field."""
    places = digits(currency)
    if _NUMBER.fullmatch(text):
        amount = Decimal(text.replace(",", ".")).scaleb(places)
        if amount == amount.to_integral_value() and amount <= AMOUNT_MINOR:
            return int(amount)
    example = "3.95" if places else "395"
    raise Invalid([Fault(f"/{field}", f"An amount of {currency}, such as {example}.")])


def major(amount_minor: int, currency: str) -> str:
    """An amount as `minor` reads it."""
    places = digits(currency)
    return f"{Decimal(amount_minor).scaleb(-places):.{places}f}"


def currency_choices(present: str) -> list[tuple[str, str]]:
    """What a field for a currency offers: the usual ones, and the present one."""
    return [(one, one) for one in sorted({*CURRENCIES, *filter(None, [present[:3]])})]


def plain(value: Any) -> dict[str, Any]:
    """A struct (or what is one no longer) as the audit log keeps it, with every field; None is nothing."""
    if value is None:
        return {}
    whole = value if isinstance(value, dict) else {name: getattr(value, name) for name in value.__struct_fields__}
    made: dict[str, Any] = msgspec.to_builtins(whole)
    return made


def difference(before: Any, after: Any) -> dict[str, Any]:
    """What an entry of the audit log holds of a change of one struct: the fields that differ, before and after."""
    old, new = plain(before), plain(after)
    fields = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return {
        "before": {name: old[name] for name in fields if name in old},
        "after": {name: new[name] for name in fields if name in new},
    }
