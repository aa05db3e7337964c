"""How much is measured: the normal form in about twenty minutes, the quick form in about five, the smoke in seconds."""

from __future__ import annotations

import msgspec


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Runs and seconds. `warm_s`: until a server process has met most products and the workers have noticed the burst.
    `scan_s`: each setting once; `open_s`: the open loop; `copies`: of all orders, for part g.
    """

    name: str
    rounds: int
    seconds: float
    warm_s: float
    scan_s: float
    open_s: float
    skus: int
    clients: tuple[int, ...]
    processes: tuple[int, ...]
    bulk: int
    bulk_clients: tuple[int, ...]
    earlier: int
    copies: int
    feed_rows: int
    pace_s: float
    burst_s: float
    backlog_s: float


NORMAL = Plan(
    name="normal", rounds=5, seconds=5, warm_s=6, scan_s=3, open_s=20, skus=20_000, clients=(1, 32, 128),
    processes=(1, 2, 4), bulk=500, bulk_clients=(2, 8), earlier=10_000, copies=99, feed_rows=100_000, pace_s=60,
    burst_s=60, backlog_s=420,
)  # fmt: skip
QUICK = Plan(
    name="quick", rounds=1, seconds=3, warm_s=5, scan_s=2, open_s=5, skus=20_000, clients=(32, 128), processes=(1, 2),
    bulk=500, bulk_clients=(4,), earlier=10_000, copies=9, feed_rows=20_000, pace_s=15, burst_s=10, backlog_s=300,
)  # fmt: skip
# Says nothing about speed: it shows that every part still runs.
SMOKE = Plan(
    name="smoke", rounds=1, seconds=1, warm_s=1, scan_s=1, open_s=1, skus=200, clients=(4,), processes=(1,), bulk=20,
    bulk_clients=(2,), earlier=50, copies=2, feed_rows=200, pace_s=1, burst_s=1, backlog_s=60,
)  # fmt: skip
PLANS = {plan.name: plan for plan in (NORMAL, QUICK, SMOKE)}
