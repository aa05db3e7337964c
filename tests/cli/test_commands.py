"""The command line: help, exit codes, JSON; brands, keys, migrations, audit, doctor."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from doorstep.cli import COMMANDS
from doorstep.db import Database
from doorstep.kit.errors import Unauthorized
from doorstep.web.api import Keys
from tests.cli.conftest import Run

NOWHERE = "postgresql://nobody@127.0.0.1:9/none"


def statement(dsn: str, text: str) -> None:
    """Run a statement in the brand main."""

    async def act() -> None:
        connection = await asyncpg.connect(dsn, server_settings={"search_path": "main,ext"})
        try:
            await connection.execute(text)
        finally:
            await connection.close()

    asyncio.run(act())


def test_help_names_every_command_and_the_exit_codes(bare: Run) -> None:
    ran = bare("--help")
    assert ran.code == 0
    assert all(name in ran.out for name in COMMANDS)
    assert "Exit codes" in ran.out


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "demo"])
def test_every_command_explains_itself_with_an_example(bare: Run, name: str) -> None:
    ran = bare(name, "--help")
    assert ran.code == 0
    assert "Examples:" in ran.out


@pytest.mark.parametrize(
    "arguments", [["nope"], ["brand"], ["up", "--port", "0"], ["import", "products"], ["key", "revoke", "x"]]
)
def test_wrong_usage_is_exit_code_2(bare: Run, arguments: list[str]) -> None:
    assert bare(*arguments).code == 2


def test_wrong_usage_is_json_when_asked_for(bare: Run) -> None:
    ran = bare("import", "nonsense", "/dev/null", "--json")
    assert ran.code == 2
    assert "nonsense" in ran.json["error"]


def test_a_wrong_setting_is_exit_code_2_and_names_the_variable(bare: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORSTEP_LOG_LEVEL", "loud")
    ran = bare("brand", "list")
    assert ran.code == 2
    assert "DOORSTEP_LOG_LEVEL" in ran.err


@pytest.mark.parametrize("arguments", [["brand", "list"], ["audit"], ["migrate"]])
def test_a_database_that_does_not_answer_is_exit_code_3(
    bare: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("DOORSTEP_DATABASE_URL", NOWHERE)
    ran = bare(*arguments, "--json")
    assert ran.code == 3
    assert ran.json["error"]


def test_a_server_that_does_not_answer_is_exit_code_3(bare: Run) -> None:
    assert bare("work", "list", "--key", "dsk_x", "--url", "http://127.0.0.1:9").code == 3


def test_a_brand_is_made_once(doorstep: Run) -> None:
    assert doorstep("brand", "create", "acme", "--title", "Acme", "--json").json == {"brand": "acme", "created": True}
    assert doorstep("brand", "create", "acme", "--json").json == {"brand": "acme", "created": False}
    assert doorstep("brand", "list", "--json").json == {"items": [{"brand": "acme"}, {"brand": "main"}]}
    assert doorstep("brand", "create", "Ümlaut").code == 1


def test_a_key_is_shown_once_works_and_can_be_revoked(doorstep: Run, dsn: str) -> None:
    made = doorstep("key", "create", "shop", "--json").json
    assert made["key"].startswith("dsk_main_")
    listed = doorstep("key", "list", "--json")
    assert made["key"] not in listed.out
    assert [key["name"] for key in listed.json["items"]] == ["shop"]

    async def actor() -> str:
        database = Database(dsn)
        try:
            found = await Keys(database).principal([(b"authorization", f"Bearer {made['key']}".encode())])
            return found.actor
        finally:
            await database.close()

    assert asyncio.run(actor()) == "key:shop"
    assert doorstep("key", "revoke", made["key_id"]).code == 0
    with pytest.raises(Unauthorized):
        asyncio.run(actor())
    assert doorstep("key", "revoke", made["key_id"]).code == 1


def test_a_key_for_a_brand_there_is_not_is_refused(doorstep: Run) -> None:
    ran = doorstep("key", "create", "shop", "--brand", "nobody", "--json")
    assert ran.code == 1
    assert "nobody" in ran.json["error"]


def test_migrating_again_changes_nothing(doorstep: Run) -> None:
    assert doorstep("migrate", "--json").json == {"applied": []}


def test_the_audit_of_a_sound_brand_is_exit_code_0(doorstep: Run) -> None:
    ran = doorstep("audit", "--json")
    assert ran.code == 0
    areas = {check["area"] for check in ran.json["brands"]["main"]["checks"]}
    assert areas == {"units", "money", "messages", "work"}
    assert ran.json["brands"]["main"]["stuck"] == 0


def test_the_audit_finds_a_unit_that_came_from_nowhere(doorstep: Run, dsn: str) -> None:
    statement(
        dsn,
        """
        INSERT INTO products (sku, title, weight_g, length_mm, width_mm, height_mm) VALUES ('MUG', 'A mug', 1, 1, 1, 1);
        INSERT INTO locations (code, name, kind, country, postcode, city, street, latitude, longitude, timezone)
        VALUES ('north', 'North', 'warehouse', 'GB', 'WA1', 'Warrington', '1 Mill Lane', 53, -2, 'Europe/London');
        INSERT INTO stock (sku_id, location_id, on_hand) SELECT sku_id, location_id, 5 FROM products, locations;
        """,
    )
    ran = doorstep("audit", "--json")
    assert ran.code == 1
    assert ran.json["failed"] == 1
    (wrong,) = [check for check in ran.json["brands"]["main"]["checks"] if not check["ok"]]
    assert wrong["area"] == "units"
    assert wrong["measured"] == 1
    for_people = doorstep("audit")
    assert for_people.code == 1
    assert wrong["check"] in for_people.out


def test_the_audit_finds_a_job_given_up_that_nobody_sees(doorstep: Run, dsn: str) -> None:
    statement(
        dsn,
        "INSERT INTO jobs (job_id, kind, subject, state, due_at)"
        " VALUES (gen_random_uuid(), 'test.work', gen_random_uuid(), 'poisoned', now())",
    )
    ran = doorstep("audit", "--json")
    assert ran.code == 1
    assert ran.json["brands"]["main"]["stuck"] == 1


def test_the_doctor_finds_a_sound_database(doorstep: Run) -> None:
    ran = doorstep("doctor", "--json")
    assert ran.code == 0, ran.out
    found = {check["name"]: check["state"] for check in ran.json["checks"]}
    assert {found[name] for name in ("python", "postgres", "clock", "migrations", "work main")} == {"good"}


def test_the_doctor_says_what_to_do_about_a_lost_database(bare: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORSTEP_DATABASE_URL", NOWHERE)
    ran = bare("doctor", "--json")
    assert ran.code == 1
    (postgres,) = [check for check in ran.json["checks"] if check["name"] == "postgres"]
    assert postgres["state"] == "bad"
    assert postgres["advice"]


def test_the_doctor_notices_migrations_not_applied(doorstep: Run, dsn: str) -> None:
    statement(dsn, "DELETE FROM doorstep.migrations WHERE scope = 'main'")
    ran = doorstep("doctor", "--json")
    assert ran.code == 1
    (found,) = [check for check in ran.json["checks"] if check["name"] == "migrations"]
    assert "doorstep migrate" in found["advice"]


def test_the_doctor_notices_that_nobody_works(doorstep: Run, dsn: str) -> None:
    statement(
        dsn,
        "INSERT INTO events (event_id, partition, kind, actor, data, occurred_at, recorded_at)"
        " VALUES (gen_random_uuid(), 0, 'test.rang', 'test', '{}', now(), now() - interval '5 minutes')",
    )
    ran = doorstep("doctor", "--json")
    assert ran.code == 1
    assert "doorstep worker" in next(check["advice"] for check in ran.json["checks"] if check["state"] == "bad")


def test_the_doctor_notices_a_partner_that_does_not_answer(doorstep: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORSTEP_CARRIERS", "dove")
    monkeypatch.setenv("DOORSTEP_CARRIER_DOVE_URL", "http://127.0.0.1:9")
    ran = doorstep("doctor", "--json")
    assert ran.code == 1
    assert next(check for check in ran.json["checks"] if check["name"] == "dove")["state"] == "bad"


def test_a_user_is_added_listed_reset_and_disabled(doorstep: Run) -> None:
    made = doorstep("user", "create", "Ada@Shop.test", "--name", "Ada", "--role", "admin", "--json").json
    assert (made["login"], made["role"]) == ("ada@shop.test", "admin")
    assert doorstep("user", "create", "ada@shop.test", "--json").code == 1
    assert doorstep("user", "create", "bob", "--role", "vendor", "--json").code == 1
    assert doorstep("user", "create", "bob", "--location", "nowhere", "--json").code == 1
    first, second = made["password"], doorstep("user", "create", "bob", "--json").json["password"]
    assert first != second
    listed = doorstep("user", "list", "--json").json["items"]
    assert [(one["login"], one["role"], one["locations"]) for one in listed] == [
        ("ada@shop.test", "admin", None),
        ("bob", "agent", None),
    ]
    assert doorstep("user", "reset-password", "ADA@shop.test", "--json").json["password"] not in (first, second)
    assert doorstep("user", "disable", "bob", "--json").json == {"login": "bob", "disabled": True}
    assert "disabled" in doorstep("user", "list").out
    assert doorstep("user", "disable", "bob", "--undo").code == 0
    refused = doorstep("user", "disable", "ada@shop.test", "--json")
    assert refused.code == 1
    assert "last admin" in refused.json["error"]
    assert doorstep("user", "reset-password", "nobody", "--json").code == 1


def test_somebody_of_another_brand_keeps_their_password(doorstep: Run) -> None:
    assert doorstep("brand", "create", "other").code == 0
    assert doorstep("user", "create", "ada", "--json").json["password"]
    joined = doorstep("user", "create", "ada", "--brand", "other", "--role", "viewer", "--json").json
    assert joined == {"login": "ada", "brand": "other", "role": "viewer", "password": None}
