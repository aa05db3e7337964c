"""More pages: returns and settings in the console, and the sandbox's carrier. `ALL` is the whole inventory."""

from __future__ import annotations

from playwright.async_api import Page as Tab

from tests.browser.pages import PAGES, Page, Way, console, press
from tests.browser.settings_pages import SETTINGS
from tests.browser.shop_pages import SHOP
from tests.browser.stock_pages import STOCKROOM
from tests.browser.supply_pages import SUPPLY
from tests.browser.world import World


def row(path: str, more: str = "", *, nth: int = 0) -> Way:
    """What a row of a list of the console leads to, or a page below it."""

    async def reach(tab: Tab, world: World) -> None:
        await console(path)(tab, world)
        address = await tab.locator("a[data-row]").nth(nth).get_attribute("href")
        await tab.goto(f"{world.api}{address}{more}")

    return reach


async def new_user(tab: Tab, world: World) -> None:
    """Somebody added, and their first password; each visitor adds another."""
    await console("/console/settings/users/new")(tab, world)
    await tab.get_by_label("Login").fill(f"new{id(tab)}")
    await tab.get_by_label("Name", exact=True).fill("Cleo Carter")
    await press(tab, "Add")


async def receive_preview(tab: Tab, world: World) -> None:
    """What receiving a return would mean."""
    await row("/console/returns")(tab, world)
    await press(tab, "Look at what it means")


async def revoke(tab: Tab, world: World) -> None:
    """The question before an API key is taken away."""
    await console("/console/settings/api-keys")(tab, world)
    await tab.get_by_role("link", name="Take away").first.click()
    await tab.wait_for_url("**/revoke")


def carrier(path: str) -> Way:
    """A page of the sandbox's carrier."""

    async def reach(tab: Tab, world: World) -> None:
        await tab.goto(world.carrier + path)

    return reach


async def german_mail(tab: Tab, world: World) -> None:
    """A German mail on a phone, dark."""
    await tab.goto(f"{world.messages}/?q=Bestellung")
    address = await tab.locator("a.subject").first.get_attribute("href")
    await tab.goto(f"{world.messages}{address}?width=phone&scheme=dark")


_RETURNS, _SETTINGS = "/console/returns", "/console/settings"
_RETURN = "/console/returns/{return_id:str}"
_USERS, _USER = "/console/settings/users", "/console/settings/users/{user_id:str}"
_KEYS = "/console/settings/api-keys"

OFFICE = (
    Page(name="console-returns", route=_RETURNS, reach=console(_RETURNS)),
    Page(name="console-returns-none", route=_RETURNS, reach=console(f"{_RETURNS}?q=zzz")),
    Page(name="console-return", route=_RETURN, reach=row(_RETURNS)),
    Page(name="console-return-done", route=_RETURN, reach=row(f"{_RETURNS}?show=ended")),
    Page(name="console-return-preview", route=f"{_RETURN}/receive", reach=receive_preview),
    Page(name="console-settings", route=_SETTINGS, reach=console(_SETTINGS)),
    Page(name="console-users", route=_USERS, reach=console(_USERS)),
    Page(name="console-user-new", route=f"{_USERS}/new", reach=console(f"{_USERS}/new")),
    Page(name="console-user-made", route=f"{_USERS}/new", reach=new_user),
    Page(name="console-user-self", route=_USER, reach=row(_USERS)),
    Page(name="console-user", route=_USER, reach=row(_USERS, nth=1)),
    Page(name="console-user-disable", route=f"{_USER}/{{deed:str}}", reach=row(_USERS, "/disable", nth=1)),
    Page(name="console-api-keys", route=_KEYS, reach=console(_KEYS)),
    Page(name="console-api-key-revoke", route=f"{_KEYS}/{{key_id:str}}/revoke", reach=revoke),
    Page(name="console-components", route="/console/components", reach=console("/console/components")),
    Page(name="console-audit-log", route="/console/audit-log", reach=console("/console/audit-log")),
)
SANDBOX = (
    Page(name="mail-german", route="mailbox", reach=german_mail),
    Page(name="carrier", route="carrier", reach=carrier("/")),
    Page(name="carrier-nothing", route="carrier", reach=carrier("/?q=zzz")),
)
DOORSTEPS = (*PAGES, *OFFICE, *SETTINGS, *SUPPLY, *STOCKROOM, *SANDBOX)
ALL = (*DOORSTEPS, *SHOP)
