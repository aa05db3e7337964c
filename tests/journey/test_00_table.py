"""The table of contents itself: complete, and in agreement with the nouns."""

from __future__ import annotations

from pathlib import Path
from re import findall

from doorstep import journey
from doorstep.journal.model import kinds
from doorstep.journey import JOURNEY, REACTIONS, WORK
from doorstep.updates.model import TELLS


def test_what_is_worth_telling_is_told_and_nothing_else_is_asked() -> None:
    told = next(reaction for reaction in REACTIONS if reaction.name == "updates.tell")
    assert sorted(told.kinds) == sorted(TELLS)


def test_each_event_stands_in_one_row_and_each_name_is_unique() -> None:
    events = [row[0][0].KIND for row in JOURNEY]
    assert len(events) == len(set(events))
    assert len({reaction.name for reaction in REACTIONS}) == len(REACTIONS)
    assert len({kind.name for kind in WORK}) == len(WORK)


def test_every_event_without_a_row_is_known_to_need_none() -> None:
    silent = {
        "fulfillment.accepted", "fulfillment.picked", "fulfillment.work_done", "fulfillment.work_reopened",
        "shipping.label_bought", "shipping.tracked", "returns.in_transit", "delivery.delay_answered",
        "updates.asked_again",
        "inventory.low", "inventory.out", "inventory.back_in_stock", "inventory.supply_changed",
        "feeds.applied",
        "journal.undecodable",
    }  # fmt: skip
    nouns = {name for name, event in kinds().items() if event.__module__.startswith("doorstep.")}
    assert nouns - {row[0][0].KIND for row in JOURNEY} == silent


def test_the_events_that_comments_name_exist() -> None:
    text = Path(journey.__file__).read_text()
    known = {f"{kind.__module__.split('.')[1]}.{kind.__name__}" for kind in kinds().values()}
    named = {
        name
        for line in text.splitlines()
        if "# →" in line
        for name in findall(r"\b[a-z]+\.[A-Z]\w+", line.split("# →")[1])
    }
    assert len(named) > 10
    assert named <= known
