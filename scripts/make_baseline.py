"""Write the first migration from the nouns' schema files; with --check, say whether it is up to date and write nothing.

Until the first release there is one migration, 0001, and it is this copy: nobody has data to carry over yet. From the
first release on it stands still, a change of a schema file comes with a numbered migration of its own, and
tests/db/test_migrations.py goes on comparing the two. Run it in the project's environment:

    .venv/bin/python scripts/make_baseline.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from doorstep.db.migrate import BRAND_SCHEMAS

PACKAGE = Path(__file__).resolve().parents[1] / "src/doorstep"
NAME = "0001_initial.sql"
# Scope of a migration → the schema files it is made of, in order.
SOURCES = {"shared": ("db/schema.sql",), "brand": BRAND_SCHEMAS}


def baseline(scope: str) -> str:
    """The text of a scope's first migration, as the schema files stand now."""
    return "".join((PACKAGE / path).read_text(encoding="utf-8") for path in SOURCES[scope])


def outdated() -> list[Path]:
    """The first migrations that differ from their schema files."""
    paths = {scope: PACKAGE / "db/migrations" / scope / NAME for scope in SOURCES}
    return [
        path
        for scope, path in paths.items()
        if not path.exists() or path.read_text(encoding="utf-8") != baseline(scope)
    ]


def main(arguments: list[str]) -> int:
    """Exit code 0 when all is up to date (afterwards), 1 when --check finds a difference, 2 for a wrong argument."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    for path in outdated():
        if arguments:
            print(f"{path.name} of {path.parent.name} is not what the schema files say: run scripts/make_baseline.py")
            return 1
        path.write_text(baseline(path.parent.name), encoding="utf-8")
        print(f"wrote {path.relative_to(PACKAGE.parents[1])}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
