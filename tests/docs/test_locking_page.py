"""The page on locking can be quoted: it is one page, and every test it names is there."""

from __future__ import annotations

from tests.acceptance.proof import page


def test_the_page_on_locking_is_one_page_and_names_tests_that_are_there() -> None:
    assert [f"{one.what}: {one.value}" for one in page() if not one.ok] == []
