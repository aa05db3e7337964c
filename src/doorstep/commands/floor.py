"""Commands for the warehouse floor, through the API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import rich_click as click
from rich.markup import escape

from doorstep.commands.client import Api
from doorstep.commands.console import FAILED, OK, as_json, emit, err, group, out, table, usage

_WAVE = 200
_reasons = click.Choice(["shelf_empty", "damaged", "not_found", "other"])


def _connected(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command here: where the API is, and the key."""
    url = click.option(
        "--url", envvar="DOORSTEP_URL", default="http://127.0.0.1:8080", show_default=True, help="The server."
    )
    key = click.option("--key", envvar="DOORSTEP_API_KEY", default="", help="An API key; better: DOORSTEP_API_KEY.")
    return as_json(key(url(command)))  # type: ignore[no-any-return]  # click's decorators are not typed


work = group(
    "work",
    """Work on the floor: see what to do, express first, and say what was done.

    [dim]Examples:[/]  doorstep work list --location north  ·  doorstep work accept --all --location north  ·
    doorstep work pick ful_…  ·  doorstep work short-pick ful_… --line 1:2 --reason shelf_empty  ·
    doorstep work hand-over shp_…
    """,
)


@work.command("list")
@click.option("--location", help="Only this location's work.")
@click.option("--status", help="draft, activated, fulfilling, closed, canceled or rejected; default: what is to do.")
@_connected
def work_list(location: str | None, status: str | None, url: str, key: str, as_json: bool) -> None:
    """What there is to do, in the order in which to do it."""
    with Api(url, key) as api:
        items = list(api.pages("/v1/fulfillment-orders", location=location, status=status))
    if as_json:
        emit({"items": items})
        return
    rows = [
        [
            "express" if one["express"] else "",
            one["fulfillment_order_id"],
            one["number"],
            one["location"],
            one["status"],
            one["pick_by"][:16].replace("T", " "),
            ", ".join(f"{line['quantity'] - line['withdrawn']}×{line['sku']}" for line in one["lines"]),
            ", ".join(f"{step['kind']} {step['step_id']}" for step in one["steps"] if step["status"] == "waiting"),
        ]
        for one in items
    ]
    table(["", "id", "order", "location", "status", "leave by", "lines", "to do"], rows, empty="Nothing to do.")


@work.command("parcels")
@click.option("--location", help="Only this location's.")
@_connected
def parcels(location: str | None, url: str, key: str, as_json: bool) -> None:
    """Parcels with a label that wait for the carrier."""
    with Api(url, key) as api:
        items = list(api.pages("/v1/shipments", location=location, labeled="true", handed_over="false"))
    if as_json:
        emit({"items": items})
        return
    rows = [
        [one["shipment_id"], one["location"], one["carrier"], one["service"], one["tracking_number"]] for one in items
    ]
    table(["id", "location", "carrier", "service", "tracking number"], rows, empty="No parcel waits.")


def _wave(name: str, done: str, text: str, wanted: Callable[[Any], bool]) -> None:
    """Add a command that takes ids, or all of a location's work that is ready for it."""

    @work.command(name, help=f"{text} Give ids, or --all. Again changes nothing.")
    @click.argument("ids", nargs=-1)
    @click.option("--all", "take_all", is_flag=True, help="All that is ready for it, with --location of one place.")
    @click.option("--location", help="With --all: only this location's.")
    @_connected
    def command(ids: tuple[str, ...], take_all: bool, location: str | None, url: str, key: str, as_json: bool) -> int:
        if bool(ids) == take_all:
            usage("Give ids, or --all.")
        with Api(url, key) as api:
            if take_all:
                listed = api.pages("/v1/fulfillment-orders", location=location)
                ids = tuple(one["fulfillment_order_id"] for one in listed if wanted(one))
            items = _in_waves(api, f"/v1/fulfillment-orders/{name}", ids)
        return _told(items, "fulfillment_order_id", done, as_json)


def _to_pick(one: Any) -> bool:
    return any(line["to_pick"] for line in one["lines"])


