"""Settings: users and API keys. Who may, what is refused, what two at once can do."""

from __future__ import annotations

import asyncio
import re

import pytest

from doorstep.db import Database
from doorstep.db.migrate import create_brand
from doorstep.kit.errors import Conflict
from doorstep.kit.ids import new_id, show
from doorstep.web.api import keys
from doorstep.web.console import people
from doorstep.web.console.staff import Role
from tests.support.shop import Shop
from tests.support.staff import HASH, PASSWORD, Desk, Hire

USERS, KEYS = "/console/settings/users", "/console/settings/api-keys"


async def id_of(shop: Shop, login: str) -> str:
    return show("usr", await shop.value("SELECT user_id FROM doorstep.users WHERE login = $1", login))


async def log_in(shop: Shop, login: str, password: str) -> int:
    answer = await shop.client.post("/console/login", data={"login": login, "password": password})
    shop.client.cookies.clear()
    return answer.status_code


async def actions(shop: Shop) -> list[str]:
    return list(await shop.value("SELECT coalesce(array_agg(action ORDER BY entry_id), '{}') FROM audit_log"))


@pytest.mark.parametrize("role", ["agent", "floor", "vendor", "viewer"])
async def test_only_an_admin_sees_settings(shop: Shop, hire: Hire, role: Role) -> None:
    desk = await hire(role, locations=["north"])
    some = show("usr", new_id())
    for path in (
        "/console/settings", USERS, f"{USERS}/new", f"{USERS}/{some}", f"{USERS}/{some}/disable", KEYS,
        f"{KEYS}/{show('key', new_id())}/revoke", "/console/audit-log", "/console/audit-log.csv",
    ):  # fmt: skip
        await desk.get(path, expect=403)
    for path in (f"{USERS}/new", f"{USERS}/{some}/change", f"{USERS}/{some}/disable", KEYS):
        await desk.post(path, {"login": "eve", "name": "Eve", "role": "admin"}, expect=403)
    assert await actions(shop) == []


async def test_somebody_added_logs_in_with_the_password_shown_once(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    fields: dict[str, object] = {
        "login": "Ada@Shop.test",
        "name": "Ada",
        "role": "floor",
        "where": "some",
        "at-1": "on",
        "key": "form1",
    }
    answer = await desk.post(f"{USERS}/new", fields, expect=200)  # twice, as `post` does: the same password
    again = await desk.post(f"{USERS}/new", fields, expect=200)
    (password,) = re.findall(r"<code data-copy>([0-9a-f-]{24})</code>", answer.text)
    assert password in again.text
    assert await log_in(shop, "ada@shop.test", password) == 303
    assert password not in await desk.get(USERS)
    assert "first password" in await desk.get(USERS)
    row = await shop.value("SELECT location_ids FROM doorstep.memberships m JOIN doorstep.users u USING (user_id) "
        "WHERE u.login = 'ada@shop.test'")  # fmt: skip
    assert row == [1]
    assert await actions(shop) == ["users.add"]
    assert password not in str(await shop.value("SELECT array_agg(detail) FROM audit_log"))


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"login": "", "name": "Ada"}, 422, "A login is"),
        ({"login": "<script>alert(1)</script>", "name": "Ada"}, 422, "A login is"),
        ({"login": "ada", "name": "x" * 101}, 422, "A name has"),
        ({"login": "ada", "name": "A\u202ebc"}, 422, "A name has"),
        ({"login": "ada", "name": "Ada", "role": "owner"}, 422, "A role is one of"),
        ({"login": "ada", "name": "Ada", "role": "vendor"}, 422, "A vendor needs"),
        ({"login": "ada", "name": "Ada", "where": "some", "at-99999999999": "on", "role": "vendor"}, 200, "ada"),
    ],
)
async def test_an_unfit_form_says_what_is_wrong_and_keeps_what_was_typed(
    shop: Shop, hire: Hire, fields: dict[str, object], status: int, says: str
) -> None:
    desk = await hire("admin")
    answer = await desk.post(f"{USERS}/new", {"role": "agent", **fields}, expect=status)
    assert says in answer.text
    assert "<script>alert" not in answer.text


