"""How a call to the outside can end badly: the one error contract of every adapter.

A caller that talks to a carrier, a gateway or a mail server must know one thing above all: was it done? So an adapter
raises exactly one of three outcomes and lets no transport error through:

* `Retry`: surely not done; the same reference may be sent again after `after`.
* `Refused`: surely not done, and asking again with the same content will not help.
* `Unknown`: it may or may not have been done; look it up by our reference before anything else.
"""

from __future__ import annotations

from datetime import timedelta


class Outcome(Exception):
    """The base of the three outcomes; `reason` is a sentence for a person and holds no secret and no personal data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Retry(Outcome):
    """Surely not done: try the same reference again, not earlier than `after` from now."""

    def __init__(self, after: timedelta, reason: str) -> None:
        super().__init__(reason)
        self.after = after


class Refused(Outcome):
    """Surely not done and will not be: `code` is a stable snake_case word for programs, `reason` is for people."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Unknown(Outcome):
    """Nobody knows whether it was done: ask the other side for our reference, never repeat it blindly."""
