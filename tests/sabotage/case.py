"""What a case of sabotage is."""

from __future__ import annotations

import msgspec


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
