"""Seeded choices with exact counts."""

from __future__ import annotations

import math
import random
from collections.abc import Collection


def sample(rng: random.Random, pool: Collection[str], share: float, of: int) -> frozenset[str]:
    """Choose that share of ``of``, rounded up, out of the pool: an exact count, so that no floor hangs on luck."""
    return frozenset(rng.sample(sorted(pool), min(len(pool), math.ceil(share * of))))
