"""What every page keeps. A check takes a settled visit and gives its findings as sentences; an empty list is good."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

from playwright.async_api import Frame, Page

from tests.browser.visit import TWO_FRAMES, Visit

WEIGHT_MAX_BYTES = 100_000
SHIFT_MAX = 0.01
TARGET_MIN_PX = 24
NARROW_PX = (320, 390)
TABS = 12  # so many steps with the Tab key; the rest of a page is made of the same pieces
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
GRAVE = ("serious", "critical")

Check = Callable[[Visit], Awaitable[list[str]]]


def axe_source() -> str:
    """The accessibility engine's program text; it runs in the page's frame but is no part of the page."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


async def accessible(visit: Visit) -> list[str]:
    """No serious or critical issue by axe-core, rules of WCAG 2.2 A and AA."""
    await visit.page.evaluate(axe_source())
    options = {"runOnly": {"type": "tag", "values": WCAG}, "rules": {"target-size": {"enabled": True}}}
    found = await visit.page.evaluate(
        "(options) => axe.run(document, { ...options, resultTypes: ['violations'], iframes: false })", options
    )
    return [
        f"{issue['impact']} {issue['id']}: {issue['help']} at {_places(issue)}"
        for issue in found["violations"]
        if issue["impact"] in GRAVE
    ]


def _places(issue: dict[str, Any]) -> str:
    nodes = issue["nodes"]
    shown = "; ".join(f"{node['target'][0]} ({_reason(node)})" for node in nodes[:3])
    return shown + (f" and {len(nodes) - 3} more" if len(nodes) > 3 else "")


def _reason(node: dict[str, Any]) -> str:
    return " ".join(str(node.get("failureSummary", "")).split())[:160]


async def light(visit: Visit) -> list[str]:
    """Under 100 kB without pictures."""
    weight = await visit.weight_bytes()
    return [] if 0 < weight < WEIGHT_MAX_BYTES else [f"{weight} bytes without pictures"]


async def still(visit: Visit) -> list[str]:
    """Nothing moves while it comes in."""
    shift = await visit.layout_shift()
    return [] if shift < SHIFT_MAX else [f"a layout shift of {shift:.3f}"]


async def quiet(visit: Visit) -> list[str]:
    """Nothing on the console, but that the page itself came with a refusal's status."""
    expected = f"error: Failed to load resource: the server responded with a status of {visit.status}"
    return [said for said in visit.said if not (visit.status >= 400 and said.startswith(expected))]


async def at_home(visit: Visit) -> list[str]:
    """No request fails, none goes elsewhere."""
    return [f"failed: {one}" for one in visit.failed] + [f"foreign: {one}" for one in visit.foreign]


_PARTS = """() => {
  const parts = { lang: document.documentElement.lang, title: document.title.trim(),
    h1: document.querySelectorAll("h1").length, mains: document.querySelectorAll("main").length,
    viewport: document.querySelector("meta[name=viewport]")?.content || "", jumps: [] };
  let last = 0;
  for (const one of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const level = Number(one.tagName[1]);
    if (level > last + 1) parts.jumps.push(`h${level} after h${last}: ${one.textContent.trim().slice(0, 40)}`);
    last = level;
  }
  return parts;
}"""


async def whole(visit: Visit) -> list[str]:
    """It has a language, a title, one main heading, one main part, a viewport, and its headings skip no level."""
    parts = await visit.page.evaluate(_PARTS)
    found = [f"no {name}" for name in ("lang", "title", "viewport") if not parts[name]]
    found += [f"{parts[name]} of {name}" for name in ("h1", "mains") if parts[name] != 1]
    return [*found, *parts["jumps"]]


async def narrow(visit: Visit) -> list[str]:
    """A small screen need not scroll sideways."""
    page = visit.page
    size = page.viewport_size or {"width": 1280, "height": 900}
    found = []
    for width in NARROW_PX:
        await page.set_viewport_size({"width": width, "height": size["height"]})
        await page.evaluate(TWO_FRAMES)
        wide = await page.evaluate("Math.max(document.documentElement.scrollWidth, innerWidth)")
        if wide > width:
            found.append(f"{wide} px wide on a screen of {width}: {await page.evaluate(_WIDE, width)}")
    await page.set_viewport_size(size)
    await page.evaluate(TWO_FRAMES)
    return found


