"""The world of these tests."""

from __future__ import annotations

import pytest

from doorstep.db import Brand
from tests.orders.world import World


@pytest.fixture
async def world(brand: Brand) -> World:
    """Ten mugs and ten cards in the north, four mugs in the south."""
    return await World(brand).open({"north": {"MUG": 10, "CARD": 10}, "south": {"MUG": 4}})
