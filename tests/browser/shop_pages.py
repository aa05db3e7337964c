"""The storefront's pages, and the way to each, with scripts and without."""

from __future__ import annotations

from playwright.async_api import Page as Tab

from tests.browser.pages import Page, Way, press
from tests.browser.world import World

WHO = {
    "Name": "Ada Lovelace", "E-mail": "ada@example.test", "Street and number": "12 St James's Square",
    "Postcode": "SW1Y 4JH", "Town": "London",
}  # fmt: skip


def shop(path: str) -> Way:
    """A page of the storefront."""

    async def reach(tab: Tab, world: World) -> None:
        await tab.goto(world.shop + path)

    return reach


async def printed(tab: Tab, world: World) -> None:
    """A jersey with a name into the cart."""
    await shop("/p/jersey")(tab, world)
    await tab.get_by_label("Name").fill("Lovelace")
    await tab.get_by_label("Number").fill("10")
    await press(tab, "Into the cart")


async def unprintable(tab: Tab, world: World) -> None:
    """A name without a number."""
    await shop("/p/jersey")(tab, world)
    await tab.get_by_label("Name").fill("Lovelace")
    await press(tab, "Into the cart")


async def full(tab: Tab, world: World) -> None:
    """A cart with two things, one of them wrapped."""
    await printed(tab, world)
    await shop("/p/bottle")(tab, world)
    await press(tab, "Into the cart")
    await tab.get_by_text("Wrap it as a present").first.click()
    await tab.get_by_label("Your words on the card").first.fill("For the best goalkeeper I know")
    await press(tab, "Wrap it")


async def folded_out(tab: Tab, world: World) -> None:
    """The paper and the words of a present."""
    await full(tab, world)
    await tab.get_by_text("Wrap it as a present").click()


async def short(tab: Tab, world: World) -> None:
    """More than there is."""
    await shop("/p/backpack")(tab, world)
    await tab.get_by_label("Quantity").select_option("10")
    await press(tab, "Into the cart")


async def checkout(tab: Tab, world: World) -> None:
    """The checkout, before anything is typed."""
    await full(tab, world)
    await tab.get_by_role("link", name="To the checkout").click()
    await tab.wait_for_url("**/checkout")


async def missing(tab: Tab, world: World) -> None:
    """The address is there, so that the ways of delivery are shown, but one more thing is needed for a text message."""
    await checkout(tab, world)
    for label, text in WHO.items():
        await tab.get_by_label(label, exact=True).fill(text)
    await tab.get_by_label("Country").select_option("GB")
    await tab.get_by_label("By text message").check()
    await press(tab, "Buy now")


async def typed(tab: Tab, world: World) -> None:
    """The checkout, come back to."""
    await missing(tab, world)
    await shop("/checkout")(tab, world)


async def bought(tab: Tab, world: World) -> None:
    """The order's page, right after buying."""
    await typed(tab, world)
    await tab.get_by_label("By e-mail").check()
    await tab.get_by_label("Express").check()
    await press(tab, "Buy now")
    await tab.wait_for_url(f"{world.api}/o/**")


SHOP = (
    Page(name="shop", route="/", reach=shop("/")),
    Page(name="shop-jersey", route="/p/{code:str}", reach=shop("/p/jersey?name=Ada&number=7")),
    Page(name="shop-shoes", route="/p/{code:str}", reach=shop("/p/shoes")),
    Page(name="shop-unprintable", route="/cart", reach=unprintable, status=422),
    Page(name="shop-short", route="/cart", reach=short, status=409),
    Page(name="shop-cart-empty", route="/cart", reach=shop("/cart")),
    Page(name="shop-cart", route="/cart", reach=folded_out),
    Page(name="shop-checkout", route="/checkout", reach=checkout),
    Page(name="shop-checkout-missing", route="/buy", reach=missing, status=422),
    Page(name="shop-checkout-typed", route="/checkout", reach=typed),
    Page(name="shop-bought", route="/buy", reach=bought),
    Page(name="shop-nothing", route="/p/{code:str}", reach=shop("/p/nothing"), status=404),
)
NO_PAGES = {"/cart/held": "a word, asked by the open page", "/checkout/options": "a part of the checkout"}
