"""Settings: read from variables, and errors that name the variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from doorstep.settings import VARIABLES, Outside, Settings, SettingsError, environment, read

FULL = Settings(
    database_url="postgresql://doorstep:secret@db/doorstep",
    data=Path("/data"),
    secret="s" * 32,
    host="0.0.0.0",
    port=9000,
    processes=4,
    public_url="https://oms.example.test",
    proxies=2,
    pool_size=20,
    statement_cache=0,
    log_level="debug",
    log_format="text",
    carriers=(
        Outside(code="dove", url="https://dove.example.test", api_key="k", secret="whsec"),
        Outside(code="fast-track", url="http://127.0.0.1:1"),
    ),
    gateway=Outside(code="sandbox", url="http://127.0.0.1:2", secret="x"),
    mail=Outside(code="smtp", url="smtp+starttls://mail.example.test:587", username="u", sender="shop@example.test"),
    sms=Outside(code="http", url="http://127.0.0.1:3", sender="SHOP"),
)


def test_without_variables_the_defaults_hold() -> None:
    found = read({})
    assert (found.database_url, found.port, found.carriers, found.mail) == ("", 8080, (), None)
    assert found.data.is_absolute()
    assert found.url == "http://127.0.0.1:8080"


def test_settings_survive_the_way_through_the_environment() -> None:
    assert read(environment(FULL)) == FULL
    assert read(environment(read({}))) == read({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DOORSTEP_PORT", "0"),
        ("DOORSTEP_PORT", "eighty"),
        ("DOORSTEP_PORT", "٨٠"),
        ("DOORSTEP_PROCESSES", "-1"),
        ("DOORSTEP_PROXIES", "yes"),
        ("DOORSTEP_POOL_SIZE", "1.5"),
        ("DOORSTEP_LOG_LEVEL", "loud"),
        ("DOORSTEP_LOG_FORMAT", "xml"),
        ("DOORSTEP_DATABASE_URL", "mysql://x"),
        ("DOORSTEP_URL", "oms.example.test"),
        ("DOORSTEP_MAIL_URL", "http://mail"),
    ],
)
def test_an_error_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read({name: value})


def test_a_carrier_without_an_address_is_named() -> None:
    with pytest.raises(SettingsError, match="DOORSTEP_CARRIER_FAST_TRACK_URL"):
        read({"DOORSTEP_CARRIERS": "fast-track"})


def test_a_bad_database_url_is_not_repeated_for_it_holds_a_password() -> None:
    with pytest.raises(SettingsError) as caught:
        read({"DOORSTEP_DATABASE_URL": "mysql://me:hunter2@db"})
    assert "hunter2" not in str(caught.value)


def test_every_variable_we_read_is_explained() -> None:
    explained = " ".join(VARIABLES)
    for name in environment(FULL):
        bare = name.removeprefix("DOORSTEP_")
        for code in ("DOVE", "FAST_TRACK"):
            bare = bare.replace(code, "<CODE>")
        stem, _, account = bare.rpartition("_")
        assert bare in explained or (f"_{account}" in explained and stem in explained) or account == "KEY", name
