"""Routing: which locations send what. Filter, cost, exact choice, split only when it must; every decision keeps its
reasons.

Invariant: a decision never gives a location more units than the availability it was shown, nor work it cannot do.
Routing claims nothing itself: whoever asks claims the result in the same transaction.
"""

from doorstep.routing.beyond import Beyond, Piece
from doorstep.routing.decide import decide
from doorstep.routing.model import Awaited, Candidate, Decision, Demand, Part, Request, restored, stored
from doorstep.routing.network import Network, NetworkCache

__all__ = [
    "Awaited",
    "Beyond",
    "Candidate",
    "Decision",
    "Demand",
    "Network",
    "NetworkCache",
    "Part",
    "Piece",
    "Request",
    "decide",
    "restored",
    "stored",
]
