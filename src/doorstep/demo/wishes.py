"""What customers want beside the goods: gift wrap, which the data has, and personalization, which it has not."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import msgspec

from doorstep.demo.goods import PERSONALIZATION_FEE_MINOR, YEAR
from doorstep.demo.model import GiftWrap, OrderLine, Personalization, Product
from doorstep.demo.slice import Sale
from doorstep.kit.money import prorate

HIDE_PRICES_SHARE = 0.4
PERSONALIZED_UNITS_LIMIT = 24
"""Nobody has more than two dozen of one thing printed with one name."""

MESSAGES = {
    "en": (
        "Happy birthday! With love from all of us.",
        "Merry Christmas, and no peeking before the 25th!",
        "Congratulations on your new home – put the kettle on.",
        "Thank you for everything, Miss Okafor. Class 4B",
        "For the best Nain in Ynys Môn ♥",
        "To Zoë & Łukasz: a long and happy life together!",
        "Get well soon 🌷",
        "Just because.",
    ),
    "de": (
        "Alles Gute zum Geburtstag!",
        "Frohe Weihnachten und viele Grüße aus Köln",
        "Herzlichen Glückwunsch zur Hochzeit – für Jürgen & Käthe",
        "Ein kleines Dankeschön.",
    ),
}
PRINTED_NAMES = (
    *("Amelia", "Granny Joan", "Hamish & Isla", "Ella-Mae", "Oscar", "The Joneses", "O'Brien", "Ruby", "No. 7", "Theo"),
    *("Zoë", "Siân", "Łukasz", "José", "Søren", "François", "Ümit", "Ngọc Anh", "Ελένη", "Жанна", "さくら", "Noël"),
)


def wrap_gifts(
    sale: Sale, products: Mapping[str, Product], language: str, rng: random.Random
) -> tuple[dict[int, GiftWrap], frozenset[int]]:
    """Turn a sale's gift wrap paper into wrapping of its other goods.

    Returns the wrapping by index of the line wrapped, and the indexes of the lines of paper used up for it. Each sheet
    wraps one unit, the dearest goods first; a line is wrapped whole or not at all, but one line is wrapped always.
    What the paper cost becomes the fee, prorated by units. Paper bought with nothing to wrap in it stays goods.
    """
    papers = [index for index, line in enumerate(sale.lines) if line.wrap]
    goods = [index for index, line in enumerate(sale.lines) if not line.wrap and products[line.sku].gift_wrap]
    if not papers or not goods:
        return {}, frozenset()
    sheets = sum(sale.lines[index].quantity for index in papers)
    chosen: list[int] = []
    for index in sorted(goods, key=lambda index: (-sale.lines[index].unit_price_minor, index)):
        if sale.lines[index].quantity <= sheets:
            chosen.append(index)
            sheets -= sale.lines[index].quantity
    if not chosen:
        chosen = [min(goods, key=lambda index: (sale.lines[index].quantity, index))]
    fee_minor = sum(sale.lines[index].quantity * sale.lines[index].unit_price_minor for index in papers)
    fees = prorate(fee_minor, [sale.lines[index].quantity for index in chosen])
    message = rng.choice(MESSAGES[language])
    hide_prices = rng.random() < HIDE_PRICES_SHARE
    wraps = {
        index: GiftWrap(
            paper=sale.lines[papers[turn % len(papers)]].sku, message=message, hide_prices=hide_prices, fee_minor=fee
        )
        for turn, (index, fee) in enumerate(zip(chosen, fees, strict=True))
    }
    return wraps, frozenset(papers)


def can_personalize(line: OrderLine, products: Mapping[str, Product]) -> bool:
    """Whether a name may be printed on all units of this line."""
    return bool(products[line.sku].personalization) and line.quantity <= PERSONALIZED_UNITS_LIMIT


def personalize(
    lines: Sequence[OrderLine], number: int, products: Mapping[str, Product], rng: random.Random
) -> tuple[OrderLine, ...]:
    """Have a name printed on one line of an order."""
    return tuple(
        msgspec.structs.replace(
            line,
            personalization=Personalization(
                fields=printed_fields(products[line.sku], rng), fee_minor=PERSONALIZATION_FEE_MINOR * line.quantity
            ),
        )
        if line.number == number
        else line
        for line in lines
    )


def printed_fields(product: Product, rng: random.Random) -> dict[str, str]:
    """Fill in a product's fields with what it allows; optional ones in half of the cases."""
    fields: dict[str, str] = {}
    for field in product.personalization:
        if not field.required and rng.random() < 0.5:
            continue
        if field.choices:
            fields[field.name] = rng.choice(field.choices)
        elif field == YEAR:
            fields[field.name] = str(rng.randint(1970, 2020))
        else:
            fields[field.name] = rng.choice(PRINTED_NAMES)[: field.max_length]
    return fields
