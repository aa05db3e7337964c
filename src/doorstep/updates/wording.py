"""A brand's own words for its messages, written by a person in the console: a tame part of the template language.

Texts, names of facts and `if`: no calls, no attributes, no loops, no arithmetic. So a wording can neither read what it
should not nor run for ever, and one that was accepted renders for every letter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, get_args

import msgspec
from jinja2 import Template, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from doorstep.db import Tx
from doorstep.kit.errors import Fault, Invalid
from doorstep.kit.templates import LANGUAGES
from doorstep.updates.model import Kind
from doorstep.updates.store import SQL

# What a wording may name. What a message has nothing to say of is empty, and `{% if day %}` asks for it.
FACTS: Final = (
    "name", "shop", "number", "day", "day_short", "old_day", "next_day", "total", "amount", "tracking_number",
    "return_number", "refund_by", "link",
)  # fmt: skip
LIMITS: Final = {"subject": 300, "body": 4_000, "sms": 500}
KINDS: Final[tuple[str, ...]] = get_args(Kind)
_DEPTH: Final = 10
_ALLOWED: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.If, nodes.CondExpr, nodes.Const, nodes.And,
    nodes.Or, nodes.Not,
)  # fmt: skip
_environment: Final = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """A brand's words for a kind of message in a language; a part that is None stays ours."""

    kind: str
    language: str
    subject: str | None = None
    body: str | None = None
    sms: str | None = None


async def wordings(tx: Tx) -> list[Wording]:
    """All of the brand's own wordings."""
    return [msgspec.convert(dict(row), Wording) for row in await tx.fetch(SQL.wordings)]


async def put_wording(tx: Tx, wording: Wording) -> None:
    """Keep a wording; one without any part of its own is taken away, and ours speaks again. Raises Invalid by part."""
    check(wording)
    parts = (wording.subject, wording.body, wording.sms)
    if parts == (None, None, None):
        await tx.execute(SQL.drop_wording, wording.kind, wording.language)
    else:
        await tx.execute(SQL.put_wording, wording.kind, wording.language, *parts)


def check(wording: Wording) -> None:
    """Raises Invalid with all that is wrong, each with its line."""
    faults = []
    if wording.kind not in KINDS or wording.language not in LANGUAGES:
        faults.append(Fault("/kind", "There is no such message."))
    for part, most in LIMITS.items():
        text = getattr(wording, part)
        if text is not None and (why := _fault(text, most)):
            faults.append(Fault(f"/{part}", why))
    if faults:
        raise Invalid(faults)


def spoken(text: str, facts: Mapping[str, Any]) -> str:
    """The text for a letter's facts."""
    return _template(text).render({name: str(facts.get(name) or "") for name in FACTS}).strip()


def _fault(text: str, most: int) -> str:
    if not 1 <= len(text) <= most:
        return f"1 to {most} characters, not {len(text)}."
    try:
        tree = _environment.parse(text)
    except TemplateSyntaxError as error:
        return f"Line {error.lineno}: {error.message}."
    except RecursionError:
        return "This is nested too deeply."
    return next(_unfit(tree, 0), "")


def _unfit(node: nodes.Node, depth: int) -> Iterator[str]:
    if depth > _DEPTH:
        yield f"Line {node.lineno}: this is nested too deeply."
        return
    if not isinstance(node, _ALLOWED):
        yield f"Line {node.lineno}: only texts, facts and if are allowed here, not {type(node).__name__.lower()}."
        return
    if isinstance(node, nodes.Name) and (node.name not in FACTS or node.ctx != "load"):
        yield f"Line {node.lineno}: there is no fact {node.name[:40]!r}; there are {', '.join(FACTS)}."
    for child in node.iter_child_nodes():
        yield from _unfit(child, depth + 1)


@lru_cache(maxsize=256)
def _template(text: str) -> Template:
    return _environment.from_string(text)
