"""At which step a piece of work is, how urgent it is, and what was scanned of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Literal, get_args

import msgspec

from doorstep.fulfillment import FulfillmentLine, FulfillmentOrder

Step = Literal["accept", "pick", "personalize", "wrap", "pack", "ship"]
STEPS: Final[tuple[Step, ...]] = get_args(Step)
Stage = Step | Literal["draft", "shipped", "gone"]
Urgency = Literal["late", "soon", "today", "later"]
_SOON_S, _TODAY_S = 3_600, 12 * 3_600


def stage(one: FulfillmentOrder) -> Stage:
    """The step it waits for; or that it has not begun, has left, or is not wanted here any more."""
    if one.status_category == "draft":
        return "draft"
    if one.status_category in ("canceled", "rejected"):
        return "gone"
    if one.status_category == "closed":
        return "shipped"
    if one.status_category == "activated":
        return "accept"
    if one.status == "packed":
        return "ship"
    if one.status != "picked":
        return "pick"
    waiting = [step for step in one.steps if step.status == "waiting"]
    if not waiting:
        return "pack"
    return "wrap" if min(waiting, key=lambda step: step.step).kind == "gift_wrap" else "personalize"


def steps_of(one: FulfillmentOrder) -> list[Step]:
    """The steps that this work goes through: nothing is personalized or wrapped that nobody asked for."""
    kinds = {step.kind for step in one.steps if step.status != "canceled"}
    left_out = {"personalize"} - kinds | ({"wrap"} if "gift_wrap" not in kinds else set())
    return [step for step in STEPS if step not in left_out]


def urgency(leave_by: datetime, now: datetime) -> Urgency:
    """How near the hand-over is."""
    left = (leave_by - now).total_seconds()
    if left < 0:
        return "late"
    return "soon" if left < _SOON_S else "today" if left < _TODAY_S else "later"


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan did to the count: `hit` the line it counted for; else it was `wrong`, or `over` what is wanted."""

    text: str
    hit: int | None = None
    wrong: bool = False
    over: bool = False


def scan(
    text: str, lines: Iterable[FulfillmentLine], skus: Mapping[int, str], counted: Mapping[int, int]
) -> tuple[Scan, dict[int, int]]:
    """Count one unit of the scanned SKU, on the first of its lines that has room; big and small letters are alike."""
    same = [line for line in lines if skus[line.sku_id].casefold() == text.casefold()]
    for line in same:
        if counted.get(line.line_no, 0) < line.to_pick:
            return Scan(text=text, hit=line.line_no), {**counted, line.line_no: counted.get(line.line_no, 0) + 1}
    return Scan(text=text, wrong=not same, over=bool(same)), dict(counted)
