"""The first-run guide: from an empty brand to its first order, step by step, each of which can be left and resumed.

What is done is read from what is there, so the guide and the settings never disagree.
"""

from doorstep.web.console.welcome.progress import waits

__all__ = ["waits"]
