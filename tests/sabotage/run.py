"""Copy the source, take one safeguard away, run the test that names it, and see whether it fails."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from doorstep.db import embedded
from doorstep.kit.ids import new_id
from tests.sabotage import shared
from tests.sabotage.case import Case
from tests.sabotage.cases import CASES
from tests.support.database import binaries

ROOT = Path(__file__).resolve().parents[2]
_COPIED = ("src", "tests", "pyproject.toml")
_PATIENCE_S = 300
_REASON = re.compile(r"^(?:FAILED|ERROR) \S+(?: - (.*))?$", re.MULTILINE)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a sabotage. `how` is the first line of what the test said."""

    name: str
    test: str
    caught: bool
    how: str


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """All of them; `clean` says whether the named tests pass when nothing is taken away (`clean_output` if not)."""

    clean: bool
    clean_output: str
    results: Sequence[Result]

    @property
    def ok(self) -> bool:
        """Whether everything is as it must be."""
        return self.clean and all(result.caught for result in self.results)


def play(cases: Sequence[Case] = CASES, *, side_by_side: int = 2) -> Played:
    """Run the named tests on an untouched copy, then each sabotage on its own copy. The checkout is only read."""
    with ThreadPoolExecutor(side_by_side) as pool, _server() as server:
        untouched = pool.submit(_clean, server, list(dict.fromkeys(case.test for case in cases)))
        results = list(pool.map(partial(_sabotage, server), cases))
        clean, output = untouched.result()
    return Played(clean=clean, clean_output=output, results=results)


def _clean(server: Path, tests: Sequence[str]) -> tuple[bool, str]:
    with _copy() as folder:
        code, output = _pytest(folder, server, tests)
    return code == 0, output


def _sabotage(server: Path, case: Case) -> Result:
    with _copy() as folder:
        for edit in case.edits:
            path = folder / edit.path
            text = path.read_text()
            if edit.old not in text:
                how = f"{edit.path} does not hold {edit.old.strip()[:60]!r} any more: bring the case up to date"
                return Result(name=case.name, test=case.test, caught=False, how=how)
            path.write_text(text.replace(edit.old, edit.new))
        code, output = _pytest(folder, server, [case.test])
    failed = f"FAILED {case.test}" in output
    reason = _REASON.search(output)
    how = (reason.group(1) or "") if reason else output.strip().splitlines()[-1][:100] if output.strip() else ""
    return Result(name=case.name, test=case.test, caught=code == 1 and failed, how=how[:160])


@contextmanager
def _server() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="doorstep-sabotage-", ignore_cleanup_errors=True) as name:
        folder = Path(name) / "server"
        embedded.ensure(folder, binaries=binaries(), durable=False, conf={"max_connections": "300"})
        try:
            yield folder
        finally:
            embedded.destroy(folder)


def _pytest(folder: Path, server: Path, tests: Sequence[str]) -> tuple[int, str]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(folder / "src"), str(folder))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLUMNS": "400",
        shared.SERVER: str(server),
        shared.TEMPLATE: f"template_{new_id().hex}",
    }
    options = ("-q", "-p", "no:cacheprovider", "-p", shared.__name__, "--tb=line", "-rfE")
    command = [sys.executable, "-m", "pytest", *options, *tests]
    done = subprocess.run(
        [*command, f"--basetemp={folder / 'pytest'}"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=_PATIENCE_S, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@contextmanager
def _copy() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="doorstep-sabotage-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for part in _COPIED:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.csv.gz"))
            else:
                shutil.copy(ROOT / part, folder / part)
        yield folder
