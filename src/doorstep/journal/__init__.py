"""What happened, and what follows from it.

Every state change appends an event in its own transaction. One relay gives committed events a gapless `position`;
reactions are cursors over positions, and move on in the transaction of their effects.

Invariants: no committed event is missed, also one that commits late; effects in the database happen exactly once;
within an order, reactions see events in order; an event that cannot be digested parks its order for that reaction only.
"""

from doorstep.journal.append import append, first
from doorstep.journal.commands import Command
from doorstep.journal.model import Event, Reaction, Recorded, when
from doorstep.journal.react import Reactor, retry_parked
from doorstep.journal.relay import give_positions

__all__ = [
    "Command",
    "Event",
    "Reaction",
    "Reactor",
    "Recorded",
    "append",
    "first",
    "give_positions",
    "retry_parked",
    "when",
]