_wave("accept", "accepted", "Accept work.", lambda one: one["request_status"] == "submitted")
_wave(
    "pick", "picked", "Everything still to pick was picked.", lambda one: any(line["to_pick"] for line in one["lines"])
)
_wave(
    "pack",
    "packed",
    "Pack what is picked and done, into boxes as the products suggest.",
    lambda one: (
        not _to_pick(one)
        and not any(step["status"] == "waiting" for step in one["steps"])
        and any(line["picked"] > line["packed"] for line in one["lines"])
    ),
)


@work.command("hand-over")
@click.argument("ids", nargs=-1)
@click.option("--all", "take_all", is_flag=True, help="All parcels that wait, with --location those of one place.")
@click.option("--location", help="With --all: only this location's.")
@_connected
def hand_over(ids: tuple[str, ...], take_all: bool, location: str | None, url: str, key: str, as_json: bool) -> int:
    """The carrier takes parcels (shp_…). Give ids, or --all. Again changes nothing."""
    if bool(ids) == take_all:
        usage("Give ids, or --all.")
    with Api(url, key) as api:
        if take_all:
            listed = api.pages("/v1/shipments", location=location, labeled="true", handed_over="false")
            ids = tuple(one["shipment_id"] for one in listed)
        items = _in_waves(api, "/v1/shipments/hand-over", ids)
    return _told(items, "shipment_id", "handed over", as_json)


@work.command("short-pick")
@click.argument("work_id")
@click.option("--line", "lines", multiple=True, required=True, help="Line and missing units, e.g. 1:2. Repeat it.")
@click.option("--reason", type=_reasons, required=True, help="Why.")
@_connected
def short_pick(work_id: str, lines: tuple[str, ...], reason: str, url: str, key: str, as_json: bool) -> None:
    """Units are not where they should be: they leave the shelf count and are looked for elsewhere."""
    body = {"lines": [_line(text) for text in lines], "reason": reason}
    with Api(url, key) as api:
        answer = api.post(f"/v1/fulfillment-orders/{work_id}/short-pick", body)
    if as_json:
        emit(answer)
    else:
        out.print(f"[yellow]![/] Noted. {escape(work_id)} is now {escape(answer['status'])}; the rest is looked for.")


@work.command("done")
@click.argument("work_id")
@click.argument("step_id")
@_connected
def done(work_id: str, step_id: str, url: str, key: str, as_json: bool) -> None:
    """A step is done: instructions read, text printed, gift wrapped."""
    with Api(url, key) as api:
        answer = api.post(f"/v1/fulfillment-orders/{work_id}/steps/{step_id}/done")
    if as_json:
        emit(answer)
    else:
        left = [step["kind"] for step in answer["steps"] if step["status"] == "waiting"]
        out.print("[green]✓[/] Done. " + (f"Still to do: {', '.join(left)}." if left else "Ready to pack."))


def _line(text: str) -> dict[str, int]:
    line_no, _, units = text.partition(":")
    if not (line_no.isascii() and line_no.isdigit() and units.isascii() and units.isdigit()):
        usage(f"--line is a line and its missing units, such as 1:2, not {text!r}.")
    return {"line_no": int(line_no), "quantity": int(units)}


def _in_waves(api: Api, path: str, ids: Sequence[str]) -> list[Any]:
    items: list[Any] = []
    for start in range(0, len(ids), _WAVE):
        items += api.post(path, {"ids": list(ids[start : start + _WAVE])})["items"]
    return items


def _told(items: list[Any], name: str, done: str, machine: bool) -> int:
    wrong = [one for one in items if not one["done"]]
    if machine:
        emit({"items": items})
    else:
        for one in wrong:
            err.print(f"[red]✗[/] {escape(one[name])}  {escape(one['problem'])}")
        out.print(
            f"[{'yellow' if wrong else 'green'}]{len(items) - len(wrong)}[/] {done}"
            + (f", {len(wrong)} not" if wrong else "")
        )
    return FAILED if wrong else OK
