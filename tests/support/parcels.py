"""Label requests for tests, and what a scanner sees on a label."""

from __future__ import annotations

from typing import Any

import msgspec
import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import zxingcpp

from doorstep.shipping.ports import LabelRequest, ParcelSpec, Party

WAREHOUSE = Party(
    name="Doorstep Daventry", lines=("Unit 4", "Royal Oak Way"), postcode="NN11 8QL", city="Daventry", country="GB"
)
BUYER = Party(
    name="Zoë Łukaszewicz",
    lines=("Flat 2", "14 High Street"),
    postcode="EH1 1RE",
    city="Edinburgh",
    country="GB",
    phone="+447700900123",
    email="zoe@example.test",
)
PARCEL = ParcelSpec(weight_g=1_250, length_mm=300, width_mm=200, height_mm=120)


def label_request(reference: str, **changes: Any) -> LabelRequest:
    """A request for an ordinary label, with changes."""
    request = LabelRequest(reference=reference, service="standard", ship_from=WAREHOUSE, ship_to=BUYER, parcel=PARCEL)
    return msgspec.structs.replace(request, **changes)


def scanned(label_pdf: bytes) -> list[str]:
    """What a reader finds on the one page of a label printed at 203 dpi."""
    document = pypdfium2.PdfDocument(label_pdf)
    try:
        assert len(document) == 1
        image = document[0].render(scale=203 / 72).to_pil()
    finally:
        document.close()
    assert image.size == (812, 1218)  # 4 x 6 inch
    return [code.text for code in zxingcpp.read_barcodes(image)]
