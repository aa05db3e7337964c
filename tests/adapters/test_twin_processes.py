"""A twin is a process of its own: it has a port and a state file to itself, and takes odd requests in its stride."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from doorstep.adapters.twin.store import Store
from tests.support.twins import SECRET, Twin

CARRIER = "doorstep.adapters.carriers.sandbox"


def test_a_port_is_never_shared_with_another_twin(carrier_twin: Twin, tmp_path: Path) -> None:
    port = carrier_twin.url.rpartition(":")[2]
    command = [sys.executable, "-m", CARRIER, "--port", port, "--state", str(tmp_path / "x"), "--secret", SECRET]
    second = subprocess.run(command, capture_output=True, timeout=20, check=False)
    assert second.returncode != 0
    assert b"address already in use" in second.stderr


def test_a_state_file_belongs_to_one_process(tmp_path: Path) -> None:
    package = "doorstep.adapters.payments.sandbox"
    store = Store(tmp_path / "state.sqlite", package)
    with store.transaction():
        store.run("count_attempt", reference="x")
    command = [sys.executable, "-m", package, "--port", "0", "--state", str(tmp_path / "state.sqlite")]
    second = subprocess.run(command, capture_output=True, timeout=30, check=False)
    store.close()
    assert second.returncode != 0
    assert b"database is locked" in second.stderr


def test_what_fails_inside_a_transaction_leaves_no_trace(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite", "doorstep.adapters.payments.sandbox")

    def half_done() -> None:
        with store.transaction():
            store.run("count_attempt", reference="x")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        half_done()
    assert store.row("attempts_at", reference="x") is None
    store.close()


@pytest.mark.parametrize("fault", ["speling=0.1", "late=2"])
def test_a_twin_does_not_start_with_a_fault_it_does_not_know(tmp_path: Path, fault: str) -> None:
    command = [sys.executable, "-m", CARRIER, "--port", "0", "--state", str(tmp_path / "x"), "--secret", SECRET]
    started = subprocess.run([*command, "--faults", fault], capture_output=True, timeout=20, check=False)
    assert started.returncode != 0


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\r\n\r\n", b"400"),
        (b"GET\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", b"411"),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000 + b"\r\n\r\n", b"431"),
        (b"GET /nowhere HTTP/1.1\r\n\r\n", b"404"),
        (b"DELETE /v1/labels HTTP/1.1\r\n\r\n", b"405"),
        (b"POST /sandbox/advance HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}", b"422"),
        (b"POST /sandbox/advance HTTP/1.1\r\ncontent-length: 1\r\n\r\n{", b"400"),
    ],
)
async def test_an_odd_request_gets_a_problem_and_the_twin_lives(
    carrier_twin: Twin, request_bytes: bytes, status: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(carrier_twin.url.rpartition(":")[2]))
    writer.write(request_bytes)
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.close()
    await writer.wait_closed()
    assert answer.split(b" ")[1] == status
    assert carrier_twin.get("/sandbox/ledger")["totals"]["labels"] == 0


def test_a_mailbox_is_read_page_by_page(messages_twin: Twin) -> None:
    first = messages_twin.get("/sandbox/mailbox", limit=1)
    assert first == {"messages": [], "after": 0}
