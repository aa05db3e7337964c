"""The parts of the demo's driver that need no system to be wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from doorstep.adapters.twin.server import Answer, HttpServer, Request, json_answer
from doorstep.demo.calls import Calls
from doorstep.demo.customers import scanned
from doorstep.demo.loading import SERVICES
from doorstep.demo.runfile import Done, new_run, read_run, write_run
from doorstep.demo.scenario import build
from doorstep.demo.slots import STOPS, VANS, is_workday, stop_from
from doorstep.demo.storefront import body_of
from doorstep.demo.summary import Figures, floors
from doorstep.demo.wire import Lost, Wire
from doorstep.orders.requests import PlaceOrder, faults_of
from doorstep.returns import qr_svg

END = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def test_every_order_of_the_scenario_is_one_that_the_api_takes() -> None:
    decoder = msgspec.json.Decoder(PlaceOrder)
    for order in build(end=END).orders:
        placed = decoder.decode(msgspec.json.encode(body_of(order, order.on_short)))
        assert faults_of(placed) == []
        assert placed.total_minor == order.total_minor


@pytest.mark.parametrize("day", [MONDAY, datetime(2026, 7, 6, tzinfo=UTC)], ids=["winter", "summer"])
@pytest.mark.parametrize("service", SERVICES, ids=lambda service: str(service["service"]))
def test_what_comes_in_before_a_cut_off_leaves_in_time_for_its_hand_over(
    day: datetime, service: dict[str, str]
) -> None:
    """Placed at the last stop before the cut-off, picked at the next, on the van at the one after."""
    local = datetime.combine(day.date(), time.fromisoformat(service["cut_off"]), ZoneInfo("Europe/London"))
    cut_off = local.astimezone(UTC)
    placed = max(day + timedelta(hours=s.hour, minutes=s.minute) for s in STOPS if _at(day, s) < cut_off)
    picked = stop_from(placed + timedelta(seconds=1))
    leaves = stop_from(picked + timedelta(seconds=1))
    assert leaves.time() in VANS
    assert leaves < cut_off + timedelta(hours=4)


def _at(day: datetime, stop: time) -> datetime:
    return day + timedelta(hours=stop.hour, minutes=stop.minute)


def test_the_clock_stops_less_often_on_weekends_and_when_no_more_orders_come() -> None:
    assert stop_from(MONDAY) == MONDAY + timedelta(hours=8, minutes=30)
    assert stop_from(MONDAY, quiet=True) == MONDAY + timedelta(hours=10, minutes=30)
    saturday = MONDAY + timedelta(days=5)
    assert not is_workday(saturday)
    assert stop_from(saturday) == saturday + timedelta(hours=10, minutes=30)
    assert stop_from(MONDAY + timedelta(hours=23)) == MONDAY + timedelta(days=1, hours=8, minutes=30)


def test_what_was_done_is_known_after_a_crash_and_half_a_word_is_not(tmp_path: Path) -> None:
    done = Done(tmp_path)
    done.add("order 489434")
    done.add("refused 489434 1")
    done.add("refused 489434 2")
    done.close()
    with (tmp_path / "done.log").open("a") as file:
        file.write("order 4894")
    again = Done(tmp_path)
    assert "order 489434" in again
    assert "order 4894" not in again
    assert again.count("refused 489434") == 2
    again.add("order 489435")
    again.close()
    third = Done(tmp_path)
    assert "order 489435" in third
    assert "order 4894" not in third
    assert third.last("refused 489434") in ("1", "2")


def test_a_run_is_read_back_as_it_was_written_and_nonsense_is_no_run(tmp_path: Path) -> None:
    assert read_run(tmp_path) is None
    run = new_run(end=END, seed=7, orders=12)
    write_run(tmp_path, run)
    assert read_run(tmp_path) == run
    (tmp_path / "run.json").write_text("{")
    assert read_run(tmp_path) is None


def test_a_clerk_reads_the_code_of_a_return_from_its_picture() -> None:
    token = "ret_0190abcdef.Zm9vYmFyYmF6cXV4"
    assert scanned(qr_svg(token)) == token
    with pytest.raises(ValueError, match="no picture"):
        scanned("<svg/>")


@pytest.fixture
async def house() -> AsyncIterator[tuple[str, list[Request]]]:
    """A server that answers its path, breaks twice before `/shaky`, and hangs up on `/gone`."""
    seen: list[Request] = []

    async def answer(request: Request) -> Answer:
        seen.append(request)
        tries = sum(one.path == request.path for one in seen)
        if request.path == "/gone" or (request.path == "/shaky" and tries == 1):
            return Answer(hang_up=True)
        if request.path == "/shaky" and tries == 2:
            return Answer(status=500)
        return json_answer({"path": request.path, "query": request.query, "body": request.body.decode()})

    server = await HttpServer([("GET", "/{any}", answer), ("POST", "/{any}", answer)]).start("127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
    server.close()


async def test_a_call_is_made_again_until_somebody_answers(house: tuple[str, list[Request]]) -> None:
    url, seen = house
    calls = Calls(url, api_key="dsk_key")
    reply = await calls.ask("POST", "/shaky", {"a": 1}, key="once", query={"q": "ä b"})
    assert reply.ok
    assert reply.read(dict) == {"path": "/shaky", "query": {"q": "ä b"}, "body": '{"a":1}'}
    assert {request.headers["idempotency-key"] for request in seen} == {"once"}
    assert {request.headers["authorization"] for request in seen} == {"Bearer dsk_key"}
    assert calls.repeated == 2
    await calls.aclose()


async def test_a_connection_is_kept_and_a_lost_answer_is_an_error(house: tuple[str, list[Request]]) -> None:
    url, _ = house
    wire = Wire(url, connections=1, timeout_s=5)
    assert (await wire.send("GET", "/a", {}, None)).status == 200
    kept = wire._idle[0]
    assert (await wire.send("GET", "/b", {}, None)).status == 200
    assert wire._idle == [kept]
    with pytest.raises((Lost, ConnectionError)):
        await wire.send("GET", "/gone", {}, None)
    assert wire._idle == []
    await wire.aclose()


def _figures(**orders: int) -> Figures:
    everything = {"split": 200, "short": 200, "short_picked": 200, "late_told": 200, "returned": 200}
    everything |= {"placed": 2_060, "personalized": 200, "wrapped": 200}
    return {
        "orders": everything | orders,
        "units": {"oversold": 0},
        "stuck": 0,
        "returns": {"label": 3, "qr": 2, "store": 0},
        "audit": {"findings": 0},
        "outside": {"labels_bought_twice": 0, "captured_more_than_once": 0},
    }


def test_every_floor_is_held_and_a_missed_one_is_named() -> None:
    assert all(floor["ok"] for floor in floors(_figures(), whole=True, seconds=180).values())
    for name, least in {"placed": 2_000, "split": 103, "short": 42, "short_picked": 21, "returned": 62}.items():
        missed = floors(_figures(**{name: least - 1}), whole=True, seconds=180)
        assert [key for key, floor in missed.items() if not floor["ok"]] == [name]
    slow = floors(_figures(), whole=True, seconds=241)
    assert not slow["seconds"]["ok"]


def test_a_short_run_is_held_to_conservation_only() -> None:
    held = floors(_figures(placed=10, split=0), whole=False, seconds=999)
    assert all(floor["ok"] for floor in held.values())
    assert "split" not in held
    figures = _figures(placed=10)
    figures["stuck"] = 1
    assert not floors(figures, whole=False, seconds=1)["stuck"]["ok"]
