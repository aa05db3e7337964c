"""Seeded faults: what goes wrong depends on the seed and the names involved only, so that a run can be repeated."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b

import msgspec

# Faults of a call that changes something, drawn once per attempt. The first two happen instead of the work, the others
# after it was done and stored.
BEFORE = ("error_500", "busy_429")
AFTER = ("timeout_after_success", "error_500_after", "hang_up_after", "garbage")
CALL = BEFORE + AFTER


def roll(seed: int, *names: str | int) -> float:
    """A number in [0, 1) that depends on nothing but the seed and the names."""
    key = "\x1f".join(str(name) for name in (seed, *names)).encode()
    return int.from_bytes(blake2b(key, digest_size=7).digest()) / 2**56


def digits(seed: int, *names: str | int, count: int) -> str:
    """Decimal digits (at most 16) that depend on nothing but the seed and the names; for numbers a twin gives out."""
    key = "\x1f".join(str(name) for name in (seed, *names)).encode()
    return f"{int.from_bytes(blake2b(key, digest_size=8).digest()) % 10**count:0{count}d}"


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """How often what goes wrong: `rates` are probabilities by fault name; names left out never happen.

    With `attempts` set, faults of calls strike only the first so many attempts at a reference: work surely ends.
    """

    seed: int = 1
    rates: Mapping[str, float] = {}
    attempts: int | None = None
    late_answer_s: float = 8.0

    def draw(self, kinds: Sequence[str], *names: str | int) -> str | None:
        """At most one of the kinds, each with its rate."""
        level = roll(self.seed, *names)
        for kind in kinds:
            level -= self.rates.get(kind, 0.0)
            if level < 0:
                return kind
        return None

    def draw_call(self, reference: str, attempt: int, *, kinds: Sequence[str] = CALL) -> str | None:
        """What goes wrong with this attempt (1 is the first) at a reference."""
        if self.attempts is not None and attempt > self.attempts:
            return None
        return self.draw(kinds, "call", reference, attempt)

    def happens(self, kind: str, *names: str | int) -> bool:
        """Whether this one fault strikes, drawn apart from all others."""
        return roll(self.seed, kind, *names) < self.rates.get(kind, 0.0)


def parse(text: str, known: Collection[str]) -> dict[str, float]:
    """Read `late=0.04,lost=0.005`. Raises ValueError for an unknown name or a rate outside 0 to 1."""
    rates: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        rates[name] = float(value)
    check(rates, known)
    return rates


def check(rates: Mapping[str, float], known: Collection[str]) -> None:
    """Raise ValueError for an unknown fault or a rate outside 0 to 1: a fault misspelled would never strike."""
    for name, rate in rates.items():
        if name not in known:
            raise ValueError(f"unknown fault {name!r}; known: {', '.join(known)}")
        if not 0.0 <= rate <= 1.0:
            raise ValueError(f"the rate of {name} is a probability, not {rate}")
