"""The console's door: who gets in, who does not, and what a stranger can try."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx2
import msgspec
import pytest

from doorstep.db import Database
from doorstep.kit.errors import Conflict, Invalid
from doorstep.web.console import door, people
from doorstep.web.console.staff import PERMISSIONS, ROLES, Role
from tests.support.shop import Shop
from tests.support.staff import HASH, PASSWORD, Hire


async def log_in(shop: Shop, login: str, password: str, **more: str) -> httpx2.Response:
    return await shop.client.post("/console/login", data={"login": login, "password": password, **more})


def token_of(answer: httpx2.Response) -> str:
    (cookie,) = [value for value in answer.headers.get_list("set-cookie") if value.startswith(door.COOKIE)]
    return cookie.partition(";")[0].partition("=")[2]


async def test_a_login_opens_a_session_and_the_logout_ends_it(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    answer = await log_in(shop, desk.login.upper(), PASSWORD, next="/console/account?said=language")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/account?said=language")
    (cookie,) = answer.headers.get_list("set-cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/console" in cookie
    token = token_of(answer)
    shop.client.cookies.clear()
    headers = {"cookie": f"{door.COOKIE}={token}"}
    assert (await shop.client.get("/console/account", headers=headers)).status_code == 200
    await desk.post("/console/logout", expect=303)
    assert (await shop.client.get("/console/account", headers=desk.headers)).status_code == 303
    assert (await shop.client.get("/console/account", headers=headers)).status_code == 200  # another session


async def test_a_planted_session_is_worth_nothing_after_the_login(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    planted = "planted-by-somebody-else-0123456789"
    headers = {"cookie": f"{door.COOKIE}={planted}"}
    answer = await shop.client.post("/console/login", data={"login": desk.login, "password": PASSWORD}, headers=headers)
    assert token_of(answer) != planted
    shop.client.cookies.clear()
    assert (await shop.client.get("/console/account", headers=headers)).status_code == 303


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.test/", "//evil.test/console", "/console/../v1/orders", "/\\evil.test", "/consolexyz",
        "javascript:alert(1)", "/console/login", "/console/logout", "/console//evil.test",
        "/console?x=\r\nset-cookie: a=b", "",
    ],
)  # fmt: skip
async def test_the_login_leads_to_the_console_and_nowhere_else(shop: Shop, hire: Hire, wanted: str) -> None:
    desk = await hire("admin")
    answer = await log_in(shop, desk.login, PASSWORD, next=wanted)
    assert answer.headers["location"] == "/console"


async def test_a_wrong_name_and_a_wrong_password_look_alike(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    wrong, unknown = await log_in(shop, desk.login, "no"), await log_in(shop, "nobody", "no")
    assert wrong.status_code == unknown.status_code == 422
    assert wrong.text == unknown.text
    assert "set-cookie" not in wrong.headers


async def test_after_five_wrong_passwords_even_the_right_one_is_not_heard(shop: Shop, hire: Hire) -> None:
    desk, other = await hire("admin"), await hire("agent")
    answers = await asyncio.gather(*(log_in(shop, desk.login, f"guess {n}") for n in range(8)))
    assert sorted(answer.status_code for answer in answers) == [422] * 5 + [429] * 3
    assert (await log_in(shop, desk.login, PASSWORD)).status_code == 429
    assert (await log_in(shop, other.login, PASSWORD)).status_code == 303


async def test_a_good_login_forgets_the_bad_ones_before_it(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    for _ in range(3):
        for _ in range(4):
            assert (await log_in(shop, desk.login, "no")).status_code == 422
        assert (await log_in(shop, desk.login, PASSWORD)).status_code == 303


async def test_who_gets_in_uses_nobody_elses_tries_up(shop: Shop, hire: Hire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "ADDRESS", 3)
    desks = [await hire("agent") for _ in range(5)]
    for desk in desks:  # a shift begins, all behind one address
        assert (await log_in(shop, desk.login, PASSWORD)).status_code == 303
    statuses = [(await log_in(shop, f"nobody-{n}", "no")).status_code for n in range(4)]
    assert statuses == [422, 422, 422, 429]


@pytest.mark.parametrize(
    ("proxies", "ours", "theirs", "heard"),
    [
        (1, "192.0.2.7", "192.0.2.8", True),
        (
            1,
            "192.0.2.7, 198.51.100.1",
            "192.0.2.8, 198.51.100.1",
            False,
        ),  # what a caller writes in front is not believed
        (2, "192.0.2.7, 198.51.100.1", "192.0.2.8, 198.51.100.1", True),
        (1, "2001:db8::1", "2001:db8::2", False),  # one network
        (1, "2001:db8::1", "2001:db8:0:1::1", True),
        (0, "192.0.2.7", "192.0.2.8", False),
        (1, "<b>", "<b>", False),
    ],
)
async def test_behind_proxies_a_strangers_guesses_lock_the_stranger_out(
    shop: Shop, hire: Hire, proxies: int, ours: str, theirs: str, heard: bool
) -> None:
    desk = await hire("admin")
    state = shop.client._transport.app.state  # type: ignore[attr-defined]  # the application behind the test's client
    state.settings = msgspec.structs.replace(state.settings, proxies=proxies)

    async def tried(password: str, address: str) -> int:
        fields, headers = {"login": desk.login, "password": password}, {"x-forwarded-for": address}
        return (await shop.client.post("/console/login", data=fields, headers=headers)).status_code

    assert [await tried("no", theirs) for _ in range(6)] == [422] * 5 + [429]
    assert await tried(PASSWORD, ours) == (303 if heard else 429)


async def test_a_password_that_was_replaced_while_it_was_looked_at_lets_nobody_in(
    shop: Shop, hire: Hire, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, slow = await hire("agent"), people.is_right

    other = await people.hash_password("another long one")

    async def meanwhile(password: str, kept: str | None) -> bool:
        right = await slow(password, kept)
        async with database.shared() as tx:
            await people.reset_password(tx, await people.somebody(tx, "main", desk.login), other)
        return right

    monkeypatch.setattr(people, "is_right", meanwhile)
    assert (await log_in(shop, desk.login, PASSWORD)).status_code == 422


async def test_a_session_ends_when_it_is_idle_or_old_or_the_person_leaves(
    shop: Shop, hire: Hire, database: Database
) -> None:
    for change in (
        "UPDATE sessions SET seen_at = now() - interval '13 hours'",
        "UPDATE sessions SET began_at = now() - interval '8 days'",
        "UPDATE users SET disabled_at = now()",
        "DELETE FROM memberships",
    ):
        desk = await hire("agent")  # a brand keeps its last admin
        assert desk.login in await desk.get("/console/account")
        async with database.shared() as tx:
            await tx.execute(change)
        assert desk.login not in await desk.get("/console/account", expect=303)


@pytest.mark.parametrize("csrf", ["", "x", "0" * 64, "é"])
async def test_a_form_without_its_proof_does_nothing(shop: Shop, hire: Hire, csrf: str) -> None:
    desk = await hire("admin")
    await desk.post("/console/account/language", {"language": "de", "csrf": csrf}, expect=403)
    assert '<html lang="en">' in await desk.get("/console/account")
    other = await hire("admin")
    await desk.post("/console/account/language", {"language": "de", "csrf": other.csrf}, expect=403)


async def test_a_form_sent_by_another_site_does_nothing(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    answer = await shop.client.post(
        "/console/account/language",
        data={"language": "de", "csrf": desk.csrf},
        headers={**desk.headers, "sec-fetch-site": "cross-site"},
    )
    assert answer.status_code == 400


async def test_the_first_password_must_be_replaced_before_anything_else(shop: Shop, database: Database) -> None:
    password = await people.ensure_admin(database, "main")
    assert password is not None
    assert await people.ensure_admin(database, "main") is None
    token = token_of(await log_in(shop, "admin", password))
    shop.client.cookies.clear()
    headers = {"cookie": f"{door.COOKIE}={token}"}
    first = await shop.client.get("/console", headers=headers)
    csrf = (await shop.client.get("/console/account", headers=headers)).text.partition('name="csrf" value="')[2][:64]
    assert (first.status_code, first.headers["location"]) == (303, "/console/account?said=change_first")

    async def change(old: str, new: str, again: str = "") -> int:
        fields = {"csrf": csrf, "old": old, "password": new, "again": again or new}
        answer = await shop.client.post("/console/account/password", data=fields, headers=headers)
        return answer.status_code

    assert await change("wrong", "a long enough one") == 422
    assert await change(password, "short") == 422
    assert await change(password, "aaaaaaaaaaaaaaaa") == 422
    assert await change(password, "admin is my name") == 422
    assert await change(password, "a long enough one", "another one, also long") == 422
    assert await change(password, "a long enough one") == 303
    assert (await log_in(shop, "admin", password)).status_code == 422
    assert (await log_in(shop, "admin", "a long enough one")).status_code == 303


async def test_who_works_for_two_brands_changes_over_and_sees_only_their_own(
    shop: Shop, hire: Hire, database: Database
) -> None:
    desk = await hire("admin")
    await desk.post("/console/account/brand", {"brand": "other"})
    assert "Work for" not in await desk.get("/console/account")


@pytest.mark.parametrize(
    ("login", "name", "role"),
    [
        ("", "Ada", "admin"),
        ("a b", "Ada", "admin"),
        ("ada@", "Ada", "admin"),
        ("<script>", "Ada", "admin"),
        ("ada", "", "admin"),
        ("ada", "A\0", "admin"),
        ("ada", "Ada", "owner"),
        ("ada", "Ada", "vendor"),
    ],
)
async def test_an_unfit_account_is_refused(shop: Shop, database: Database, login: str, name: str, role: Role) -> None:
    with pytest.raises(Invalid):
        async with database.shared() as tx:
            await people.add(tx, login=login, name=name, password_hash=HASH, brand="main", role=role)


@pytest.mark.parametrize("password", ["short", "x" * 201, "aaaaaaaaaaaaaaaa", "eddy-is-here"])
def test_an_unfit_password_is_refused(password: str) -> None:
    with pytest.raises(Invalid):
        people.check_password(password, login="eddy")


def test_a_short_login_may_be_in_a_password_by_chance() -> None:
    people.check_password("12ed-90ab-cdef", login="ed")
    assert len(people.random_password()) >= people.PASSWORD_LEAST


async def test_a_login_is_one_persons_however_it_is_written(shop: Shop, database: Database) -> None:
    async with database.shared() as tx:
        await people.add(tx, login="Ada@Shop.test", name="Ada", password_hash=HASH, brand="main", role="agent")
    with pytest.raises(Conflict):
        async with database.shared() as tx:
            await people.add(tx, login="ada@shop.TEST", name="Ada", password_hash=HASH, brand="main", role="agent")


def test_every_route_of_the_console_names_the_permission_it_needs() -> None:
    from doorstep.web.console.handlers import HANDLERS

    free = {"/console/login"}
    for handler in HANDLERS:
        if not set(handler.paths) <= free:
            assert handler.opt.get("needs") in PERMISSIONS, handler.paths
            assert door.guard in (handler.guards or []), handler.paths
    assert all(roles <= set(ROLES) and "admin" in roles for roles in PERMISSIONS.values())


async def test_time_passes_once_for_each_press_and_it_is_written_down(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    state = shop.client._transport.app.state  # type: ignore[attr-defined]  # the application behind the test's client
    state.settings = msgspec.structs.replace(state.settings, clock_by_hand=True)
    before = await shop.brand.now()
    await desk.post("/console/clock", {"step": "half_day"})
    assert timedelta(hours=12) <= await shop.brand.now() - before < timedelta(hours=13)
    assert await shop.value("SELECT array_agg(detail ->> 'step') FROM audit_log") == ["half_day"]


async def test_an_entry_of_the_audit_log_stays_as_it_was_written(shop: Shop, hire: Hire, database: Database) -> None:
    import asyncpg

    from doorstep.journal.audit_log import record

    async with shop.brand.transaction() as tx:
        await record(tx, actor="user:ada", action="orders.cancel", subject="W-1", detail={})
    for change in ("UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log"):
        with pytest.raises(asyncpg.RaiseError):
            async with shop.brand.transaction() as tx:
                await tx.execute(change)
