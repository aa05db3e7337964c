"""Transfers between locations: every unit that leaves is accounted for. Outsiders use the door of inventory."""
