"""Pages of the stockroom: goods between locations and on their way, limits, and shelves that are counted."""

from __future__ import annotations

from playwright.async_api import Page as Tab

from tests.browser.pages import Page, Way, console, press
from tests.browser.world import World

_STOCK = "/console/stock"


def named(path: str, name: str) -> Way:
    """What a row of a list leads to, by its name."""

    async def reach(tab: Tab, world: World) -> None:
        await console(f"{_STOCK}/{path}")(tab, world)
        async with tab.expect_navigation():
            await tab.get_by_role("link", name=name, exact=True).first.click()

    return reach


async def receive_preview(tab: Tab, world: World) -> None:
    """What a part of a transfer would bring."""
    await named("transfers", "T-sent")(tab, world)
    await tab.get_by_label("Delivery note").fill("Part 2")
    await press(tab, "Preview the arrival")


async def call_off(tab: Tab, world: World) -> None:
    """The question before supply is called off."""
    await named("incoming", "MUG")(tab, world)
    async with tab.expect_navigation():
        await tab.get_by_role("link", name="It does not come").click()


async def limits_preview(tab: Tab, world: World) -> None:
    """What other limits would mean."""
    await console(f"{_STOCK}/limits?location=north")(tab, world)
    await tab.get_by_label("Keep back MUG").fill("7")
    await press(tab, "Preview the limits")


async def approval(tab: Tab, world: World) -> None:
    """What booking a count would mean that differs much."""
    await named("counts", "Monday")(tab, world)
    async with tab.expect_navigation():
        await tab.get_by_role("link", name="Book it").first.click()


STOCKROOM = (
    Page(name="console-transfers", route=f"{_STOCK}/transfers", reach=console(f"{_STOCK}/transfers")),
    Page(name="console-transfer-new", route=f"{_STOCK}/transfers/new", reach=console(f"{_STOCK}/transfers/new")),
    Page(
        name="console-transfer-planned",
        route=f"{_STOCK}/transfers/{{transfer_id:str}}",
        reach=named("transfers", "T-planned"),
    ),
    Page(
        name="console-transfer-sent",
        route=f"{_STOCK}/transfers/{{transfer_id:str}}",
        reach=named("transfers", "T-sent"),
    ),
    Page(
        name="console-transfer-preview", route=f"{_STOCK}/transfers/{{transfer_id:str}}/preview", reach=receive_preview
    ),
    Page(name="console-incoming", route=f"{_STOCK}/incoming", reach=console(f"{_STOCK}/incoming")),
    Page(name="console-supply", route=f"{_STOCK}/incoming/{{incoming_id:str}}", reach=named("incoming", "MUG")),
    Page(name="console-supply-call-off", route=f"{_STOCK}/incoming/{{incoming_id:str}}", reach=call_off),
    Page(name="console-limits", route=f"{_STOCK}/limits", reach=console(f"{_STOCK}/limits")),
    Page(name="console-limits-preview", route=f"{_STOCK}/limits/preview", reach=limits_preview),
    Page(name="console-counts", route=f"{_STOCK}/counts", reach=console(f"{_STOCK}/counts")),
    Page(name="console-count-new", route=f"{_STOCK}/counts/new", reach=console(f"{_STOCK}/counts/new")),
    Page(name="console-count", route=f"{_STOCK}/counts/{{count_job_id:str}}", reach=named("counts", "Monday")),
    Page(name="console-count-approval", route=f"{_STOCK}/counts/{{count_job_id:str}}/approve", reach=approval),
)
