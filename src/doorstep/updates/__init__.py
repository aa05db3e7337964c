"""What the customer is told, on their terms; bad news first.

Invariants: every event worth telling leaves one row for each channel, also when it stays unsaid (then with the reason);
the same thing is told once over one channel; no row holds a name or an address.
States: wanted -> sent | refused | suppressed; a refused one is wanted again when a person says retry.
"""

from doorstep.updates.audit import audit
from doorstep.updates.compose import logo_path
from doorstep.updates.links import read_token, token
from doorstep.updates.model import Letterhead
from doorstep.updates.preferences import preferences, put_preferences
from doorstep.updates.reads import ToldEarly, Update, history, told_early, words
from doorstep.updates.resend import AskedAgain, resend
from doorstep.updates.sample import Preview, preview
from doorstep.updates.send import JOB, retry, send
from doorstep.updates.tell import tell
from doorstep.updates.wording import FACTS, KINDS, LIMITS, Wording, check, put_wording, wordings

__all__ = [
    "FACTS",
    "JOB",
    "KINDS",
    "LIMITS",
    "AskedAgain",
    "Letterhead",
    "Preview",
    "ToldEarly",
    "Update",
    "Wording",
    "audit",
    "check",
    "history",
    "logo_path",
    "preferences",
    "preview",
    "put_preferences",
    "put_wording",
    "read_token",
    "resend",
    "retry",
    "send",
    "tell",
    "token",
    "told_early",
    "wordings",
    "words",
]
