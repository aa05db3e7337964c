"""Named SQL: each noun keeps its statements in `queries.sql`, each under a line `-- name: some_verb`."""

from __future__ import annotations

import re
from importlib.resources import files

_NAME = re.compile(r"^-- name: *([a-z0-9_]+) *$", re.MULTILINE)


class Statements:
    """The statements of one file as attributes: `SQL.insert_orders`. An unknown name raises AttributeError."""

    def __init__(self, source: str, text: str) -> None:
        pieces = _NAME.split(text)
        names, bodies = pieces[1::2], pieces[2::2]
        if len(set(names)) != len(names):
            raise ValueError(f"{source}: a statement's name stands twice")
        self._source = source
        self._by_name = {name: body.strip().rstrip(";") for name, body in zip(names, bodies, strict=True)}

    def __getattr__(self, name: str) -> str:
        try:
            return self._by_name[name]
        except KeyError:
            raise AttributeError(f"{self._source} has no statement named {name!r}") from None

    def __iter__(self):  # type: ignore[no-untyped-def]  # only the style test walks over them
        return iter(self._by_name.items())


def statements(package: str) -> Statements:
    """Load `queries.sql` of a package, e.g. `statements(__package__)`."""
    return Statements(package, files(package).joinpath("queries.sql").read_text(encoding="utf-8"))
