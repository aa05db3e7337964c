"""The journey of a jersey, from the first click to the refund: the customer on a phone, the staff at a desk.

Pictures of every step are in build/journey.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from io import BytesIO
from pathlib import Path

import httpx2
import pypdfium2  # type: ignore[import-untyped]  # ships no types
import pytest
import zxingcpp
from playwright.async_api import Browser, ConsoleMessage, Page, expect
from pytest_asyncio import fixture as async_fixture

from tests.browser.looks import Look, looking
from tests.browser.world import World
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

OUT = Path(__file__).resolve().parents[2] / "build" / "journey"
CHANGES_WITHIN_S = 60.0
TIMES_AT_MOST = 20
CARD = "For the best goalkeeper I know"
WHO = {
    "Name": "Ada Lovelace", "E-mail": "ada@example.test", "Street and number": "Torstraße 12", "Postcode": "10119",
    "Town": "Berlin",
}  # fmt: skip


class People:
    """A customer with a phone, staff and carrier at their desks, and pictures of what they see."""

    def __init__(self, world: World, customer: Page, staff: Page, carrier: Page) -> None:
        self.world, self.customer, self.staff, self.carrier = world, customer, staff, carrier
        self._taken = 0
        self.complaints: list[str] = []
        for tab in (customer, staff, carrier):
            tab.on("console", self._hear)
            tab.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    async def picture(self, tab: Page, name: str) -> None:
        """Keep what somebody sees."""
        self._taken += 1
        await tab.screenshot(path=OUT / f"{self._taken:02d}-{name}.png", full_page=True, animations="disabled")

    async def press(self, tab: Page, button: str) -> None:
        """Press a button, and wait for what it leads to."""
        async with tab.expect_navigation():
            await tab.get_by_role("button", name=button).first.click()

    async def sees(self, tab: Page, words: str) -> None:
        """Wait until somebody who loads the page again and again reads these words."""

        async def there() -> bool:
            if await tab.get_by_text(words).first.is_visible():
                return True
            await tab.reload()
            return await tab.get_by_text(words).first.is_visible()

        await eventually(there, within_s=CHANGES_WITHIN_S, every_s=0.3)  # type: ignore[arg-type]  # see Hands.rest

    async def let_pass(self, step: str, so: Callable[[], Awaitable[bool]]) -> None:
        """Let time pass in the console, step by step, until something is so."""
        await self.until(so, lambda: self.press(self.staff, step))

    async def until(self, so: Callable[[], Awaitable[bool]], act: Callable[[], Awaitable[None]]) -> None:
        """Do something until something is so; whatever follows from it happens in between."""
        for _ in range(TIMES_AT_MOST):
            if await so():
                return
            await act()
            await self.rest()
        raise AssertionError(f"not so after {TIMES_AT_MOST} times")

    async def rest(self) -> None:
        """Wait until the carrier has told what it knows, and the system has done what is due."""

        async def idle() -> bool:
            headers = {"authorization": f"Bearer {self.world.api_key}"}
            async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
                now = (await client.get(f"{self.world.api}/v1/clock", headers=headers)).json()["now"]
                told = (await client.post(f"{self.world.carrier}/sandbox/advance", json={"now": now})).json()
                left = (await client.get(f"{self.world.api}/v1/backlog", headers=headers)).json()
            due = ("events_unplaced", "reactions_due", "jobs_due")
            return not (told["sent"] or told["due_left"] or any(left[name] for name in due))

        await eventually(idle, within_s=CHANGES_WITHIN_S)  # type: ignore[arg-type]  # see Hands.rest

    def reads(self, words: str) -> Callable[[], Awaitable[bool]]:
        """Whether the customer, who loads the order's page again, reads these words."""

        async def there() -> bool:
            await self.customer.reload()
            return await self.customer.get_by_text(words).first.is_visible()

        return there

    async def open_mail(self, subject: str) -> None:
        """The customer opens the newest mail with these words in its subject."""
        await self.customer.goto(self.world.messages)
        await self.sees(self.customer, subject)
        await self.customer.get_by_role("link", name=subject).first.click()
        await expect(self.customer.frame_locator("iframe").locator("body")).to_contain_text("Ada")

    async def follow_link(self) -> None:
        """The customer presses the link in the mail that leads to the order's page."""
        link = self.customer.frame_locator("iframe").locator("a[href*='/o/']").first
        await self.customer.goto(await link.get_attribute("href") or "")


@async_fixture(loop_scope="session")
async def people(browser: Browser, journey_world: World) -> AsyncIterator[People]:
    """Everybody at their places, the staff logged in."""
    shutil.rmtree(OUT, ignore_errors=True)
    phone, desk = Look(size="phone", scheme="light"), Look(size="desktop", scheme="light")
    async with looking(browser, phone) as pocket, looking(browser, desk) as office:
        made = People(journey_world, await pocket.new_page(), await office.new_page(), await office.new_page())
        await made.staff.goto(f"{journey_world.api}/console/login")
        await made.staff.get_by_label("Login").fill("admin")
        await made.staff.get_by_label("Password").fill(journey_world.password)
        await made.picture(made.staff, "login")
        await made.press(made.staff, "Log in")
        yield made


async def test_a_jersey_travels_from_the_click_to_the_doorstep_and_back(people: People) -> None:
    await _buy(people)
    await _make_and_send(people)
    await _read_and_follow(people)
    await _wait_for_the_new_date(people)
    await _send_back(people)
    await _see_the_refund(people)
    assert people.complaints == []


