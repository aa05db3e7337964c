"""What a sabotage is: which safeguard is taken away, and which test must notice."""

from __future__ import annotations

import msgspec

_MIGRATION = "src/doorstep/db/migrations/brand/0001_initial.sql"


class Edit(msgspec.Struct, frozen=True):
    """A piece of text in a file, and what stands there instead."""

    path: str
    old: str
    new: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One sabotage. `test` is a pytest id without parameters; one failing variant is enough."""

    name: str
    edits: tuple[Edit, ...]
    test: str


def code(path: str, old: str, new: str) -> Edit:
    """A change of the product's code or statements."""
    return Edit(f"src/doorstep/{path}", old, new)


def schema(old: str, new: str) -> tuple[Edit, ...]:
    """A change of the schema, where databases are made from."""
    return (Edit(_MIGRATION, old, new),)
