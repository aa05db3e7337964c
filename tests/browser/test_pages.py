"""Every page keeps what is said of all: see `checks`.

`make test-browser` looks in four ways, and at all without scripts; `make test` in one way, and without scripts at what
customers see.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.async_api import Browser

from doorstep.web.api.handlers import gather
from doorstep.web.shop import buying, checkout
from doorstep.web.shop import looking as looking_around
from tests.browser import shop_pages
from tests.browser.checks import CHECKS, readable_without_scripts
from tests.browser.looks import LOOKS, REQUIRED, Look, looking, looks_of
from tests.browser.office_pages import ALL, DOORSTEPS
from tests.browser.pages import MAILBOX, NO_PAGES, SHOPPER, Page
from tests.browser.shop_pages import SHOP
from tests.browser.visit import Visit
from tests.browser.world import World

in_the_browsers_loop = pytest.mark.asyncio(loop_scope="session")


@in_the_browsers_loop
@pytest.mark.parametrize(
    ("page", "look"), [(page, look) for page in ALL for look in looks_of(page.name)], ids=lambda value: str(value)
)
async def test_a_page_keeps_what_every_page_keeps(
    browser: Browser, the_world: World, page: Page, look: Look, record_property: Callable[[str, object], None]
) -> None:
    async with looking(browser, look) as context:
        tab = await context.new_page()
        visit = await Visit.begin(tab, home=[the_world.api, the_world.carrier, the_world.messages, the_world.shop])
        await page.reach(tab, the_world)
        await visit.settle()
        figures = {"bytes": await visit.weight_bytes(), "shift": await visit.layout_shift()}
        findings = [f"{check.__name__}: {found}" for check in CHECKS for found in await check(visit)]
    record_property(f"page {page.name}", {**figures, "findings": len(findings)})
    assert visit.status == page.status
    assert not findings, "\n".join(["", *findings])


@in_the_browsers_loop
@pytest.mark.parametrize("page", ALL if REQUIRED else (*SHOPPER, *MAILBOX, *SHOP), ids=str)
async def test_a_page_can_be_reached_and_read_without_scripts(browser: Browser, the_world: World, page: Page) -> None:
    async with looking(browser, LOOKS[0], scripts=False) as context:
        tab = await context.new_page()
        await page.reach(tab, the_world)
        assert await readable_without_scripts(tab) == []


def test_every_page_of_the_application_is_in_the_inventory() -> None:
    shown = {page.route for page in DOORSTEPS}
    seen = [one for one in gather() if "GET" in one.http_methods and not one.resolve_include_in_schema()]
    routes = {path for one in seen for path in one.paths}
    assert routes - shown - NO_PAGES.keys() == set()
    assert NO_PAGES.keys() - routes == set(), "said to be no page, and is nothing"


def test_every_page_of_the_storefront_is_in_the_inventory() -> None:
    handlers = [*looking_around.HANDLERS, *buying.HANDLERS, *checkout.HANDLERS]
    routes = {path for one in handlers if "GET" in one.http_methods for path in one.paths}
    assert routes - {page.route for page in SHOP} == shop_pages.NO_PAGES.keys()
