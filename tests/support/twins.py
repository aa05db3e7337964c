"""The sandbox twins as real processes: started once for a test session, emptied before each test, killed at will."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2
import pytest

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
START_WITHIN_S = 20.0


class Twin:
    """One twin process and its state file. `url` is its HTTP address; `smtp_url` is set for the messages twin."""

    def __init__(self, package: str, folder: Path, *more: str, smtp: bool = False) -> None:
        self._package = package
        self._more = more
        self._state = folder / f"{package.split('.')[-2]}.sqlite"
        self._log = folder / f"{package.split('.')[-2]}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._ports = [0, 0] if smtp else [0]
        self._client = httpx2.Client(trust_env=False, timeout=15.0)

    @property
    def url(self) -> str:
        """Where it answers HTTP."""
        return f"http://127.0.0.1:{self._ports[0]}"

    @property
    def smtp_url(self) -> str:
        """Where it takes mail."""
        return f"smtp://127.0.0.1:{self._ports[1]}"

    def start(self) -> None:
        """Start on the ports it had, or on free ones the first time; returns when it answers."""
        chosen = self._ports[0] != 0
        for _ in range(1 if chosen else 3):  # a free port may be taken by another before we are there
            if not chosen:
                self._ports = _free_ports(len(self._ports))
            if self._launch():
                return
        raise RuntimeError(f"{self._package} does not start: {self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        """End it without any warning, as a power failure would; its ports and its state stay."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it in an orderly way; fails if it does not end well."""
        if self._process is not None:
            self._process.terminate()
            assert self._process.wait(10) == 0, self._log.read_text()[-2000:]
            self._process = None
        self._client.close()

    def reset(self, **settings: object) -> None:
        """Make it forget everything; settings are those of `POST /sandbox/reset`, such as faults={"error_500": 1}."""
        if self._process is None:
            self.start()
        self.post("/sandbox/reset", settings)

    def post(self, path: str, body: object) -> Any:
        """POST JSON to the twin from outside the event loop; the decoded answer."""
        answer = self._client.post(self.url + path, json=body)
        answer.raise_for_status()
        return answer.json()

    def get(self, path: str, **query: str | int) -> Any:
        """GET JSON from the twin from outside the event loop; the decoded answer."""
        answer = self._client.get(self.url + path, params=query)
        answer.raise_for_status()
        return answer.json()

    async def advance(self, now: str) -> Any:
        """Move the carrier's clock, without stopping the event loop that must answer its webhooks."""
        async with httpx2.AsyncClient(trust_env=False, timeout=30.0) as client:
            answer = await client.post(f"{self.url}/sandbox/advance", json={"now": now})
        answer.raise_for_status()
        return answer.json()

    def _launch(self) -> bool:
        options = ["--port", str(self._ports[0]), "--state", str(self._state), *self._more]
        if len(self._ports) > 1:
            options += ["--smtp-port", str(self._ports[1])]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([sys.executable, "-m", self._package, *options], stdout=log, stderr=log)
        until = monotonic() + START_WITHIN_S
        while monotonic() < until:
            if _listens(self._ports[-1]) and _listens(self._ports[0]):
                return True
            try:
                self._process.wait(0.02)  # it ends only when it cannot start
            except subprocess.TimeoutExpired:
                continue
            break
        self.kill()
        return False


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _living(twin: Twin) -> Iterator[Twin]:
    try:
        twin.start()
        yield twin
        twin.stop()
    finally:
        twin.kill()


@pytest.fixture(scope="session")
def carrier_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """The carrier's twin, as some test left it: take `carrier_twin` instead."""
    folder = tmp_path_factory.mktemp("carrier")
    yield from _living(Twin("doorstep.adapters.carriers.sandbox", folder, "--secret", SECRET))


@pytest.fixture(scope="session")
def gateway_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """The gateway's twin, as some test left it: take `gateway_twin` instead."""
    yield from _living(Twin("doorstep.adapters.payments.sandbox", tmp_path_factory.mktemp("gateway")))


@pytest.fixture(scope="session")
def messages_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """The messages twin, as some test left it: take `messages_twin` instead."""
    yield from _living(Twin("doorstep.adapters.messages.sandbox", tmp_path_factory.mktemp("messages"), smtp=True))


@pytest.fixture
def carrier_twin(carrier_process: Twin) -> Twin:
    """The carrier's twin, running and empty, without faults."""
    carrier_process.reset()
    return carrier_process


@pytest.fixture
def gateway_twin(gateway_process: Twin) -> Twin:
    """The gateway's twin, running and empty, without faults."""
    gateway_process.reset()
    return gateway_process


@pytest.fixture
def messages_twin(messages_process: Twin) -> Twin:
    """The messages twin, running and empty, without faults."""
    messages_process.reset()
    return messages_process


def first_attempt_only(**rates: float) -> Mapping[str, object]:
    """Settings of a reset: these faults, at the first attempt of each reference only; late answers come after 2 s."""
    return {"faults": rates, "attempts": 1, "late_answer_s": 2.0}
