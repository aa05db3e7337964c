"""The shopper's pages: an order as its customer sees it, and what they may still change.

A signed link shows; only a POST acts; what touches the address or money asks for the delivery postcode first.
"""
