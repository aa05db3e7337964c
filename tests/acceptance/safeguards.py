"""Every safeguard, taken away in turn: see tests/sabotage."""

from __future__ import annotations

from collections.abc import Sequence

from tests.acceptance.model import Measure, exactly
from tests.acceptance.scratch import say
from tests.sabotage.cases import CASES
from tests.sabotage.run import play


def measure() -> Sequence[Measure]:
    """All sabotages are caught, and the tests that catch them pass when nothing is taken away."""
    say(f"{len(CASES)} sabotages")
    played = play()
    missed = [result.name for result in played.results if not result.caught]
    return [
        exactly("sabotages not caught", ", ".join(missed) or 0, 0),
        exactly("sabotages caught", len(CASES) - len(missed), len(CASES)),
        exactly("untouched, the named tests pass", played.clean, True),
    ]
