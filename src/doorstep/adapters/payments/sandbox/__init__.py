"""The sandbox gateway: an adapter for an invented gateway's API, and beside it the twin that speaks this API.

`python -m doorstep.adapters.payments.sandbox --help` runs the twin. `wire.py` is the gateway's published interface;
the adapter and the twin share nothing else.
"""
