"""A twin's memory: one SQLite file, written through to the disk before any answer."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

_NAME = re.compile(r"^-- name: *([a-z0-9_]+) *$", re.MULTILINE)


class Store:
    """Named statements over one SQLite file; the file belongs to one process at a time.

    The package's `state.sql` holds the tables first and then statements, each under a line `-- name: some_verb`.
    """

    def __init__(self, path: Path, package: str) -> None:
        tables, *pieces = _NAME.split(files(package).joinpath("state.sql").read_text(encoding="utf-8"))
        self._statements = dict(zip(pieces[::2], pieces[1::2], strict=True))
        self._lock = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)
        self._db.row_factory = sqlite3.Row
        # Exclusive: a second twin on the same file fails at its start instead of answering from half the truth.
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(tables)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is on the disk when this ends without an error, or none of it is."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def run(self, name: str, /, **values: Any) -> int:
        """Run one statement; answers the number of rows it touched."""
        with self._lock:
            return self._db.execute(self._statements[name], values).rowcount

    def rows(self, name: str, /, **values: Any) -> list[sqlite3.Row]:
        """All rows of a statement."""
        with self._lock:
            return self._db.execute(self._statements[name], values).fetchall()

    def row(self, name: str, /, **values: Any) -> sqlite3.Row | None:
        """The first row of a statement, or None."""
        found = self.rows(name, **values)
        return found[0] if found else None

    def forget(self) -> None:
        """Empty every table: the twin is as new."""
        with self.transaction():
            for name in self._statements:
                if name.startswith("forget"):
                    self.run(name)

    def close(self) -> None:
        """Close the file; only for an orderly end, nothing depends on it."""
        self._db.close()
