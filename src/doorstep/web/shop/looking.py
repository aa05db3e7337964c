"""Looking around: the list of wares, one of them, the language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from litestar import Response, get, post
from litestar.params import Parameter

from doorstep.kit.errors import NotFound
from doorstep.web.shop.visiting import Asked, Visit, form
from doorstep.web.shop.wares import MOST_UNITS, WARES, Size, Ware, print_faults, printed

_FEW = 5  # so few units left are worth a word

Code = Annotated[str, Parameter(max_length=40)]


@get("/")
async def show_wares(request: Asked) -> Response[bytes]:
    """Everything there is."""
    visit = Visit(request)
    units = await visit.shop.shelf.units()
    left = {
        ware.code: None if units is None else sum(units[size.sku] for size in ware.sizes) for ware in WARES.values()
    }
    return visit.page("list.html", left=left, few=_FEW)


@get("/p/{code:str}")
async def show_ware(request: Asked, code: Code) -> Response[bytes]:
    """One of them. What is to be printed may come along, for a preview without JavaScript."""
    return await ware_page(Visit(request), code, request.query_params)


async def ware_page(
    visit: Visit,
    code: str,
    fields: Mapping[str, str],
    *,
    faults: Mapping[str, object] | None = None,
    status: int = 200,
) -> Response[bytes]:
    """The page of a ware, with what was typed and what is wrong with it. Raises NotFound."""
    ware = WARES.get(code)
    if ware is None:
        raise NotFound("There is no such thing.")
    texts = {name: text[:40] for name, text in printed(ware, fields).items()}
    wrong = dict.fromkeys(print_faults(ware, texts) if texts and faults is None else (), True)
    units = await visit.shop.shelf.units()
    return visit.page(
        "ware.html",
        status=status,
        ware=ware,
        sizes=_sizes(ware, units, fields.get("sku", "")),
        texts=texts,
        faults=faults or wrong,
        few=_FEW,
        most=MOST_UNITS,
        quantity=fields.get("quantity", "1"),
    )


def _sizes(ware: Ware, units: Mapping[str, int] | None, chosen: str) -> Sequence[tuple[Size, int | None, bool]]:
    """Each size, how many are left, and whether it is chosen: the one asked for, else the first there is."""
    known = [(size, None if units is None else units[size.sku]) for size in ware.sizes]
    there = [size.sku for size, left in known if left is None or left > 0]
    picked = chosen if chosen in there else there[len(there) // 2] if there else ""
    return [(size, left, size.sku == picked) for size, left in known]


@post("/language", status_code=200)
async def choose_language(request: Asked) -> Response[bytes]:
    """English or German from now on."""
    fields = await form(request)
    return Visit(request).speak(fields.get("language", ""), fields.get("back", "/"))


HANDLERS = (show_wares, show_ware, choose_language)
