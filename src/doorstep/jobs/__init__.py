"""Work with the outside, or for later; and the exceptions a person must see.

Invariants: an intent has one job; a job's result is committed together with its end, and only by the holder of its
lease; what fails too often stops (poisoned) and becomes an exception.
"""

from doorstep.jobs.exceptions import assign_exceptions, open_exception, resolve_exception
from doorstep.jobs.model import Done, Errand, Job, Kind, Work, does, finish_all, postpone_all
from doorstep.jobs.run import Runner, drop, enqueue, move, reawaken

__all__ = [
    "Done",
    "Errand",
    "Job",
    "Kind",
    "Runner",
    "Work",
    "assign_exceptions",
    "does",
    "drop",
    "enqueue",
    "finish_all",
    "move",
    "open_exception",
    "postpone_all",
    "reawaken",
    "resolve_exception",
]
