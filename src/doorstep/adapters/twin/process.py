"""How a twin runs: its common arguments, its faults around each call, its life from start to SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import hmac
import logging
import signal
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

import msgspec

from doorstep.adapters.twin import faults as seeded
from doorstep.adapters.twin.faults import Faults
from doorstep.adapters.twin.server import Answer, HttpServer, Problem, Request
from doorstep.adapters.twin.store import Store


class ResetRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`POST /sandbox/reset`: forget everything; what is not given is as on the command line. Lasts until the end."""

    seed: int | None = None
    faults: dict[str, float] | None = None
    attempts: int | None = None
    late_answer_s: float | None = None
    webhook_url: str | None = None


def arguments(name: str, known: Collection[str]) -> argparse.ArgumentParser:
    """The arguments every twin takes."""
    parser = argparse.ArgumentParser(prog=f"python -m doorstep.adapters.{name}.sandbox", description=f"Twin: {name}.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True, help="SQLite file; made when missing")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default="", help=f"k=v,... with probabilities; k is one of {', '.join(known)}")
    parser.add_argument("--attempts", type=int, help="faults strike only the first so many attempts at a reference")
    parser.add_argument("--late-answer-s", type=float, default=8.0, help="how late timeout_after_success answers")
    parser.add_argument("--api-key", default="sandbox")
    return parser


def faults_from(options: argparse.Namespace, known: Collection[str]) -> Faults:
    """The faults asked for on the command line. Raises ValueError for an unknown one."""
    return Faults(
        seed=options.seed,
        rates=seeded.parse(options.faults, known),
        attempts=options.attempts,
        late_answer_s=options.late_answer_s,
    )


def faults_after(reset: ResetRequest, defaults: Faults, known: Collection[str]) -> Faults:
    """The faults that a reset asks for. Raises a 422 Problem for an unknown one."""
    try:
        seeded.check(reset.faults or {}, known)
    except ValueError as error:
        raise Problem(422, "invalid", str(error)) from error
    given = {
        "seed": reset.seed,
        "rates": reset.faults,
        "attempts": reset.attempts,
        "late_answer_s": reset.late_answer_s,
    }
    return msgspec.structs.replace(defaults, **{name: value for name, value in given.items() if value is not None})


async def answer_with_faults(store: Store, faults: Faults, reference: str, work: Callable[[], Answer]) -> Answer:
    """Do work once per reference under the faults of this attempt.

    The attempt and the work are one transaction; faults that strike afterwards change the answer only. A refusal of
    the work (a Problem) is answered as it is, and its attempt is not counted.
    """
    with store.transaction():
        store.run("count_attempt", reference=reference)
        row = store.row("attempts_at", reference=reference)
        attempt = int(row["count"]) if row else 1
        fault = faults.draw_call(reference, attempt)
        answer = Answer() if fault in seeded.BEFORE else work()
    return await show_fault(answer, fault, faults.late_answer_s)


async def show_fault(answer: Answer, fault: str | None, late_answer_s: float) -> Answer:
    """What the caller sees of an answer under a fault of a call. Raises the Problem that some faults are."""
    if fault == "error_500":
        raise Problem(500, "internal", "sandbox fault: failed before doing anything")
    if fault == "busy_429":
        raise Problem(429, "too_many_requests", "sandbox fault: busy", {"retry-after": "1"})
    if fault == "error_500_after":
        raise Problem(500, "internal", "sandbox fault: failed after doing it")
    if fault == "hang_up_after":
        return Answer(hang_up=True)
    if fault == "garbage":
        return Answer(body=b'<html>{"tracking_number": ' + bytes(range(128, 160)))
    if fault == "timeout_after_success":
        await asyncio.sleep(late_answer_s)
    return answer


def authorized(request: Request, api_key: str) -> None:
    """Refuse a request without our key. Raises a 401 Problem."""
    if not hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {api_key}".encode()):
        raise Problem(401, "not_authenticated", "send Authorization: Bearer and the API key")


def idempotency_key(request: Request) -> str:
    """The reference of a call that changes something. Raises a 400 Problem when there is none."""
    key = request.headers.get("idempotency-key", "")
    if not 1 <= len(key) <= 200:
        raise Problem(400, "no_reference", "send an Idempotency-Key of 1 to 200 characters")
    return key


def run(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run a twin until SIGTERM or SIGINT; `main` gets the event that says so."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it writes a line for each webhook

    async def live() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await main(stop)

    asyncio.run(live())


async def serve_until(stop: asyncio.Event, server: HttpServer, host: str, port: int) -> None:
    """Serve HTTP until the event; connections still open are cut, as a power failure would."""
    listening = await server.start(host, port)
    logging.info("listening on http://%s:%s", host, port)
    await stop.wait()
    listening.close()
