"""Pictures of every page of the inventory: `python -m tests.browser.pictures [NAME ...]`, all without names.

They go to build/pictures, with a sheet to look them over; the ones that docs/pictures has are put there, too.
"""

from __future__ import annotations

import asyncio
import html
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser

from doorstep.demo.stage import Stage
from tests.browser import looks, world
from tests.browser.looks import LOOKS, Look, looking
from tests.browser.office_pages import ALL
from tests.browser.pages import Page
from tests.browser.visit import Visit

ROOT = Path(__file__).resolve().parents[2]
OUT, DOCS = ROOT / "build" / "pictures", ROOT / "docs" / "pictures"
AT_ONCE = 2

# Name in docs/pictures → page and look. A phone's picture is cut at the height given, in CSS pixels.
CHOSEN = {
    "order-page-phone": ("return-code-known", "phone-light", 900),
    "order-page-dark": ("return-code-known", "desktop-dark", 900),
    "return-page-phone": ("return", "phone-light", 900),
    "mailbox": ("mailbox", "desktop-light", 760),
    "shop-list": ("shop", "desktop-light", 900),
    "shop-jersey": ("shop-jersey", "desktop-light", 780),
    "shop-checkout": ("shop-checkout-typed", "desktop-light", 1180),
    "console-home": ("console-home", "desktop-light", 900),
    "console-order": ("console-order-late", "desktop-dark", 900),
    "shop-cart-phone": ("shop-cart", "phone-dark", 900),
}


async def take(browser: Browser, where: world.World, page: Page, look: Look) -> None:
    """One page in one look, from top to bottom, at two pixels a CSS pixel."""
    async with looking(browser, look, sharp=True) as context:
        tab = await context.new_page()
        visit = await Visit.begin(tab, home=[where.api])
        await page.reach(tab, where)
        await visit.settle()
        await tab.screenshot(path=OUT / f"{page}-{look}.png", full_page=True, animations="disabled")


async def take_all(where: world.World, pages: Sequence[Page]) -> None:
    """All of these in every look, a few at a time."""
    OUT.mkdir(parents=True, exist_ok=True)
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(browser: Browser, page: Page, look: Look) -> None:
        async with turns:
            await take(browser, where, page, look)

    async with looks.browsing(looks.chromium() or sys.exit("no Chromium")) as browser:
        await asyncio.gather(*(one(browser, page, look) for page in pages for look in LOOKS))


def write_sheet() -> None:
    """All pictures that are there, a row a page."""
    rows = []
    for page in ALL:
        found = [f"{page}-{look}.png" for look in LOOKS if (OUT / f"{page}-{look}.png").exists()]
        shown = "".join(f'<a href="{name}"><img src="{name}" alt="{name}" loading="lazy"></a>' for name in found)
        rows.append(f"<h2>{html.escape(page.name)}</h2><div>{shown}</div>" if found else "")
    style = "body{font:16px system-ui;background:#888}div{display:flex;gap:16px;align-items:start}img{height:420px}"
    (OUT / "index.html").write_text(f"<!doctype html><title>Pictures</title><style>{style}</style>{''.join(rows)}")


def refresh_docs() -> None:
    """Put the chosen ones into docs/pictures, with few colors: they travel with every clone."""
    for name, (page, look, height) in CHOSEN.items():
        taken = OUT / f"{page}-{look}.png"
        if taken.exists():
            with Image.open(taken) as picture:
                cut = picture.crop((0, 0, picture.width, min(picture.height, 2 * height)))
                cut.convert("RGB").quantize(128).save(DOCS / f"{name}.png", optimize=True)


async def main(names: Sequence[str]) -> None:
    """Make a world of one's own, take the pictures, let it go."""
    pages = [page for page in ALL if not names or page.name in names]

    async def look_at(stage: Stage) -> world.World:
        made = await world.build_all(stage)
        await take_all(made, pages)
        return made

    with tempfile.TemporaryDirectory() as folder:
        await world.live(Path(folder), look_at)
    write_sheet()
    refresh_docs()
    print(f"{len(pages)} pages, {len(LOOKS)} looks: {OUT.relative_to(ROOT)}/index.html")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
