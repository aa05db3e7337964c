"""What a run of the demo must remember to go on after anything was killed: its settings, and what it has done outside.

Two files in the run's folder: `run.json` (written whole, by renaming) and `done.log` (one word a line, appended). All
that the system itself knows is asked of the system again; here stands only what people outside decided.
"""

from __future__ import annotations

import os
import secrets
from base64 import b64encode
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec

RUN_FILE = "run.json"
DONE_FILE = "done.log"


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Where the processes listen on 127.0.0.1; the server's is told to people."""

    server: int
    carrier: int
    gateway: int
    messages: int
    smtp: int
    shop: int = 0


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run: what makes its scenario, its secrets, and how far it is. `seconds` by phase add up over restarts."""

    end: datetime
    seed: int
    orders: int | None
    lively: bool = False
    secret: str
    webhook_secret: str
    api_key: str = ""
    console_password: str = ""
    ports: Ports | None = None
    finished: bool = False
    seconds: dict[str, float] = {}


def new_run(*, end: datetime, seed: int, orders: int | None, lively: bool = False) -> Run:
    """A run that has not begun, with secrets of its own."""
    return Run(
        end=end,
        seed=seed,
        orders=orders,
        lively=lively,
        secret=secrets.token_hex(32),
        webhook_secret="whsec_" + b64encode(secrets.token_bytes(24)).decode(),
    )


def read_run(folder: Path) -> Run | None:
    """The run that a folder holds; None when there is none that can be gone on with."""
    try:
        return msgspec.json.decode((folder / RUN_FILE).read_bytes(), type=Run)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def write_run(folder: Path, run: Run) -> None:
    """Keep a run; whoever reads meanwhile sees the old one or the new one."""
    write_whole(folder / RUN_FILE, msgspec.json.format(msgspec.json.encode(run)))


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at once, readable by its owner only: it may hold keys."""
    new = path.with_name(f"{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    new.replace(path)


class Done:
    """Words for what has been done, such as `order 489434`. A word is there after a crash if `add` had returned."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / DONE_FILE
        content = self._path.read_bytes() if self._path.exists() else b""
        # The last line of a writer that was killed may be half a word.
        self._whole = content.rfind(b"\n") + 1
        self._words = dict.fromkeys(content[: self._whole].decode().splitlines())
        self._counts = Counter(word.rpartition(" ")[0] for word in self._words)
        self._file: IO[str] | None = None

    def __contains__(self, word: str) -> bool:
        return word in self._words

    def add(self, word: str) -> None:
        """Remember that this was done."""
        if word in self._words:
            return
        self._words[word] = None
        self._counts[word.rpartition(" ")[0]] += 1
        if self._file is None:
            self._file = self._path.open("a", encoding="utf-8")
            self._file.truncate(self._whole)
        self._file.write(f"{word}\n")
        self._file.flush()

    @property
    def words(self) -> frozenset[str]:
        """All words."""
        return frozenset(self._words)

    def count(self, head: str) -> int:
        """How many words consist of this and one more part."""
        return self._counts[head]

    def last(self, head: str) -> str:
        """The rest of the latest word that begins like this; empty when there is none. It looks through all."""
        return next(
            (word.removeprefix(f"{head} ") for word in reversed(self._words) if word.startswith(f"{head} ")), ""
        )

    def close(self) -> None:
        """Close the file; nothing depends on it."""
        if self._file is not None:
            self._file.close()
            self._file = None