_WIDE = """(width) => {
  const scrolls = (one) => one && (getComputedStyle(one).overflowX !== "visible" || scrolls(one.parentElement));
  return [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > width + 1 && !scrolls(one.parentElement))
    .slice(0, 3).map((one) => `${one.tagName.toLowerCase()}.${one.className}`).join(", ");
}"""

_SMALL = """(least) => {
  const found = [];
  for (const one of document.querySelectorAll("a[href], button, input, select, textarea, summary, [role=button]")) {
    const style = getComputedStyle(one);
    if (one.type === "hidden" || style.visibility === "hidden" || !one.getClientRects().length) continue;
    const labels = [...(one.labels || [])].filter((label) => ["checkbox", "radio"].includes(one.type));
    const boxes = [one, ...labels].map((each) => each.getBoundingClientRect());
    if (boxes[0].right <= 0 || boxes[0].bottom <= 0) continue;  // shown when it has the focus
    const cover = getComputedStyle(one, "::after");
    if (cover.content !== "none" && cover.position === "absolute") continue;  // a card that is a link as a whole
    const inText = style.display === "inline" && one.tagName === "A" &&
      one.parentElement.textContent.trim().length > one.textContent.trim().length;
    const most = (side) => Math.max(...boxes.map((box) => box[side]));
    if (!inText && (most("width") < least || most("height") < least))
      found.push(`${one.tagName.toLowerCase()} "${(one.textContent || one.name || "").trim().slice(0, 30)}" is ` +
        `${Math.round(most("width"))} × ${Math.round(most("height"))} px`);
  }
  return found;
}"""


async def touchable(visit: Visit) -> list[str]:
    """What can be pressed is at least 24 px wide and high; links inside a sentence are as high as their line."""
    found: list[str] = await visit.page.evaluate(_SMALL, TARGET_MIN_PX)
    return found


_FOCUS = """(framed) => {
  const one = document.activeElement;
  if (!one || one === document.body || one === document.documentElement) return null;
  const box = one.getBoundingClientRect(), around = [one, one.parentElement, one.parentElement?.parentElement];
  const seen = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const ring = around.map((each) => each && getComputedStyle(each)).some((style) => style &&
    (framed && style.outlineStyle === "auto" || style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2));
  return { name: `${one.tagName.toLowerCase()} "${(one.textContent || one.name || "").trim().slice(0, 30)}"`,
    ring, seen };
}"""


async def _has_the_focus(frame: Page | Frame, *, framed: bool = False) -> dict[str, Any] | None:
    """What has the focus; within a framed page, what has it there: a frame with the focus inside is itself not
    `:focus`, so that no style of ours can show it. A mail's ring is the one of the reader's program."""
    at: dict[str, Any] | None = await frame.evaluate(_FOCUS, framed)
    held = (await frame.evaluate_handle("document.activeElement")).as_element()
    inner = await held.content_frame() if held else None
    return (await _has_the_focus(inner, framed=True) or at) if inner else at


async def focused(visit: Visit) -> list[str]:
    """Whoever goes through with the Tab key sees where they are."""
    found = []
    for _ in range(TABS):
        await visit.page.keyboard.press("Tab")
        at = await _has_the_focus(visit.page)
        if at is None:
            break
        if not at["ring"]:
            found.append(f"no ring around {at['name']}")
        if not at["seen"]:
            found.append(f"out of sight: {at['name']}")
    return found


async def readable_without_scripts(page: Page) -> list[str]:
    """With JavaScript off there is still a heading, a text, and a button in every form."""
    main = page.locator("main")
    if await main.count() != 1 or not await page.locator("h1").first.is_visible():
        return ["without scripts no heading can be seen"]
    found = [] if len((await main.inner_text()).strip()) > 40 else ["without scripts there is hardly a word"]
    for form in await page.locator("form").all():
        if not await form.locator("button, input[type=submit], input[type=image]").count():
            found.append("a form without a button")
    return found


CHECKS: tuple[Check, ...] = (light, still, quiet, at_home, whole, touchable, accessible, focused, narrow)
