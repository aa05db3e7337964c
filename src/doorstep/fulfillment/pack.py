"""Pack: everything picked, all work done, into boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from doorstep import catalog, journal, orders
from doorstep.catalog import Product
from doorstep.db import Tx
from doorstep.fulfillment import boxes, store
from doorstep.fulfillment.model import FulfillmentOrder, Outcome, Packed, Packing, Parcel, ParcelMeasures
from doorstep.fulfillment.take import Taken, refused, take


async def pack(tx: Tx, *, packings: Sequence[Packing], actor: str, now: datetime) -> list[Outcome]:
    """Pack many fulfillment orders; each has its own outcome, in the order given. Packing again changes nothing.

    Needs every unit picked (or short) and every step done; the problem names what is missing.
    """
    taken = await take(tx, [packing.fulfillment_order_id for packing in packings], now=now)
    sku_ids = {line.sku_id for found in taken.found.values() for line in found.lines}
    products = await catalog.by_id(tx, sku_ids)
    packed: dict[UUID, list[Parcel]] = {}
    outcomes = []
    for packing in packings:
        key = packing.fulfillment_order_id
        outcome = refused(key, "It stands twice in the list.") if key in packed else _judge(taken, packing)
        if outcome.done and not outcome.already:
            packed[key] = _parcels(taken.found[key], packing.parcels, products)
        outcomes.append(outcome)
    await _write(tx, taken.found, packed, actor, now)
    return outcomes


def _judge(taken: Taken, packing: Packing) -> Outcome:
    key = packing.fulfillment_order_id
    refusal = taken.refusal(key)
    if refusal is not None:
        return refusal
    found = taken.found[key]
    if found.status in ("packed", "handed_over"):
        return Outcome(fulfillment_order_id=key, done=True, already=True)
    if found.status_category != "fulfilling":
        return refused(key, f"It is {found.status}; accept and pick it before packing.")
    missing = [f"Line {line.line_no}: {line.to_pick} units are not picked." for line in found.lines if line.to_pick]
    missing += [f"Line {step.line_no}: {step.kind} is not done." for step in found.steps if step.status == "waiting"]
    problem = " ".join(missing) or _misfit(found, packing.parcels)
    return refused(key, problem) if problem else Outcome(fulfillment_order_id=key, done=True)


def _misfit(found: FulfillmentOrder, parcels: Sequence[ParcelMeasures]) -> str:
    """Why the packer's boxes are not what was picked; empty when they are."""
    if not parcels or (len(parcels) == 1 and not parcels[0].lines):
        return ""
    there: Counter[int] = Counter()
    for parcel in parcels:
        if not parcel.lines:
            return "With several parcels, each names its lines."
        for line in parcel.lines:
            if line.quantity < 1:
                return "A parcel holds at least one unit of each of its lines."
            there[line.line_no] += line.quantity
    picked = {line.line_no: line.picked for line in found.lines if line.picked}
    wrong = [
        f"Line {line_no}: {picked.get(line_no, 0)} units were picked, {there[line_no]} are in the parcels."
        for line_no in sorted(picked.keys() | there.keys())
        if picked.get(line_no, 0) != there[line_no]
    ]
    return " ".join(wrong)


def _parcels(found: FulfillmentOrder, given: Sequence[ParcelMeasures], products: Mapping[int, Product]) -> list[Parcel]:
    sku_ids = {line.line_no: line.sku_id for line in found.lines}
    everything = [(line.line_no, line.sku_id, line.picked) for line in found.lines if line.picked]
    if given:
        whole = tuple(orders.LineQuantity(line_no=line_no, quantity=units) for line_no, _, units in everything)
        wanted = [(measures, measures.lines or whole) for measures in given]
    else:
        wanted = [(ParcelMeasures(), lines) for lines in boxes.fill(everything, products)]
    parcels = []
    for measures, lines in wanted:
        content = [(products[sku_ids[line.line_no]], line.quantity) for line in lines]
        weight_g, length_mm, width_mm, height_mm = boxes.measure(content)
        parcels.append(
            Parcel(
                weight_g=measures.weight_g or weight_g,
                length_mm=measures.length_mm or length_mm,
                width_mm=measures.width_mm or width_mm,
                height_mm=measures.height_mm or height_mm,
                lines=tuple(lines),
            )
        )
    return parcels


async def _write(
    tx: Tx,
    found: Mapping[UUID, FulfillmentOrder],
    packed: Mapping[UUID, Sequence[Parcel]],
    actor: str,
    now: datetime,
) -> None:
    if not packed:
        return
    await store.pack_lines(tx, list(packed))
    await store.advance(tx, list(packed), "pack", now=now)
    await orders.move_units(
        tx,
        [
            orders.Move(
                order_id=found[key].order_id,
                line_no=line.line_no,
                quantity=line.picked,
                source="picked",
                target="packed",
            )
            for key in packed
            for line in found[key].lines
            if line.picked
        ],
    )
    told = [
        (
            found[key].order_id,
            Packed(fulfillment_order_id=key, location_id=found[key].location_id, parcels=parcels),
        )
        for key, parcels in packed.items()
    ]
    await journal.append(tx, told, actor=actor, now=now)
