"""Whether someone who had never seen the code found their way in `journey.py`: a trial, recorded; and still true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from doorstep.journal.model import name_of
from doorstep.journey import JOURNEY
from tests.acceptance.model import Measure, at_most, exactly, note

RECORD = Path(__file__).with_name("newcomer.json")
ASKED_ABOUT = "fulfillment.short_picked"


class Trial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was asked of whom, how long it took, and the answer: the steps that follow each event named."""

    question: str
    who: str
    seconds: int
    answer: Mapping[str, Sequence[str]]


def measure() -> Sequence[Measure]:
    """The record is there, the answer was found in a minute, and it is what `journey.py` says now."""
    if not RECORD.exists():
        return [exactly(f"recorded trial in {RECORD.parent.name}/{RECORD.name}", "none", "one")]
    trial = msgspec.json.decode(RECORD.read_bytes(), type=Trial)
    truth = what_follows()
    wrong = {event: steps for event, steps in trial.answer.items() if sorted(steps) != sorted(truth.get(event, ()))}
    return [
        note("asked", f"{trial.question} ({trial.who})"),
        at_most("found, seconds", trial.seconds, 60),
        exactly("the answer names what was asked about", ASKED_ABOUT in trial.answer, True),
        exactly("answers that are not what journey.py says", str(wrong or 0), "0"),
    ]


def what_follows() -> dict[str, list[str]]:
    """The steps behind each event, by the event's name, as `journey.py` says."""
    found: dict[str, list[str]] = {}
    for row in JOURNEY:
        for event, handler in row:
            found.setdefault(event.KIND, []).append(name_of(handler))
    return found
