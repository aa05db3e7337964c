"""The browser: which one, with which flags, and the sizes and schemes that pages are looked at in."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from zlib import crc32

import msgspec
from playwright.async_api import Browser, BrowserContext, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
)
REQUIRED = os.environ.get("DOORSTEP_BROWSER") == "required"
"""`make test-browser` asks for everything; `make test` skips when there is no browser, and looks once at each page."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A way to look at a page."""

    size: Literal["phone", "desktop"]
    scheme: Literal["light", "dark"]

    def __str__(self) -> str:
        """Its name in tests and files."""
        return f"{self.size}-{self.scheme}"


LOOKS = tuple(Look(size=size, scheme=scheme) for size in ("phone", "desktop") for scheme in ("light", "dark"))
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}


def looks_of(name: str) -> tuple[Look, ...]:
    """All looks when everything is asked for; else one, which depends on the page's name, so that all are used."""
    return LOOKS if REQUIRED else (LOOKS[crc32(name.encode()) % len(LOOKS)],)


def chromium() -> str | None:
    """Where the system's Chromium is: `DOORSTEP_CHROMIUM`, or one that PATH finds."""
    chosen = os.environ.get("DOORSTEP_CHROMIUM")
    return chosen or next((found for name in NAMES if (found := shutil.which(name))), None)


@asynccontextmanager
async def browsing(executable: str) -> AsyncIterator[Browser]:
    """A headless browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def looking(
    browser: Browser, look: Look, *, scripts: bool = True, sharp: bool = False
) -> AsyncIterator[BrowserContext]:
    """A browser without memory that looks this way. `sharp`: two pixels for one, as pictures want it."""
    width, height = SIZES[look.size]
    phone = look.size == "phone"
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        is_mobile=phone,
        has_touch=phone,
        color_scheme=look.scheme,
        locale="en-GB",
        device_scale_factor=2 if sharp else 1,
        timezone_id="Europe/London",
        reduced_motion="reduce",
        java_script_enabled=scripts,
    )
    context.set_default_timeout(20_000)
    try:
        yield context
    finally:
        await context.close()
