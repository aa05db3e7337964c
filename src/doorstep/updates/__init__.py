"""What the customer is told, on their terms; bad news first.

Invariants: every event worth telling leaves one row for each channel, also when it stays unsaid (then with the reason);
the same thing is told once over one channel; no row holds a name or an address.
States: wanted -> sent | refused | suppressed; a refused one is wanted again when a person says retry.
"""

from doorstep.updates.audit import audit
from doorstep.updates.links import read_token, token
from doorstep.updates.model import Letterhead
from doorstep.updates.preferences import preferences, put_preferences
from doorstep.updates.reads import ToldEarly, Update, history, told_early, words
from doorstep.updates.resend import AskedAgain, resend
from doorstep.updates.send import JOB, retry, send
from doorstep.updates.tell import tell

__all__ = [
    "JOB",
    "AskedAgain",
    "Letterhead",
    "ToldEarly",
    "Update",
    "audit",
    "history",
    "preferences",
    "put_preferences",
    "read_token",
    "resend",
    "retry",
    "send",
    "tell",
    "token",
    "told_early",
    "words",
]
