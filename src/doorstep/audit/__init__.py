"""The audit: do units, money, messages and work still add up, within each noun and between them?

Invariant: it only reads, all of it at one moment. Run it when the worker has caught up (`GET /v1/backlog` is all zero):
what is still on its way is not a fault, though a check between nouns may take it for one.
"""

from doorstep.audit.run import NOUNS, audit, stuck

__all__ = ["NOUNS", "audit", "stuck"]
