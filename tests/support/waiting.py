"""Wait for a condition instead of a time: the only place of the tests that sleeps."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(check: Callable[[], T | Awaitable[T]], *, within_s: float = 10.0, every_s: float = 0.02) -> T:
    """Call `check` (plain or async) until its answer is true, and return that answer.

    An AssertionError from `check` counts as not yet; after `within_s` the last one is raised, or a new one that shows
    the last answer.
    """
    deadline = time.monotonic() + within_s
    while True:
        failure: AssertionError | None = None
        answer: T | None = None
        try:
            found = check()
            answer = await found if inspect.isawaitable(found) else found
        except AssertionError as error:
            failure = error
        if failure is None and answer:
            return answer
        if time.monotonic() > deadline:
            raise failure or AssertionError(f"still {answer!r} after {within_s} s")
        await asyncio.sleep(every_s)
