"""A carrier inside the test's own process, which fails as it is told to."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime

from doorstep.kit.outcomes import Refused, Unknown
from doorstep.shipping import Label, LabelRequest, TrackingStatus, TrackingUpdate

_numbers = itertools.count(1)


class OwnCarrier:
    """Sells labels; `mishaps` are used up one a purchase: `refused`, `lost_answer` (sold, and we do not hear of it)."""

    code = "sandbox"
    services = ("standard", "express", "fast-track")

    def __init__(self, *mishaps: str) -> None:
        self.mishaps = list(mishaps)
        self.sold: dict[str, Label] = {}
        self.asked: list[LabelRequest] = []

    async def buy_label(self, request: LabelRequest) -> Label:
        """Sell one, each time anew: a repeated purchase would show in `asked`."""
        mishap = self.mishaps.pop(0) if self.mishaps else ""
        if mishap == "refused":
            raise Refused("postcode_not_served", "we do not go there")
        self.asked.append(request)
        label = Label(
            tracking_number=f"TN{next(_numbers):06d}",
            carrier_reference="ref",
            label_pdf=b"%PDF-",
            cost_minor=389,
            currency="GBP",
        )
        self.sold[request.reference] = label
        if mishap == "lost_answer":
            raise Unknown("the answer was lost")
        return label

    async def find_label(self, reference: str) -> Label | None:
        """What was sold under a reference."""
        return self.sold.get(reference)

    async def cancel_label(self, reference: str) -> None:
        """Take it back."""
        self.sold.pop(reference, None)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[TrackingUpdate]:
        """Nothing is ever told this way."""
        raise Refused("garbage", "no webhooks here")

    async def aclose(self) -> None:
        """Nothing to close."""


def update(
    number: str | None,
    event_id: str,
    status: TrackingStatus,
    at: datetime,
    *,
    substatus: str | None = None,
    expected_at: datetime | None = None,
) -> TrackingUpdate:
    """Something a carrier tells of a parcel."""
    return TrackingUpdate(
        event_id=event_id,
        tracking_number=number or "",
        status=status,
        substatus=substatus,
        occurred_at=at,
        description="",
        expected_at=expected_at,
        raw={},
    )
