"""What the data does not say about its goods: titles, weights, sizes, and what needs care. All of it follows rules.

docs/howto/demo.md states the rules in words; this module is their only place in code.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from doorstep.demo.model import Handling, PersonalizationField, Product, WrapPaper
from doorstep.demo.slice import Sale

BASE_WEIGHT_G = 10
WEIGHT_G_PER_POUND = 12
WEIGHT_LIMIT_G = 6_000
OVERSIZE_WEIGHT_G = 4_000
OVERSIZE_LENGTH_MM = 950

PERSONALIZATION_FEE_MINOR = 250
"""For each unit that is printed."""


class Material(NamedTuple):
    """How heavy goods of a material are for their price (a factor), and how dense once packed (grams a liter)."""

    name: str
    pattern: re.Pattern[str]
    weight_factor: float
    density_g_per_l: int


def _words(words: str) -> re.Pattern[str]:
    """Match any of the words as a whole, singular or plural."""
    return re.compile(rf"\b(?:{'|'.join(words.split())})(?:E?S)?\b")


# The first material that matches wins, so a "glass bead necklace" is jewelry and a "paper plate" is paper.
MATERIALS = (
    Material("jewelry", _words("NECKLACE NECKL BRACELET EARRING BROOCH CHARM HAIR"), 0.2, 400),
    Material(
        "paper",
        _words(
            "PAPER CARD WRAP STICKER NOTEBOOK SKETCHBOOK BOOK TISSUE NAPKIN DOIL(?:EY|IE|Y) INVITE CASE ORIGAMI"
            " STATIONERY ALBUM JOURNAL TAPE RIBBON BUNTING GARLAND"
        ),
        0.6,
        500,
    ),
    Material(
        "textile",
        _words(
            "FELT FELTCRAFT FABRIC CUSHION APRON TOWEL SCARF QUILT THROW BAG STOCKING KNITTED CROCHET COTTON TEATOWEL"
            " DOORMAT FLANNEL CLOTH PURSE WASHBAG HAMMOCK CANOPY CURTAIN SOCK COSY"
        ),
        0.7,
        180,
    ),
    Material(
        "glass",
        _words(
            "GLASS CERAMIC PORCELAIN CHINA MUG TEACUP CUP SAUCER VASE MIRROR MIRRORED CRYSTAL PLATE BOWL JAR JUG TEAPOT"
            " BAUBLE VOTIVE DISH POT CAKESTAND LANTERN SNOWGLOBE"
        ),
        1.5,
        320,
    ),
    Material("metal", _words("METAL ZINC TIN ENAMEL IRON STEEL SIGN HOOK COPPER CUTLERY WIRE TRAY"), 1.3, 450),
    Material("wood", _words("WOOD WOODEN CABINET SHELF STOOL BOX FRAME DRAWER BIRDHOUSE"), 1.1, 350),
    Material("wax", _words("CANDLE T-LIGHT INCENSE SOAP WICK"), 1.4, 600),
)
OTHER = Material("other", re.compile(""), 1.0, 250)

_HAZMAT = re.compile(r"\bMATCHES\b|\bFRAGRANCE OILS?\b|\bBATTERY\b|\bLIGHTERS?\b")
_OVERSIZE = re.compile(r"\b(?:CABINETS?|STOOLS?|HAMMOCKS?|CANOPY|BENCH|CHAIRS?|DECKCHAIRS?|TROLLEY|COAT RACK)\b")
_THREADED = _words("APRON STOCKING WASHBAG CUSHION TOWEL")
_DATED = _words("NOTEBOOK SKETCHBOOK JOURNAL ALBUM")
_NAMED = re.compile(r"\b(?:MUGS?|LUNCH ?BOX(?:ES)?|LUGGAGE TAGS?|PASSPORT|PENCIL CASES?|DOORSTOPS?|HOT WATER BOTTLE)\b")

_NAME = PersonalizationField(name="name", label="Name", max_length=24)
_THREAD = PersonalizationField(
    name="thread", label="Thread color", max_length=10, choices=("navy", "rose", "gold", "white")
)
YEAR = PersonalizationField(name="year", label="Year", max_length=4, required=False, pattern="[12][0-9]{3}")


def title_of(description: str) -> str:
    """Turn the shop's capitals into a title: "KID'S SET/3 MUGS" becomes "Kid's Set/3 Mugs"."""
    return re.sub(r"[A-Za-z]+(?:'[A-Za-z]+)?", lambda word: word[0].capitalize(), description)


def personalization_of(text: str) -> tuple[PersonalizationField, ...]:
    """Fields that may be printed on goods with this description (in capitals); none for most goods."""
    if _THREADED.search(text):
        return (_NAME, _THREAD)
    if _DATED.search(text):
        return (_NAME, YEAR)
    return (_NAME,) if _NAMED.search(text) else ()


def product_of(sku: str, description: str, price_minor: int) -> Product:
    """Make a product by the rules.

    A unit weighs 10 g, and 30 g for each pound of its price times the factor of its material, at most 6 kg. Its parcel
    measures 3 : 2 : 1 at the density of the material. Oversize goods weigh at least 4 kg and are at least 950 mm long.
    """
    text = description.upper()
    material = next((known for known in MATERIALS if known.pattern.search(text)), OTHER)
    oversize = bool(_OVERSIZE.search(text))
    hazmat = bool(_HAZMAT.search(text))
    handling: list[Handling] = ["fragile"] if material.name == "glass" else []
    handling += ["hazmat"] if hazmat else []
    handling += ["oversize"] if oversize else []
    grams = BASE_WEIGHT_G + WEIGHT_G_PER_POUND * price_minor / 100 * material.weight_factor
    weight_g = min(WEIGHT_LIMIT_G, max(OVERSIZE_WEIGHT_G if oversize else 5, 5 * round(grams / 5)))
    height_mm = (weight_g / material.density_g_per_l * 1e6 / 6) ** (1 / 3)
    return Product(
        sku=sku,
        title=title_of(description),
        price_minor=price_minor,
        material=material.name,
        weight_g=weight_g,
        length_mm=max(OVERSIZE_LENGTH_MM if oversize else 20, round(3 * height_mm)),
        width_mm=max(15, round(2 * height_mm)),
        height_mm=max(5, round(height_mm)),
        handling=tuple(handling),
        # Nobody wraps what is oversize, or what a parcel must declare.
        gift_wrap=not (oversize or hazmat),
        personalization=() if oversize else personalization_of(text),
    )


def products_of(sales: Iterable[Sale]) -> dict[str, Product]:
    """One product for each SKU sold, wrap included, sorted by SKU.

    Description and price are the most frequent ones; between equals the longer description and the lower price win.
    """
    descriptions: defaultdict[str, Counter[str]] = defaultdict(Counter)
    prices: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for sale in sales:
        for line in sale.lines:
            descriptions[line.sku][line.description] += 1
            prices[line.sku][line.unit_price_minor] += 1
    return {
        sku: product_of(
            sku,
            max(descriptions[sku].items(), key=lambda item: (item[1], len(item[0]), item[0]))[0],
            max(prices[sku].items(), key=lambda item: (item[1], -item[0]))[0],
        )
        for sku in sorted(prices)
    }


def papers_of(sales: Iterable[Sale], products: dict[str, Product]) -> tuple[WrapPaper, ...]:
    """The papers that the data sells as gift wrap."""
    codes = sorted({line.sku for sale in sales for line in sale.lines if line.wrap})
    return tuple(WrapPaper(code=code, title=products[code].title) for code in codes)
