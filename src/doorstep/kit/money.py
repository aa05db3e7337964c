"""Money is an integer of minor units and an ISO 4217 code. Shares always add up to the whole."""

from __future__ import annotations

from collections.abc import Sequence

# Currencies whose minor unit is not a hundredth (ISO 4217, "Minor unit" column).
_DIGITS = {"BHD": 3, "CLP": 0, "ISK": 0, "JOD": 3, "JPY": 0, "KRW": 0, "KWD": 3, "OMR": 3, "TND": 3, "UGX": 0, "VND": 0}


def prorate(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Divide an amount in proportion to weights by the largest remainder; the parts sum to the total.

    Weights are not negative. If all are zero, the first part takes everything. Ties go to the earlier part.
    """
    whole = sum(weights)
    if whole == 0:
        return [total_minor, *[0] * (len(weights) - 1)] if weights else []
    parts = [total_minor * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total_minor * weights[i] % whole), i))
    for i in by_remainder[: total_minor - sum(parts)]:
        parts[i] += 1
    return parts


def share(total_minor: int, units: int, of: int) -> int:
    """What the first `units` of `of` equal units cost: cumulative, so that consecutive shares add up exactly."""
    return total_minor * units // of


def digits(currency: str) -> int:
    """How many digits the currency's minor unit has."""
    return _DIGITS.get(currency, 2)
