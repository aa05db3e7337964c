"""Read models: an order's story in plain words; and the index orders are found by. Written from the journal, never the
other way round.

Invariant: the index says of an order what the order says itself, once its events are digested; it can be made anew at
any time, and nothing else depends on it.
"""

from doorstep.insights.index import digest, index_orders, rebuild
from doorstep.insights.search import Axis, Counted, FoundOrder, FoundPage, Wanted, count_orders, find_orders
from doorstep.insights.story import Chapter, Moment, moments, story

__all__ = [
    "Axis",
    "Chapter",
    "Counted",
    "FoundOrder",
    "FoundPage",
    "Moment",
    "Wanted",
    "count_orders",
    "digest",
    "find_orders",
    "index_orders",
    "moments",
    "rebuild",
    "story",
]
