"""Command lines run in this process, on a database of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from doorstep.cli import main


class Ran(msgspec.Struct, frozen=True):
    """How a command line ended: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output, one JSON value."""
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a command line without any settings but an empty data folder and a free port."""
    monkeypatch.setenv("DOORSTEP_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DOORSTEP_PORT", "18999")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        printed = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Ran(code, printed.out, printed.err)

    return run


@pytest.fixture
def doorstep(bare: Run, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line on this test's database."""
    monkeypatch.setenv("DOORSTEP_DATABASE_URL", dsn)
    return bare
