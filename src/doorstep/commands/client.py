"""A small client of our own API, for commands that work from anywhere with a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import httpx2

from doorstep.commands.console import FAILED, UNREACHABLE, USAGE, Failed
from doorstep.kit.ids import new_id

_PAGE = 200


class Api:
    """Calls the API at a URL with a key. Raises Failed with the problem's own words."""

    def __init__(self, url: str, key: str) -> None:
        if not key:
            raise Failed(
                "An API key is needed.",
                USAGE,
                "Set DOORSTEP_API_KEY or give --key; make one: doorstep key create floor",
            )
        self._url = url.rstrip("/")
        self._client = httpx2.Client(
            base_url=self._url, headers={"authorization": f"Bearer {key}"}, timeout=30, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    def get(self, path: str, **query: object) -> Any:
        """GET, decoded; parameters that are None are left out."""
        return self._send("GET", path, params={name: value for name, value in query.items() if value is not None})

    def pages(self, path: str, **query: object) -> Iterator[Any]:
        """Every item of a list, page by page."""
        cursor: str | None = None
        while True:
            page = self.get(path, limit=_PAGE, cursor=cursor, **query)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        """POST, decoded; with an Idempotency-Key, so that the transport's retries act once."""
        return self._send("POST", path, json=body or {}, headers={"idempotency-key": new_id().hex})

    def _send(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._client.request(method, path, **options)
        except httpx2.HTTPError as error:
            raise Failed(
                f"{self._url} does not answer: {error}", UNREACHABLE, "Is it running? doorstep doctor; else give --url"
            ) from error
        if answer.is_success:
            return answer.json()
        raise _refusal(answer)


def _refusal(answer: httpx2.Response) -> Failed:
    try:
        problem = answer.json()
        faults = "; ".join(f"{one['pointer']}: {one['detail']}" for one in problem.get("errors", ()))
        text = faults or str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        text = f"The server answered {answer.status_code}."
    return Failed(text, UNREACHABLE if answer.status_code == 503 else FAILED)
