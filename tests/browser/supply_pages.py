"""Pages about what comes and what is said of it: feeds, differences, who waits, terms beyond stock, channels."""

from __future__ import annotations

from playwright.async_api import Page as Tab

from tests.browser.pages import Page, console, press, stock_of
from tests.browser.world import World

_STOCK, _CHANNEL = "/console/stock", "/console/settings/channels"
_FILE = b"sku,on_hand\nMUG,41\nNOPE,3\nGLASS,many\n"


async def feed(tab: Tab, world: World) -> None:
    """A file that was sent, with rows that are bad; each visitor sends another."""
    await console(f"{_STOCK}/feeds")(tab, world)
    await tab.locator("#file").set_input_files(
        {"name": f"north-{id(tab)}.csv", "mimeType": "text/csv", "buffer": _FILE}
    )
    await press(tab, "Compare")
    await tab.wait_for_url("**/feeds/*")


async def channel_stock(tab: Tab, world: World) -> None:
    """What the first channel sells of the stock."""
    await console(_CHANNEL)(tab, world)
    address = await tab.locator("a[data-row]").first.get_attribute("href")
    await tab.goto(f"{world.api}{address}/stock")


SUPPLY = (
    Page(name="console-feeds", route=f"{_STOCK}/feeds", reach=console(f"{_STOCK}/feeds")),
    Page(name="console-feed", route=f"{_STOCK}/feeds/{{feed_id:str}}", reach=feed),
    Page(name="console-differences", route=f"{_STOCK}/differences", reach=console(f"{_STOCK}/differences")),
    Page(name="console-waiting", route=f"{_STOCK}/waiting", reach=console(f"{_STOCK}/waiting")),
    Page(name="console-beyond", route=f"{_STOCK}/{{sku_id:int}}/beyond", reach=stock_of("MUG", "/beyond")),
    Page(name="console-channel-stock", route=f"{_CHANNEL}/{{channel:str}}/stock", reach=channel_stock),
)
