"""A cart holds its units at Doorstep. The hold is the truth; the cart is changed only once the hold agreed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import structlog

from doorstep.web.shop.cart import Cart, Line, held_lines
from doorstep.web.shop.doorstep import Doorstep, Hold, Refusal, Unreachable
from doorstep.web.shop.wares import CHANNEL

log = structlog.get_logger()


class Short(Exception):
    """Not enough of some SKUs; `available` says how many there are."""

    def __init__(self, available: Mapping[str, int]) -> None:
        super().__init__(", ".join(available))
        self.available = available


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with a cart's units.

    `open`: held for `seconds` more. `over`: the time is up, yet nobody has taken them. `taken`: others have taken some,
    those of `lost`. `none`: nothing is held. `unknown`: Doorstep does not answer just now.
    """

    state: Literal["open", "over", "taken", "none", "unknown"]
    seconds: int = 0
    lost: Sequence[str] = ()


async def keep(doorstep: Doorstep, cart: Cart, lines: Sequence[Line]) -> None:
    """Hold these lines and make them the cart's. Raises Short when that cannot be; then nothing has changed.

    When Doorstep does not answer, or holds no carts, they are the cart's all the same; its page says that nothing is
    held.
    """
    try:
        if lines:
            cart.hold_id = (await _hold(doorstep, cart.hold_id, lines)).hold_id
        elif cart.hold_id:
            await let_go(doorstep, cart)
    except (Unreachable, Refusal) as error:
        log.warning("cart_not_held", error=str(error)[:200])
    cart.lines = list(lines)


async def _hold(doorstep: Doorstep, hold_id: str | None, lines: Sequence[Line]) -> Hold:
    wanted = held_lines(lines)
    try:
        if hold_id:
            try:
                return await doorstep.change_hold(hold_id, wanted)
            except Refusal as refused:
                if refused.kind == "insufficient-stock":
                    raise
                log.info("hold_ended", reason=refused.kind)  # it has ended: a new one
        return await doorstep.hold(wanted, CHANNEL)
    except Refusal as refused:
        if refused.kind != "insufficient-stock":
            raise
        raise Short({one["sku"]: one["available"] for one in refused.problem.get("short", ())}) from None


async def look(doorstep: Doorstep, cart: Cart) -> Held:
    """Ask how it stands. Doorstep counts by its own clock, which in a rehearsal may stand still: then time is not lost,
    and the next look says so.
    """
    if cart.hold_id is None:
        return Held(state="none")
    try:
        hold = await doorstep.read_hold(cart.hold_id)
    except Refusal:
        return Held(state="none")
    except Unreachable as error:
        log.warning("hold_unknown", error=str(error)[:200])
        return Held(state="unknown")
    lost = [line.sku for line in hold.lines if line.held < line.quantity]
    if hold.status == "open":
        return Held(state="open", seconds=hold.expires_in_s)
    if hold.status != "expired":
        return Held(state="none")
    return Held(state="taken", lost=lost) if lost else Held(state="over")


async def longer(doorstep: Doorstep, cart: Cart) -> None:
    """Hold for longer, or anew when it has ended. Raises Short or Unreachable."""
    if cart.hold_id:
        try:
            await doorstep.extend_hold(cart.hold_id)
            return
        except Refusal as refused:
            log.info("hold_ended", reason=refused.kind)
    cart.hold_id = (await _hold(doorstep, None, cart.lines)).hold_id


async def let_go(doorstep: Doorstep, cart: Cart) -> None:
    """Give everything back; what has ended already needs nothing."""
    hold_id, cart.hold_id = cart.hold_id, None
    try:
        if hold_id:
            await doorstep.release_hold(hold_id)
    except Refusal as refused:
        log.info("hold_ended", reason=refused.kind)
