"""The HTTP API: mounts the nouns' handlers; keys, request ids, problem details and the API's description are here.

Invariant: nothing under /v1 answers without a good key of one brand, except webhooks, which are signed.
"""

from doorstep.web.api.app import create_app
from doorstep.web.api.keys import Key, Keys, create, every, revoke

__all__ = ["Key", "Keys", "create", "create_app", "every", "revoke"]