async def test_a_login_that_is_taken_is_refused(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    answer = await desk.post(f"{USERS}/new", {"login": desk.login, "name": "Eve", "role": "admin"}, expect=409)
    assert "is taken" in answer.text


async def test_a_hostile_name_is_shown_as_text(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    name = '"><script>alert(1)</script>'
    await desk.post(f"{USERS}/new", {"login": "eve", "name": name, "role": "viewer"}, expect=200)
    for path in (USERS, f"{USERS}/{await id_of(shop, 'eve')}", f"{USERS}/{await id_of(shop, 'eve')}/disable"):
        page = await desk.get(path)
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


async def test_a_new_role_and_other_places_hold_at_once(shop: Shop, hire: Hire) -> None:
    admin, desk = await hire("admin"), await hire("agent")
    await desk.get("/console/account")
    path = f"{USERS}/{await id_of(shop, desk.login)}"
    await admin.post(f"{path}/change", {"name": "Ada", "role": "floor", "where": "some", "at-2": "on"})
    assert "Saved." in await admin.get(f"{path}?said=saved")
    assert "Floor" in await desk.get("/console/account")
    detail = await shop.value("SELECT detail FROM audit_log")
    assert detail == {
        "before": {"role": "agent", "location_ids": None},
        "after": {"role": "floor", "location_ids": [2]},
    }


async def test_a_reset_password_ends_the_sessions_and_is_shown_once(shop: Shop, hire: Hire) -> None:
    admin, desk = await hire("admin"), await hire("agent")
    path = f"{USERS}/{await id_of(shop, desk.login)}/reset-password"
    assert "stops working at once" in await admin.get(path)
    assert await log_in(shop, desk.login, PASSWORD) == 303
    answer = await admin.post(path, expect=200)
    (password,) = re.findall(r"<code data-copy>([0-9a-f-]{24})</code>", answer.text)
    await desk.get("/console/account", expect=303)
    assert await log_in(shop, desk.login, PASSWORD) == 422
    assert await log_in(shop, desk.login, password) == 303


async def test_who_is_disabled_is_out_at_once_and_may_come_back(shop: Shop, hire: Hire) -> None:
    admin, desk = await hire("admin"), await hire("agent")
    path = f"{USERS}/{await id_of(shop, desk.login)}"
    await admin.post(f"{path}/disable")
    await desk.get("/console/account", expect=303)
    assert await log_in(shop, desk.login, PASSWORD) == 422
    await admin.post(f"{path}/enable")
    assert await log_in(shop, desk.login, PASSWORD) == 303
    assert await actions(shop) == ["users.disable", "users.enable"]


async def test_nobody_takes_away_their_own_account_or_role(shop: Shop, hire: Hire) -> None:
    desk, _ = await hire("admin"), await hire("admin")
    path = f"{USERS}/{await id_of(shop, desk.login)}"
    for deed in ("disable", "leave", "reset-password"):
        await desk.post(f"{path}/{deed}", expect=409)
    await desk.post(f"{path}/change", {"name": "Me", "role": "viewer", "where": "some"})
    assert "Admin" in await desk.get("/console/account")


async def other_admin(shop: Shop, database: Database, hire: Hire) -> tuple[Desk, str]:
    """An admin of main, and the path of an agent of main who is an admin of another brand."""
    await create_brand(database.dsn, "other", "Other")
    admin, desk = await hire("admin"), await hire("agent")
    async with database.shared() as tx:
        assert await people.join(tx, login=desk.login, brand="other", role="admin")
    return admin, f"{USERS}/{await id_of(shop, desk.login)}"


async def test_an_admin_of_one_brand_cannot_get_into_another_by_a_password(
    shop: Shop, hire: Hire, database: Database
) -> None:
    admin, path = await other_admin(shop, database, hire)
    for deed in ("disable", "reset-password", "enable"):
        await admin.post(f"{path}/{deed}", expect=409)
    await admin.post(f"{path}/change", {"name": "Somebody else", "role": "agent"}, expect=409)
    await admin.post(f"{path}/leave")
    await admin.get(path, expect=404)


async def test_people_of_another_brand_are_not_found(shop: Shop, hire: Hire, database: Database) -> None:
    await create_brand(database.dsn, "other", "Other")
    admin, stranger = await hire("admin"), await hire("agent", brand="other")
    path = f"{USERS}/{await id_of(shop, stranger.login)}"
    await admin.get(path, expect=404)
    await admin.post(f"{path}/disable", expect=404)
    assert stranger.login not in await admin.get(USERS)


@pytest.mark.parametrize("guarded", [True, False])
async def test_two_admins_cannot_take_each_other_away_at_the_same_time(
    shop: Shop, hire: Hire, database: Database, guarded: bool
) -> None:
    """Control: without the trigger both succeed and nobody is left."""
    one, two = await hire("admin"), await hire("admin")
    if not guarded:
        async with database.shared() as tx:
            await tx.execute("ALTER TABLE users DISABLE TRIGGER users_keep_an_admin")
    both_are_in = asyncio.Barrier(2)

    async def disable(login: str) -> bool:
        try:
            async with shop.brand.transaction() as tx:
                person = await people.somebody(tx, "main", login)
                await both_are_in.wait()
                await people.disable(tx, person)
        except Conflict:
            return False
        return True

    done = await asyncio.gather(disable(one.login), disable(two.login))
    left = await shop.value("SELECT count(*) FROM doorstep.users WHERE disabled_at IS NULL")
    assert (sorted(done), left) == (([False, True], 1) if guarded else ([True, True], 0))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE doorstep.users SET disabled_at = now()",
        "UPDATE doorstep.memberships SET role = 'viewer'",
        "DELETE FROM doorstep.memberships",
    ],
)
async def test_the_database_itself_keeps_an_admin(shop: Shop, hire: Hire, change: str) -> None:
    await hire("admin")
    with pytest.raises(Exception, match="a brand keeps an admin"):
        async with shop.brand.transaction() as tx:
            await tx.execute(change)


