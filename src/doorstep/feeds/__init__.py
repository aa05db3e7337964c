"""Feeds: files of a million rows that say what is on the shelves, taken in while the shop sells.

Invariants: a feed sent twice counts once; its rows become movements, never below what is claimed; two feeds of one
location take turns, and an older one never follows a newer one; what is cut short goes on where it stopped, or is sent
again. States: receiving → checking → applying → done; waiting (another feed's turn), checked (only compared), refused
(a guard: a person may apply it all the same), failed, canceled.
"""

from doorstep.feeds.apply import apply_anyway, cancel, follow, work_on
from doorstep.feeds.model import Applied, BadRow, Change, Feed, Wish
from doorstep.feeds.prune import prune
from doorstep.feeds.reads import bad_rows, changes, feed, page
from doorstep.feeds.receive import receive

__all__ = [
    "Applied",
    "BadRow",
    "Change",
    "Feed",
    "Wish",
    "apply_anyway",
    "bad_rows",
    "cancel",
    "changes",
    "feed",
    "follow",
    "page",
    "prune",
    "receive",
    "work_on",
]
