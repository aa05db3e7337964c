"""The sandbox's storefront: eight things to buy, for demos and for those who connect a shop of their own.

A process of its own that knows Doorstep by its HTTP API only, as any storefront would; an import rule keeps it so. What
it remembers, carts, is in memory: held stock frees itself when it is forgotten. Read `doorstep.py` first: all calls.
"""
