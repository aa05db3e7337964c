"""The table of settings is what the code reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from doorstep.settings import environment, read
from tests.docs.pages import page

ROW = re.compile(r"^\| `(DOORSTEP_[A-Z_<>]+)` \| (?:`([^`]*)`)? ?\|", re.MULTILINE)


class Asked(Mapping[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._given[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)


def documented() -> dict[str, str]:
    """Variable → default, as the table says."""
    return dict(ROW.findall(page("docs/operate/settings.md").text))


def test_every_setting_that_is_read_stands_in_the_table_and_no_other() -> None:
    given = {"CARRIERS": "x", "CARRIER_X_URL": "http://x", "GATEWAY_URL": "http://g"}
    given |= {"MAIL_URL": "smtp://m", "SMS_URL": "http://s"}
    asked = Asked({f"DOORSTEP_{name}": value for name, value in given.items()})
    read(asked)
    assert {name.replace("_CARRIER_X_", "_CARRIER_<CODE>_") for name in asked.names} == documented().keys()


def test_the_defaults_in_the_table_are_those_of_the_code() -> None:
    found = environment(read({}))
    found["DOORSTEP_DATA"] = Path(found["DOORSTEP_DATA"]).name
    assert {name: default for name, default in documented().items() if default} == found
