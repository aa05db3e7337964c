"""A check that cannot fail is worth nothing: each is shown a page that breaks it, and all are shown a good one."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Route

from tests.browser import checks
from tests.browser.looks import LOOKS, looking
from tests.browser.visit import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOME = "http://page.test"
GOOD = """<!doctype html><html lang="en"><head><title>A page</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>a, button { display: inline-block; padding: .8rem } :focus-visible { outline: 3px solid #1f4fd8 }</style></head>
<body><main><h1>A page</h1><h2>Below</h2><p>Words that can be read by everybody, with or without scripts.</p>
<form method="post"><label>Name <input name="name" style="height: 3rem"></label><button>Send</button></form>
<a href="/next">Go on</a></main></body></html>"""

END = "</main>"
LATER = """<script>addEventListener("load", () => requestAnimationFrame(() => requestAnimationFrame(() => {
  document.querySelector("h1").insertAdjacentHTML("beforebegin", "<div style='height: 300px'></div>");
  document.title = "moved"; })))</script>"""
BROKEN = {
    "a picture without words": (checks.accessible, END, '<img src="data:," width="30" height="30"></main>'),
    "pale words": (checks.accessible, "<p>", '<p style="color: #aaa">'),
    "an input without a label": (checks.accessible, "<label>Name ", "<label>"),
    "too many bytes": (checks.light, END, "<p>" + "word " * 20_000 + END),
    "words that move": (checks.still, END, LATER + END),
    "a warning": (checks.quiet, END, "<script>console.warn('old')</script></main>"),
    "an error": (checks.quiet, END, "<script>undefined.x</script></main>"),
    "a file that is missing": (checks.quiet, END, '<script src="/missing"></script></main>'),
    "a request that fails": (checks.at_home, END, '<script src="/broken"></script></main>'),
    "a foreign picture": (checks.at_home, END, '<img alt="" src="http://elsewhere.test/x.png"></main>'),
    "no language": (checks.whole, ' lang="en"', ""),
    "no title": (checks.whole, "<title>A page</title>", ""),
    "two main headings": (checks.whole, END, "<h1>Another</h1></main>"),
    "a heading that skips a level": (checks.whole, "h2>", "h4>"),
    "no viewport": (checks.whole, "viewport", "description"),
    "a wide table": (checks.narrow, END, '<div style="width: 360px">wide</div></main>'),
    "a small button": (checks.touchable, "<button>", '<button style="padding: 0; width: 20px; height: 20px">'),
    "a small link": (checks.touchable, END, '<p><a style="padding: 0; font-size: 12px" href="/">x</a></p></main>'),
    "no ring around what has the focus": (checks.focused, "outline: 3px solid #1f4fd8", "outline: none"),
    "focus out of sight": (checks.focused, "<h1>", '<a href="/" style="position: fixed; left: -900px">x</a><h1>'),
}  # fmt: skip


async def answer(route: Route) -> None:
    """What the web has: one page, one file that breaks off, nothing else."""
    address = route.request.url
    if address.endswith("/broken"):
        await route.abort()
    else:
        await route.fulfill(status=200 if "elsewhere" in address else 404, body="")


async def findings(browser: Browser, html: str, *wanted: checks.Check) -> list[str]:
    """What checks find of a page."""
    async with looking(browser, LOOKS[0]) as context:
        tab = await context.new_page()
        await tab.route("**/*", answer)
        await tab.route(f"{HOME}/", lambda route: route.fulfill(body=html, content_type="text/html"))
        visit = await Visit.begin(tab, home=[HOME])
        await tab.goto(f"{HOME}/")
        if LATER in html:
            await tab.wait_for_function("document.title === 'moved'")
        await visit.settle()
        return [found for check in wanted for found in await check(visit)]


async def test_a_good_page_passes_every_check(browser: Browser) -> None:
    assert await findings(browser, GOOD, *checks.CHECKS) == []


@pytest.mark.parametrize("name", BROKEN)
async def test_a_page_that_breaks_it_is_found(browser: Browser, name: str) -> None:
    check, old, new = BROKEN[name]
    assert old in GOOD
    assert await findings(browser, GOOD.replace(old, new), check) != []


async def test_every_check_was_shown_a_page_that_breaks_it(browser: Browser) -> None:
    assert {check for check, _, _ in BROKEN.values()} == set(checks.CHECKS)


NEED_SCRIPTS = (
    GOOD.replace("<main>", "<main hidden>"),
    GOOD.replace("<button>Send</button>", ""),
    "<main><h1>Wait</h1></main>",
)


@pytest.mark.parametrize("html", NEED_SCRIPTS)
async def test_a_page_that_needs_scripts_is_found(browser: Browser, html: str) -> None:
    async with looking(browser, LOOKS[0], scripts=False) as context:
        tab = await context.new_page()
        await tab.set_content(html)
        assert await checks.readable_without_scripts(tab) != []
        await tab.set_content(GOOD)
        assert await checks.readable_without_scripts(tab) == []
