"""Which boxes goods travel in, when the packer does not say. Pure.

The rule: lines fill a box in their order until it would weigh more than `PARCEL_WEIGHT_G`; a box weighs its goods and
150 g; it is as long and wide as its longest and widest unit, and as high as its goods need with a fifth more of air.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from doorstep.catalog import Product
from doorstep.kit.limits import PARCEL_WEIGHT_G
from doorstep.orders import LineQuantity

BOX_G = 150
_LONGEST_MM = 20_000


def fill(lines: Sequence[tuple[int, int, int]], products: Mapping[int, Product]) -> list[tuple[LineQuantity, ...]]:
    """Divide (line_no, sku_id, quantity) over boxes; a single unit too heavy for any box has one of its own."""
    boxes: list[tuple[LineQuantity, ...]] = []
    box: list[LineQuantity] = []
    room = PARCEL_WEIGHT_G - BOX_G
    for line_no, sku_id, quantity in lines:
        unit_g = max(1, products[sku_id].weight_g)
        left = quantity
        while left:
            units = min(left, room // unit_g)
            if not units and box:
                boxes.append(tuple(box))
                box, room = [], PARCEL_WEIGHT_G - BOX_G
                continue
            units = max(units, 1)
            box.append(LineQuantity(line_no=line_no, quantity=units))
            room -= units * unit_g
            left -= units
    return [*boxes, tuple(box)] if box else boxes


def measure(content: Sequence[tuple[Product, int]]) -> tuple[int, int, int, int]:
    """(weight_g, length_mm, width_mm, height_mm) of a box with these goods; none is zero."""
    weight_g = BOX_G + sum(product.weight_g * units for product, units in content)
    length_mm = max(1, *(product.length_mm for product, _ in content))
    width_mm = max(1, *(product.width_mm for product, _ in content))
    volume = sum(product.length_mm * product.width_mm * product.height_mm * units for product, units in content)
    tallest = max(product.height_mm for product, _ in content)
    height_mm = max(1, tallest, -(-volume * 6 // (5 * length_mm * width_mm)))
    return weight_g, length_mm, width_mm, min(height_mm, _LONGEST_MM)
