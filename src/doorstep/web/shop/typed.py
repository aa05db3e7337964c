"""What somebody typed at the checkout: put in order, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from doorstep.web.shop.wares import VAT_PERCENT

_LONGEST = {"email": 254, "postcode": 20, "service": 120, "number": 20, "phone": 30}
_ORDINARY = 200
FIELDS = (
    "name", "email", "phone", "street", "city", "postcode", "country",
    "service", "card", "tell_by", "only_if_late", "number", "goods",
)  # fmt: skip
_NEEDED = ("name", "email", "street", "city", "postcode")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+[0-9]{6,15}")
_POSTCODE = {
    "DE": re.compile(r"[0-9]{5}"),
    "AT": re.compile(r"[0-9]{4}"),
    "FR": re.compile(r"[0-9]{5}"),
    "NL": re.compile(r"[0-9]{4} ?[A-Z]{2}"),
    "GB": re.compile(r"[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}"),
    "IE": re.compile(r"[A-Z][0-9][0-9W] ?[0-9A-Z]{4}"),
}


def tidy(fields: Mapping[str, str]) -> dict[str, str]:
    """Every field, cut to size; unknown ones are left behind, and a country we do not deliver to is the first one."""
    found = {name: " ".join(fields.get(name, "").split())[: _LONGEST.get(name, _ORDINARY)] for name in FIELDS}
    found["postcode"] = found["postcode"].upper()
    phone = re.sub(r"[\s()/.-]", "", found["phone"])
    found["phone"] = f"+{phone[2:]}" if phone.startswith("00") else phone
    if found["country"] not in VAT_PERCENT:
        found["country"] = next(iter(VAT_PERCENT))
    return found


def ready(fields: Mapping[str, str]) -> bool:
    """Whether enough is known to ask how it can be delivered."""
    pattern = _POSTCODE.get(fields["country"])
    return pattern is not None and pattern.fullmatch(fields["postcode"]) is not None


def faults_of(fields: Mapping[str, str]) -> dict[str, str]:
    """What is wrong, by field: needed, or unfit."""
    faults = {name: "needed" for name in _NEEDED if not fields[name]}
    if fields["email"] and not _EMAIL.fullmatch(fields["email"]):
        faults["email"] = "unfit"
    if fields["postcode"] and not ready(fields):
        faults["postcode"] = "unfit"
    if fields["phone"] and not _PHONE.fullmatch(fields["phone"]):
        faults["phone"] = "unfit"
    if fields["tell_by"] == "sms" and not fields["phone"]:
        faults["phone"] = "needed"
    return faults