async def _buy(people: People) -> None:
    customer = people.customer
    await customer.goto(people.world.shop)
    await people.picture(customer, "shop")
    await customer.get_by_role("link", name="Home jersey").click()
    await customer.get_by_label("M", exact=True).check()
    await customer.get_by_label("Name").fill("Lovelace")
    await customer.get_by_label("Number").fill("10")
    await people.picture(customer, "jersey")
    await people.press(customer, "Into the cart")
    await customer.get_by_text("Wrap it as a present").click()
    await customer.get_by_label("Your words on the card").fill(CARD)
    await people.press(customer, "Wrap it")
    await people.picture(customer, "cart")
    await customer.get_by_role("link", name="To the checkout").click()
    for label, text in WHO.items():
        await customer.get_by_label(label, exact=True).fill(text)
    await customer.get_by_role("radio", name="Express").check()
    await people.picture(customer, "checkout")
    await people.press(customer, "Buy now")
    await people.sees(customer, "We are preparing your order")
    await expect(customer.get_by_text("Name: LOVELACE")).to_be_visible()
    await expect(customer.get_by_text(CARD)).to_be_visible()
    await people.picture(customer, "ordered")


async def _make_and_send(people: People) -> None:
    staff = people.staff
    await staff.goto(f"{people.world.api}/console/floor?location=leipzig&step=accept")
    await people.picture(staff, "floor")
    await staff.locator("a[data-row]").first.click()
    await people.press(staff, "Accept")
    await people.picture(staff, "pick")
    await people.press(staff, "Pick all")
    await expect(staff.get_by_text("LOVELACE", exact=True)).to_be_visible()
    await people.picture(staff, "personalize")
    await people.press(staff, "Done")
    await expect(staff.get_by_text(CARD)).to_be_visible()
    await people.picture(staff, "wrap")
    await people.press(staff, "Done")
    await people.picture(staff, "pack")
    await people.press(staff, "Pack")
    await expect(staff.get_by_role("button", name="Hand over")).to_be_visible(timeout=30_000)
    await people.picture(staff, "hand-over")
    await people.press(staff, "Hand over")
    await people.picture(staff, "handed-over")


async def _read_and_follow(people: People) -> None:
    await people.open_mail("is on its way")
    await people.picture(people.customer, "mail")
    await people.follow_link()
    await people.let_pass("an hour", people.reads("The parcel is on its way."))
    await people.picture(people.customer, "on-its-way")


async def _wait_for_the_new_date(people: People) -> None:
    carrier, customer = people.carrier, people.customer
    await carrier.goto(people.world.carrier)
    await people.until(people.reads("The date has changed"), lambda: people.press(carrier, "Delay by a day"))
    await people.picture(carrier, "carrier")
    await people.picture(customer, "late")
    await people.open_mail("Later than promised")
    await people.picture(customer, "late-mail")
    await people.follow_link()
    await people.press(customer, "Wait for the new date")
    await expect(customer.get_by_text("Thank you for your patience.").first).to_be_visible()
    await people.picture(customer, "waiting")
    await people.let_pass("half a day", people.reads("Your order has arrived"))
    await people.picture(customer, "arrived")


async def _send_back(people: People) -> None:
    customer, carrier = people.customer, people.carrier
    await customer.get_by_role("link", name="Send something back").click()
    await customer.get_by_label("Postcode").fill(WHO["Postcode"])
    await people.press(customer, "Go on")
    await customer.get_by_label("Home jersey").fill("1")
    await customer.get_by_label("Why?").select_option("defective")
    await customer.get_by_role("radio", name="With a label").check()
    await people.picture(customer, "return")
    await people.press(customer, "Send it back")
    await people.sees(customer, "Label to print (PDF)")
    await people.picture(customer, "return-label")
    await carrier.goto(f"{people.world.carrier}/?q={await _print_label(people)}")
    await people.press(carrier, "Collect")
    await people.let_pass("an hour", people.reads("On its way to us"))
    await people.picture(customer, "returning")


async def _print_label(people: People) -> str:
    """The customer prints the label; the post office scans what stands on the paper: the tracking number."""
    link = await people.customer.get_by_role("link", name="Label to print (PDF)").get_attribute("href")
    answer = await people.customer.context.request.get(f"{people.world.api}{link}")
    assert answer.headers["content-type"] == "application/pdf"
    document = pypdfium2.PdfDocument(BytesIO(await answer.body()))
    paper = document[0].render(scale=3).to_pil()
    document.close()
    paper.save(OUT / "label.png")
    (number,) = {code.text for code in zxingcpp.read_barcodes(paper) if re.fullmatch(r"DS\d+", code.text)}
    return number


async def _see_the_refund(people: People) -> None:
    staff, customer = people.staff, people.customer
    await staff.get_by_role("link", name="Returns").click()
    await people.picture(staff, "returns")
    await staff.locator("a[data-row]").first.click()
    await people.picture(staff, "receive")
    await people.press(staff, "Look at what it means")
    await expect(staff.get_by_text("go back to the customer.")).to_be_visible()
    await people.picture(staff, "receive-preview")
    await people.press(staff, "Confirm")
    await people.picture(staff, "received")
    await people.sees(customer, "We paid back €")
    await people.picture(customer, "refunded")
    await people.open_mail("We have sent you")
    await people.picture(customer, "refund-mail")
