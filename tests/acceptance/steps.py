"""The lines of "Done when", by step. A later step adds its own and keeps those before it."""

from __future__ import annotations

from tests.acceptance import (
    budget,
    chaos,
    clone,
    express,
    faces,
    last_units,
    million,
    newcomer,
    proof,
    safeguards,
    speed,
)
from tests.acceptance.model import Line

STEPS: dict[int, tuple[Line, ...]] = {
    1: (
        Line(
            number=1,
            text="Fresh clone: make run and make test work as one command each; make demo-json reports >= 2,000 orders,"
            " 0 oversold, 0 stuck, all floors, in <= 4 minutes after set-up.",
            measure=clone.measure,
        ),
        Line(
            number=2,
            text="200 concurrent buyers over HTTP for 25 units: exactly 25 orders and 175 clear refusals, no 5xx,"
            " 20 times in a row; also with the SKU on two lines, also with two server processes.",
            measure=last_units.measure,
        ),
        Line(
            number=3,
            text="kill -9 of server, worker, carrier, gateway and PostgreSQL during the demo: it completes, the audit"
            " holds, no label bought twice, no capture twice.",
            measure=chaos.measure,
        ),
        Line(number=4, text="Rows and WAL of placing a 2-line order within the budget.", measure=budget.measure),
        Line(number=5, text="Every sabotage is caught by the test that names it.", measure=safeguards.measure),
        Line(
            number=6,
            text="Someone who has never seen the code finds what happens after a short pick from journey.py"
            " in a minute.",
            measure=newcomer.measure,
        ),
    ),
    2: (
        Line(
            number=1,
            text="In a real headless Chromium: the personalized, gift-wrapped jersey is bought with express, picked,"
            " personalized, wrapped, packed and shipped from the console, followed, late and answered, returned with a"
            " printed label, refunded. No sleep; screenshots kept.",
            measure=faces.journey,
        ),
        Line(
            number=2,
            text="axe-core finds nothing serious or critical on any page; every page under 100 kB without pictures; no"
            " layout shift, no console error.",
            measure=faces.pages,
        ),
        Line(
            number=3,
            text="Search and lists at 1,000,000 orders: p95 <= 50 ms in the database and <= 120 ms to the rendered"
            " page.",
            measure=million.measure,
        ),
        Line(
            number=4,
            text="No page or action without the right role and location (all routes); CSRF, clickjacking, session"
            " fixation, open redirect, stored XSS, enumeration, brute force.",
            measure=faces.security,
        ),
        Line(
            number=5,
            text="Backup, wipe, restore: audit green, the same timeline.",
            measure=faces.backup,
        ),
        Line(
            number=6,
            text="Tried as a new user would, by the README alone, on a clean clone: from nothing to the jersey in"
            " 5 minutes.",
            measure=faces.newcomer,
        ),
    ),
    3: (
        Line(
            number=1,
            text="Full order over HTTP >= 1.5 x multi uniform, >= 3 x multi_hot; batch >= 2.5 x multi and >= 2 x"
            " cte_hot; p99 <= 50 ms open-loop at half the maximum; availability >= 1,500 requests/s; among a million"
            " orders >= 85 %; place to delivered >= 300 orders/s, and after a 60 s burst the backlog is empty within"
            " 5 minutes.",
            measure=speed.measure,
        ),
        Line(
            number=2,
            text="1,000,000 claims by 64 writers in several processes with feeds, expiries, cancels and re-routes"
            " running: 0 oversold, 0 deadlocks, 0 false refusals, confirmed by a replay in commit order.",
            measure=proof.claims,
        ),
        Line(
            number=3,
            text="100 random kill -9 of server, worker and PostgreSQL under load: every 201 exists, nothing twice,"
            " audit green.",
            measure=proof.kills,
        ),
        Line(number=4, text="docs/operate/locking.md: one page a reviewer can quote.", measure=proof.page),
        Line(
            number=5,
            text="With 10,000 standard orders waiting, express: click to pick list <= 5 s p99.",
            measure=express.measure,
        ),
    ),
}
