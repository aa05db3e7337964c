"""The code a customer shows when handing goods in."""

from __future__ import annotations

import zxingcpp


def qr_svg(token: str) -> str:
    """A QR code (ISO/IEC 18004, error correction M) that says the token, with its quiet zone, as SVG."""
    code = zxingcpp.create_barcode(token, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    svg: str = code.to_svg(scale=4, add_quiet_zones=True)
    # Without the prolog it also stands inside a page.
    return svg[svg.index("<svg") :].replace("Zint Generated Symbol", "Code of the return")
