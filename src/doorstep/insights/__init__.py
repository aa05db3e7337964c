"""Read models: an order's story in plain words; and the index orders are found by. Written from the journal, never the
other way round.

Invariant: the index says of an order what the order says itself, once its events are digested; it can be made anew at
any time, and nothing else depends on it.
"""

from doorstep.insights.audit import audit
from doorstep.insights.figures import ExceptionCount, add_up, exceptions_by_kind, figures_since, open_work
from doorstep.insights.index import digest, index_orders, rebuild
from doorstep.insights.search import Axis, Counted, FoundOrder, FoundPage, Wanted, count_orders, find_orders
from doorstep.insights.story import Chapter, Moment, moments, story

__all__ = [
    "Axis",
    "Chapter",
    "Counted",
    "ExceptionCount",
    "FoundOrder",
    "FoundPage",
    "Moment",
    "Wanted",
    "add_up",
    "audit",
    "count_orders",
    "digest",
    "exceptions_by_kind",
    "figures_since",
    "find_orders",
    "index_orders",
    "moments",
    "open_work",
    "rebuild",
    "story",
]
