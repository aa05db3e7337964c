"""Adapters are found by name, ours and those of other packages."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from doorstep.adapters import registry
from doorstep.adapters.settings import Settings


async def test_the_built_in_adapters_need_no_installation() -> None:
    settings = Settings(base_url="http://127.0.0.1:1")
    mail = Settings(base_url="smtp://127.0.0.1:1")
    made: list[Any] = [
        registry.carrier("sandbox", settings),
        registry.gateway("sandbox", settings),
        registry.mailer("smtp", mail),
        registry.sms_sender("http", settings),
    ]
    assert [each.code for each in made] == ["sandbox", "sandbox", "smtp", "http"]
    for each in made:
        await each.aclose()


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(LookupError, match=r"doorstep\.carriers has no 'pigeon'; it has .*sandbox"):
        registry.carrier("pigeon", Settings(base_url=""))


def test_a_mailer_is_no_sms_sender() -> None:
    with pytest.raises(LookupError):
        registry.sms_sender("smtp", Settings(base_url=""))


def test_another_package_adds_a_carrier_and_may_replace_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = [
        EntryPoint("pigeon", "builtins:repr", registry.CARRIERS),
        EntryPoint("sandbox", "builtins:repr", registry.CARRIERS),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints(theirs).select(group=group))
    assert registry.codes(registry.CARRIERS) == ("pigeon", "sandbox")
    settings = Settings(base_url="http://x")
    made: list[object] = [registry.carrier("pigeon", settings), registry.carrier("sandbox", settings)]
    assert made == [repr(settings)] * 2


@pytest.mark.parametrize("base_url", ["", "http://127.0.0.1", "smtp://", "127.0.0.1:25"])
def test_a_mail_server_needs_a_mail_address(base_url: str) -> None:
    with pytest.raises(ValueError):
        registry.mailer("smtp", Settings(base_url=base_url))
