"""What is sold: products with their weight and size, what may be done to them, and how long they may come back.

Invariant: a SKU is one product for good. It is switched off (`active` is false), never deleted and never given another
number, because orders, stock and movements point at it. States: active, inactive; both ways at any time.
"""

from doorstep.catalog.kept import Kept
from doorstep.catalog.model import (
    HANDLING,
    Component,
    Handling,
    PersonalizationField,
    Product,
    ProductData,
    check_personalization,
    printed_text,
)
from doorstep.catalog.put import Stored, put_products
from doorstep.catalog.reads import by_id, load, load_whole, page, pieces, sold, variants
from doorstep.catalog.store import set_release

__all__ = [
    "HANDLING",
    "Component",
    "Handling",
    "Kept",
    "PersonalizationField",
    "Product",
    "ProductData",
    "Stored",
    "by_id",
    "check_personalization",
    "load",
    "load_whole",
    "page",
    "pieces",
    "printed_text",
    "put_products",
    "set_release",
    "sold",
    "variants",
]
