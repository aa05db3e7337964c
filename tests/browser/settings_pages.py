"""The pages of the settings that make a shop, and of the first-run guide."""

from __future__ import annotations

from playwright.async_api import Page as Tab

from tests.browser.pages import Page, Way, console, press
from tests.browser.world import World

_SETTINGS, _GUIDE = "/console/settings", "/console/welcome"


def row(path: str, more: str = "") -> Way:
    """What the first row of a list leads to, or a page below it."""

    async def reach(tab: Tab, world: World) -> None:
        await console(path)(tab, world)
        address = await tab.locator("a[data-row]").first.get_attribute("href")
        await tab.goto(f"{world.api}{address}{more}")

    return reach


async def tried_service(tab: Tab, world: World) -> None:
    """What a change of a service would promise."""
    await row(f"{_SETTINGS}/services")(tab, world)
    await press(tab, "What would this promise?")


async def unfit_location(tab: Tab, world: World) -> None:
    """A form that does not fit, with its faults."""
    await console(f"{_SETTINGS}/locations/new")(tab, world)
    await tab.locator("form[action$=new]").evaluate("form => form.noValidate = true")
    await press(tab, "Add")


async def set_back(tab: Tab, world: World) -> None:
    """A change, and the question whether to set it back."""
    await console(f"{_SETTINGS}/messages/delivered/en")(tab, world)
    await tab.get_by_label("Subject").fill(f"It is there {id(tab)}")
    await press(tab, "Save")
    await console("/console/audit-log?action=messages.change")(tab, world)
    address = await tab.locator("a[href$=set-back]").first.get_attribute("href")
    await tab.goto(f"{world.api}{address}")


async def tried_message(tab: Tab, world: World) -> None:
    """How a message would read."""
    await console(f"{_SETTINGS}/messages/late/en")(tab, world)
    await tab.get_by_label("Subject").fill("{{ shop }}: {{ number }} is late")
    await press(tab, "How would it read?")


def page(name: str, route: str, reach: Way | None = None) -> Page:
    """A page of the inventory, reached by its own address unless said otherwise."""
    return Page(name=f"console-{name}", route=route, reach=reach or console(route))


SETTINGS = (
    page("locations", f"{_SETTINGS}/locations"),
    Page(name="console-location-unfit", route=f"{_SETTINGS}/locations/new", reach=unfit_location, status=422),
    page("location", _SETTINGS + "/locations/{code:str}", row(f"{_SETTINGS}/locations")),
    page("location-off", _SETTINGS + "/locations/{code:str}/{deed:str}", row(f"{_SETTINGS}/locations", "/disable")),
    page("services", f"{_SETTINGS}/services"),
    page("service-new", f"{_SETTINGS}/services/new"),
    page("service", _SETTINGS + "/services/{service:str}", row(f"{_SETTINGS}/services")),
    page("service-tried", _SETTINGS + "/services/{service:str}", tried_service),
    page("calendar", f"{_SETTINGS}/calendar"),
    page("calendar-holidays", f"{_SETTINGS}/calendar/holidays", console(f"{_SETTINGS}/calendar/holidays?country=GB")),
    page("channels", f"{_SETTINGS}/channels"),
    page("channel-new", f"{_SETTINGS}/channels/new"),
    page("channel", _SETTINGS + "/channels/{channel:str}", row(f"{_SETTINGS}/channels")),
    page("branding", f"{_SETTINGS}/branding"),
    page("branding-tried", f"{_SETTINGS}/branding", console(f"{_SETTINGS}/branding?accent=%23ffd400")),
    page("messages", f"{_SETTINGS}/messages"),
    page("message", _SETTINGS + "/messages/{kind:str}/{language:str}", tried_message),
    page("set-back", "/console/audit-log/{entry_id:str}/set-back", set_back),
    page("test-mail", f"{_SETTINGS}/test-mail"),
    *(
        page(f"guide-{step}", f"{_GUIDE}/{step}")
        for step in ("shop", "location", "delivery", "products", "storefront", "mail", "finish")
    ),
)
