"""Who of the staff may do what: roles, their permissions, and the one at the door."""

from __future__ import annotations

from typing import Literal, get_args
from uuid import UUID

import msgspec

from doorstep.db import Brand
from doorstep.kit.errors import Forbidden

Role = Literal["admin", "agent", "floor", "vendor", "viewer"]
ROLES: tuple[Role, ...] = get_args(Role)
Permission = Literal[
    "self",  # one's own account
    "orders.read",  # orders, customers and money
    "orders.act",  # hold, release, cancel, readdress, note, resend, return on behalf of the customer
    "money",  # refund and goodwill
    "stock.read",
    "stock.act",  # count, adjust, receive, transfer
    "stock.decide",  # book a count that differs much; whoever counts does not see by how much
    "exceptions.read",
    "exceptions.act",
    "floor.read",  # fulfillment work
    "floor.act",
    "settings",
    "users",
    "audit_log",
]
PERMISSIONS: dict[Permission, frozenset[Role]] = {
    "self": frozenset(ROLES),
    "orders.read": frozenset({"admin", "agent", "viewer"}),
    "orders.act": frozenset({"admin", "agent"}),
    "money": frozenset({"admin", "agent"}),
    "stock.read": frozenset(ROLES),
    "stock.act": frozenset({"admin", "floor"}),
    "stock.decide": frozenset({"admin"}),
    "exceptions.read": frozenset({"admin", "agent", "viewer"}),
    "exceptions.act": frozenset({"admin", "agent"}),
    "floor.read": frozenset({"admin", "floor", "vendor", "viewer"}),
    "floor.act": frozenset({"admin", "floor", "vendor"}),
    "settings": frozenset({"admin"}),
    "users": frozenset({"admin"}),
    "audit_log": frozenset({"admin"}),
}


class Staff(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody logged in. `location_ids`: where they may look and act, None for everywhere. `csrf` goes into forms."""

    user_id: UUID
    login: str
    name: str
    role: Role
    brand: Brand
    brand_title: str
    language: str
    location_ids: frozenset[int] | None
    must_change: bool
    csrf: str
    token_hash: bytes

    @property
    def actor(self) -> str:
        """As the journal and the audit log name them."""
        return f"user:{self.login}"

    @property
    def locations(self) -> list[int] | None:
        """For SQL: the locations' ids, null for all."""
        return None if self.location_ids is None else sorted(self.location_ids)

    def may(self, permission: Permission) -> bool:
        """Whether their role allows it."""
        return self.role in PERMISSIONS[permission]

    def may_at(self, location_id: int) -> bool:
        """Whether the location is one of theirs."""
        return self.location_ids is None or location_id in self.location_ids

    def require_at(self, location_id: int) -> None:
        """Raises Forbidden when the location is not one of theirs."""
        if not self.may_at(location_id):
            raise Forbidden("This location is not one of yours.")
