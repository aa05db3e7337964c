"""The messages twin: an SMTP server and an HTTP server for text messages that keep everything they accept.

`python -m doorstep.adapters.messages.sandbox --help` runs it. There is no adapter here: the real ones talk to it.
"""
