"""The faces: journey and pages in a real browser, security, backup; each measured by the tests that hold it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

import msgspec

from tests.acceptance.model import Measure, at_least, at_most, exactly, note
from tests.acceptance.scratch import ROOT, folder, run, say

JOURNEY = ("tests/browser/test_jersey.py",)
PAGES = ("tests/browser/test_pages.py", "tests/browser/test_checks_bite.py")
# What a stranger can try, line by line of the issue: every route by every role, the console's door, stored scripts, the
# shopper's door, and each page's own location scope.
SECURITY = (
    "tests/web/test_every_route.py",
    "tests/web/test_console_door.py",
    "tests/web/test_stored_scripts.py",
    "tests/web/test_console_audit_log.py",
    "tests/web/test_console_deeds.py",
    "tests/web/test_console_floor.py",
    "tests/web/test_console_home.py",
    "tests/web/test_console_orders.py",
    "tests/web/test_console_returns.py",
    "tests/web/test_console_users.py",
    "tests/web/test_shopper.py",
    "tests/web/test_shopper_returns.py",
)
BACKUP = ("tests/cli/test_backup.py",)
PAGE_BYTES, SHIFT = 100_000, 0.01
PICTURES = ROOT / "build/journey"
_WITHIN_S = 3600.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What pytest said: tests that passed and did not, by name, those left out, and what they noted."""

    passed: Sequence[str]
    failed: Sequence[str]
    skipped: Sequence[str]
    noted: Sequence[tuple[str, str]]
    seconds: float

    def measures(self, what: str, least: int = 1) -> list[Measure]:
        """That all passed, none was left out, and that there were any."""
        return [
            at_least(f"{what}: tests passed ({self.seconds:.0f} s)", len(self.passed), least),
            exactly(f"{what}: tests failed", "; ".join(self.failed)[:500] or 0, 0),
            exactly(f"{what}: tests left out", "; ".join(self.skipped)[:500] or 0, 0),
        ]


def tested(*paths: str) -> Outcome:
    """Run tests in a process of their own, a browser being required, and read what came of them."""
    say(f"pytest {' '.join(paths)}")
    with folder() as place:
        report = place / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", f"--junitxml={report}", *paths]
        ran = run(command, ROOT, within_s=_WITHIN_S, DOORSTEP_BROWSER="required")
        if not report.exists():
            raise RuntimeError(f"pytest ended with {ran.code}{ran.said}")
        return _read(report, ran.seconds)


def _read(report: Path, seconds: float) -> Outcome:
    passed, failed, skipped, noted = [], [], [], []
    for case in Xml.parse(report).iter("testcase"):
        name = f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}"
        wrong = next((found for kind in ("failure", "error") if (found := case.find(kind)) is not None), None)
        if wrong is not None:
            failed.append(name)
            say(f"failed: {name}: {wrong.get('message', '')[:300]}")
        elif case.find("skipped") is not None:
            skipped.append(name)
        else:
            passed.append(name)
        noted += [(one.get("name", ""), one.get("value", "")) for one in case.iter("property")]
    return Outcome(passed=passed, failed=failed, skipped=skipped, noted=noted, seconds=seconds)


def journey() -> Sequence[Measure]:
    """Line 1: the jersey bought, made, sent, late, returned and refunded, in a browser; with pictures of each step."""
    for old in PICTURES.glob("*.png"):  # those of an earlier run prove nothing of this one
        old.unlink()
    outcome = tested(*JOURNEY)
    pictures = sorted(PICTURES.glob("*.png")) if PICTURES.exists() else []
    source = "".join((ROOT / path).read_text() for path in JOURNEY)
    return [
        *outcome.measures("the jersey's journey"),
        at_least(f"pictures kept in {PICTURES.relative_to(ROOT)}", len(pictures), 10),
        exactly("sleeps in the test", source.count("sleep("), 0),
    ]


def pages() -> Sequence[Measure]:
    """Line 2: every page in four looks."""
    outcome = tested(*PAGES)
    figures = [(name.removeprefix("page "), ast.literal_eval(value)) for name, value in outcome.noted]
    heaviest, bytes_ = max(((name, one["bytes"]) for name, one in figures), key=lambda pair: pair[1])
    moving, shift = max(((name, one["shift"]) for name, one in figures), key=lambda pair: pair[1])
    return [
        *outcome.measures("axe, console, weight, stillness, touch, focus, without scripts", 50),
        note("pages looked at", len({name for name, _ in figures})),
        exactly(
            "findings (axe serious or critical, errors on the console …)", sum(one["findings"] for _, one in figures), 0
        ),
        at_most(f"heaviest page without pictures, bytes ({heaviest})", bytes_, PAGE_BYTES),
        at_most(f"largest layout shift ({moving})", round(shift, 4), SHIFT),
    ]


def security() -> Sequence[Measure]:
    """Line 4: what a stranger can try."""
    return tested(*SECURITY).measures(
        "every route by every role, CSRF, framing, fixation, redirects, scripts, guessing", 100
    )


def backup() -> Sequence[Measure]:
    """Line 5: backup, wipe, restore."""
    outcome = tested(*BACKUP)
    whole = [name for name in outcome.passed if "comes_back_as_it_was" in name or "after_its_folder_is_gone" in name]
    return [
        *outcome.measures("backup and restore"),
        at_least("among them: audit green and the same timeline after backup, wipe, restore", len(whole), 2),
    ]


class Trial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a newcomer did by the README alone, and how long it took from the first command to the jersey bought."""

    task: str
    who: str
    seconds: int
    order: str
    said: str


def newcomer() -> Sequence[Measure]:
    """Line 6: the recorded trial."""
    record = Path(__file__).with_name("buyer.json")
    if not record.exists():
        return [exactly(f"recorded trial in {record.parent.name}/{record.name}", "none", "one")]
    trial = msgspec.json.decode(record.read_bytes(), type=Trial)
    return [
        note("asked", f"{trial.task} ({trial.who})"),
        at_most("from nothing to the jersey bought, seconds", trial.seconds, 300),
        exactly("the order stands", bool(trial.order), True),
    ]