async def test_the_list_goes_on_where_a_page_ended(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    async with shop.brand.transaction() as tx:
        for n in range(60):
            await tx.execute(people.SQL.add_user, new_id(), f"p{n:03}", f"P {n}", HASH, False, "en")
            await tx.execute(
                people.SQL.put_membership,
                await tx.fetchval("SELECT user_id FROM doorstep.users WHERE login = $1", f"p{n:03}"),
                "main",
                "viewer",
                None,
            )
    seen, path = 0, USERS
    while path:
        page = await desk.get(path)
        seen += page.count("data-row ")
        following = re.search(r'href="(\?after=[^"]+)"', page)
        path = f"{USERS}{following[1]}" if following else ""
    assert seen == 61


async def test_a_key_is_shown_once_works_and_stops_working(
    shop: Shop, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_CACHED_S", -1.0)  # else an answer is remembered for five seconds
    desk = await hire("admin")
    answer = await desk.post(KEYS, {"name": "Web <b>shop</b>", "scope": "read"}, expect=200)
    (secret,) = set(re.findall(r"dsk_main_[0-9a-f]{48}", answer.text))
    assert "<b>shop" not in answer.text
    assert secret not in await desk.get(KEYS)
    headers = {"authorization": f"Bearer {secret}"}
    assert (await shop.client.get("/v1/services", headers=headers)).status_code == 200
    assert (await shop.client.put("/v1/services", json=[], headers=headers)).status_code == 403
    key_id = await shop.value("SELECT key_id FROM doorstep.api_keys WHERE name LIKE 'Web%'")
    path = f"{KEYS}/{show('key', key_id)}/revoke"
    assert "refused within five seconds" in await desk.get(path)
    await desk.post(path)
    assert (await shop.client.get("/v1/services", headers=headers)).status_code == 401
    await desk.post(path, expect=409)
    assert await actions(shop) == ["api_keys.make", "api_keys.revoke"]


async def test_a_key_of_another_brand_is_not_found(shop: Shop, hire: Hire, database: Database) -> None:
    from doorstep.web.api import create

    await create_brand(database.dsn, "other", "Other")
    async with database.shared() as tx:
        key_id, _ = await create(tx, brand="other", name="theirs", scope="write")
    desk = await hire("admin")
    await desk.post(f"{KEYS}/{show('key', key_id)}/revoke", expect=404)
    await desk.get(f"{KEYS}/{show('key', key_id)}/revoke", expect=404)
    assert await shop.value("SELECT revoked_at FROM doorstep.api_keys WHERE key_id = $1", key_id) is None


async def test_a_key_without_a_name_is_refused(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    for name in ("", "x" * 101, "a\u202eb"):
        answer = await desk.post(KEYS, {"name": name}, expect=422)
        assert "1 to 100 printable" in answer.text
