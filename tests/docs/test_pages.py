"""Pages link to what is there, name calls that exist, and show code that works."""

from __future__ import annotations

import re

import pytest

from doorstep.adapters.settings import Settings
from doorstep.kit.outcomes import Refused
from doorstep.shipping.ports import Carrier
from doorstep.web.api.handlers import gather
from tests.docs.pages import ROOT, Page, page, pages
from tests.support.twins import SECRET

CODE = re.compile(r"`((?:src|tests|docs|scripts)/[\w./-]*)`")
NAMED = re.compile(r"\{[^}]*\}")


def show(findings: list[str]) -> str:
    return "\n".join(["", *findings])


@pytest.mark.parametrize("found", pages(), ids=lambda found: found.path)
def test_every_link_and_file_a_page_names_is_there(found: Page) -> None:
    folder = (ROOT / found.path).parent
    missing = [target for target in found.links if not (folder / target).exists()]
    missing += [name for name in CODE.findall(found.text) if not (ROOT / name).exists()]
    assert not missing, show(missing)


def routes() -> set[tuple[str, str]]:
    """Method and path of every route, names in braces left empty."""
    return {
        (str(method), NAMED.sub("{}", path))
        for handler in gather()
        for path in handler.paths
        for method in handler.http_methods
    }


def test_every_call_a_page_names_exists() -> None:
    known = routes()
    assert ("POST", "/v1/orders") in known
    unknown = [
        f"{found.path}: {method} {path}"
        for found in pages()
        for method, path in found.calls
        if "…" not in path and (method, NAMED.sub("{}", path.rstrip("."))) not in known
    ]
    assert not unknown, show(unknown)


def test_the_journey_has_one_page_a_step_that_say_what_always_holds() -> None:
    steps = [found for found in pages() if found.path.startswith("docs/journey/")]
    assert [int(found.path.rpartition("/")[2][:2]) for found in steps] == list(range(1, len(steps) + 1))
    assert len(steps) == 10
    assert [found.path for found in steps if not found.blocks("sql")] == []


def test_a_decision_has_three_paragraphs_and_stands_in_the_list() -> None:
    index = page("docs/decisions/README.md")
    decisions = [found for found in pages() if re.search(r"decisions/\d", found.path)]
    assert [found.path.rpartition("/")[2] for found in decisions] == list(index.links)
    for found in decisions:
        title, *paragraphs = found.text.strip().split("\n\n")
        number = int(found.path.rpartition("/")[2][:4])
        assert title.startswith(f"# {number}. "), found.path
        assert f"[{title.partition('. ')[2]}](" in index.text, found.path
        starts = [paragraph.partition(".**")[0] for paragraph in paragraphs]
        assert starts == ["**Context", "**Decision", "**Consequences"], found.path


def test_the_carrier_on_the_page_keeps_the_contract() -> None:
    (code,) = page("docs/howto/connect-a-carrier.md").blocks("python")
    names: dict[str, object] = {"__name__": "swift"}
    exec(compile(code, "connect-a-carrier.md", "exec", dont_inherit=True), names)
    made = names["SwiftCarrier"](Settings(base_url="http://127.0.0.1:1", secret=SECRET))  # type: ignore[operator]  # exec gives objects
    assert all(hasattr(made, name) for name in vars(Carrier) if not name.startswith("_"))
    with pytest.raises(Refused, match="not signed by the carrier"):
        made.parse_webhook({}, b"[]")
