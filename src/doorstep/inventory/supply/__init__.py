"""Dated supply, promised before it is here: the terms, the claims on it, and what is set aside for who waited.

Invariants, held by the database: the units promised of a delivery are never more than it brings; a product is never
sold further beyond its stock than its cap, nor on a channel further than the channel's. All that concerns the supply of
a product is written under the lock of its row of `beyond_stock`, which comes after the stock rows.
"""
