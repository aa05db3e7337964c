"""A visit to a page: what came over the wire and what the browser complained about, from the last navigation on."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from playwright.async_api import ConsoleMessage, Page, Request, Response

# A browser does not blame a page for what moves soon after an input, and takes the setting-up of a phone's screen for
# one: so we ask for ourselves whether somebody pressed something, with patience for a busy machine.
SHIFTS = """(() => {
  let total = 0, pressed = -Infinity;
  const press = (event) => { pressed = event.timeStamp; };
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, press, { capture: true, passive: true });
  const add = (entries) => { for (const one of entries) if (one.startTime - pressed > 3000) total += one.value; };
  const observer = new PerformanceObserver((list) => add(list.getEntries()));
  observer.observe({ type: "layout-shift", buffered: true });
  window.layoutShift = () => { add(observer.takeRecords()); return total; };
})()"""
TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"


class Visit:
    """Listens to a page. Make it with `begin`, then go where you want; each navigation begins anew."""

    def __init__(self, page: Page, home: Iterable[str]) -> None:
        self.page = page
        self._home = {urlsplit(address).netloc for address in home}
        self._asked_for: list[Request] = []
        self.said: list[str] = []
        self._failed: list[Request] = []
        self.foreign: list[str] = []
        self.status = 0

    @classmethod
    async def begin(cls, page: Page, *, home: Iterable[str]) -> Visit:
        """Listen from now on. `home` are the addresses that belong to us."""
        visit = cls(page, home)
        await page.add_init_script(SHIFTS)
        session = await page.context.new_cdp_session(page)
        await session.send("Network.enable")
        await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        page.on("request", visit._ask)
        page.on("response", visit._answer)
        page.on("requestfailed", lambda request: visit._failed.append(request))
        page.on("console", visit._tell)
        page.on("pageerror", lambda error: visit.said.append(f"uncaught: {error}"))
        return visit

    async def settle(self) -> None:
        """Wait until the page stands still: loaded, drawn twice, fonts there."""
        await self.page.wait_for_load_state("load")
        await self.page.evaluate("document.fonts.ready.then(() => true)")
        await self.page.evaluate(TWO_FRAMES)
        last = next((one for one in reversed(self._asked_for) if self._is_page(one)), None)
        response = await last.response() if last else None
        self.status = response.status if response else 0

    @property
    def failed(self) -> list[str]:
        """Requests of this page that got no answer; not those the browser itself broke off when somebody went on."""
        own = [one for one in self._failed if one in self._asked_for]
        return [f"{one.url}: {one.failure}" for one in own if one.failure != "net::ERR_ABORTED"]

    async def weight_bytes(self) -> int:
        """All bytes of the page and what it loads, before compression, without pictures."""
        total = 0
        for request in self._asked_for:
            response = await request.response()
            if response is not None and not 300 <= response.status < 400 and request.resource_type != "image":
                total += len(await response.body())
        return total

    async def layout_shift(self) -> float:
        """How much moved while the page came in, as browsers count it (cumulative layout shift)."""
        return float(await self.page.evaluate("window.layoutShift()"))

    def _answer(self, response: Response) -> None:
        """A page has come: what the one before it still asked for is not its business."""
        if self._is_page(response.request) and not 300 <= response.status < 400:
            self._asked_for = [response.request]
            self.said.clear()
            self.foreign.clear()

    def _ask(self, request: Request) -> None:
        self._asked_for.append(request)
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob", "about") and address.netloc not in self._home:
            self.foreign.append(request.url)

    def _tell(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.said.append(f"{message.type}: {message.text}")

    def _is_page(self, request: Request) -> bool:
        return request.is_navigation_request() and request.frame == self.page.main_frame
