"""The whole inventory in any order, against the model of `shelves.py`: after each step the same units, a clean audit.

Short and always the same here. Longer, and other steps each time: DOORSTEP_MODEL_EXAMPLES=500 with pytest's
`--hypothesis-seed=N`; what fails is printed as a program, made small first with DOORSTEP_MODEL_SHRINK=1 (minutes).
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from doorstep.db import embedded
from tests.inventory.machine import Inventory

EXAMPLES = int(os.environ.get("DOORSTEP_MODEL_EXAMPLES", "8"))
STEPS = int(os.environ.get("DOORSTEP_MODEL_STEPS", "20"))
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
SHRINK = (Phase.shrink,) if os.environ.get("DOORSTEP_MODEL_SHRINK") == "1" else ()
VERBS = {
    "open", "receive", "expect", "count", "adjust", "transfer", "restock", "claim", "end_claim", "place", "cancel",
    "reject", "short_pick", "hold", "keep", "buy", "wait", "lapse",
}  # fmt: skip


async def test_the_inventory_is_what_a_few_lines_of_python_say(server: embedded.Server, template: str) -> None:
    loop = asyncio.get_running_loop()
    played: Counter[str] = Counter()

    def machine() -> RuleBasedStateMachine:
        return Inventory(server, template, loop, played)

    chosen = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        phases=PHASES + SHRINK,
        deadline=None,
        database=None,
        derandomize="DOORSTEP_MODEL_EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, machine, settings=chosen)  # type: ignore[arg-type]  # it calls it
    assert len(VERBS - played.keys()) <= 2, "nearly every rule was played"  # which are left out, chance decides
