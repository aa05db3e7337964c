"""The sandbox carrier: an adapter for an invented carrier's API, and beside it the twin that speaks this API.

`python -m doorstep.adapters.carriers.sandbox --help` runs the twin. `wire.py` is the carrier's published interface;
the adapter and the twin share nothing else.
"""
